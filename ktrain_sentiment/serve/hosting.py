"""The predictors of a server by name, and how one is replaced while it is used."""

from __future__ import annotations

import asyncio
import logging
import re
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ktrain_sentiment.errors import ConfigError, InputError, PredictorError
from ktrain_sentiment.inference.classifier import TextClassifier
from ktrain_sentiment.inference.loading import find_predictor, load
from ktrain_sentiment.predictor.manifest import read_manifest
from ktrain_sentiment.reading_rules import Engine
from ktrain_sentiment.remote import url_of
from ktrain_sentiment.serve.limits import RefusalError

log = logging.getLogger(__name__)

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")


@dataclass(frozen=True)
class Model:
    """A predictor that is being served.

    Attributes:
        name: What requests call it.
        folder: Where it was loaded from.
        classifier: What answers.
        table: How the table of its training was read.
        version: 1, and one more each time it is loaded again.
        loaded_at: Seconds since 1970.
    """

    name: str
    folder: Path
    classifier: TextClassifier
    table: Mapping[str, Any] = field(default_factory=dict)
    version: int = 1
    loaded_at: float = 0.0


class Hosting:
    """Models by name; the first is the one that requests without a name get.

    Args:
        places: Folders by name.
        engine: As for `load`.
        threads: As for `load`.
        costs: What mistakes cost, of all of them, as for `MistakeCosts.parse`; the likeliest label
            is said where there are none.

    Raises:
        PredictorError: One of them cannot be loaded.
        ConfigError: A cost makes no sense for one of them.
    """

    def __init__(
        self,
        places: Mapping[str, Path],
        engine: Engine = "auto",
        threads: int = 0,
        costs: Sequence[str] = (),
    ) -> None:
        self._engine, self._threads, self._costs = engine, threads, costs
        self._lock = threading.Lock()
        self._models = {name: self._open(name, folder, 1) for name, folder in places.items()}

    @property
    def names(self) -> tuple[str, ...]:
        """All names, the first model's first."""
        return tuple(self._models)

    def get(self, name: str | None = None) -> Model:
        """The model of a name, or the first.

        Raises:
            RefusalError: There is no such model.
        """
        found = self._models.get(self.names[0] if name is None else name)
        if found is None:
            known = ", ".join(self.names)
            raise RefusalError(404, "NotFound", f"there is no such model: wanted one of {known}")
        return found

    async def reload(self, name: str) -> Model:
        """Load a model again beside the one in use, try it, and put it in its place.

        Requests that have begun end on the old one; nothing is lost.

        Raises:
            RefusalError: There is no such model.
            PredictorError: It cannot be loaded; the old one stays.
            ConfigError: Its labels are no longer those that were weighed; the old one stays.
        """
        return await asyncio.to_thread(self._replace, name)

    def _replace(self, name: str) -> Model:
        with self._lock:
            old = self.get(name)
            new = self._open(name, old.folder, old.version + 1)
            self._models[name] = new
            log.info("%s: loaded again, version %d", name, new.version)
            return new

    def _open(self, name: str, folder: Path, version: int) -> Model:
        # `load` has it answer two texts before it is handed out: that is the check.
        classifier = load(folder, self._engine, threads=self._threads)
        try:
            classifier = classifier.weighing(self._costs)
        except ConfigError as error:
            raise ConfigError(f"{name}: {error}") from error
        try:
            table = read_manifest(find_predictor(folder, engine=self._engine)).table
        except PredictorError:  # A folder from elsewhere has no manifest.
            table = {}
        return Model(name, folder, classifier, table, version, time.time())


def name_places(given: Sequence[str]) -> dict[str, Path]:
    """Folders and URLs by name, from `FOLDER` or `NAME=FOLDER`; its own name where none is given.

    Raises:
        ConfigError: Two have one name, or a name would not do in an address.
    """
    places: dict[str, Path] = {}
    for one in given:
        name, equals, folder = ("", "", one) if url_of(one) else one.partition("=")
        path = Path(folder if equals else one).expanduser()
        if not equals:
            named = path.absolute()
            run = named.parent.name if named.name == "predictor" else ""
            name = run or named.name
            name = re.sub(r"[^A-Za-z0-9_.-]+", "-", name)
        if not _NAME.fullmatch(name):
            raise ConfigError(
                f"{one}: {name!r} is no name for a model, wanted letters, digits and _ . - alone: "
                "write NAME=FOLDER"
            )
        if name in places:
            raise ConfigError(f"{one}: there is a model called {name} already: write NAME=FOLDER")
        places[name] = path
    if not places:
        raise InputError("got no predictor: name a predictor folder or a run folder")
    return places
