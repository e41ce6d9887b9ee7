"""Serve predictors over HTTP: clients of TEI, Hugging Face, KServe and MLflow work unchanged.

    ktrain-sentiment serve runs/reviews
    ktrain-sentiment serve en=runs/reviews de=runs/rezensionen --port 9000
    SENTIMENT_API_KEY=... ktrain-sentiment serve runs/reviews --host 0.0.0.0

Listens on this machine alone unless told otherwise, and wants an API key then. SIGTERM ends it
without losing a request, SIGHUP loads the predictors again. What it takes and refuses is a table in
docs/serving.md. Needs neither TensorFlow nor PyTorch.
"""

from __future__ import annotations

import dataclasses
import logging
import os
import sys
from dataclasses import dataclass
from typing import Any, Literal

from tyro.conf import Positional

from ktrain_sentiment.commands.flags import ScriptFlags
from ktrain_sentiment.config.flat import to_flat
from ktrain_sentiment.errors import ConfigError, check_installed, printable
from ktrain_sentiment.reading_rules import Engine
from ktrain_sentiment.serve.limits import Limits

COMMON = ("host", "port", "api_key")
"""Flags that help shows first."""

SECTIONS = {
    "Who may call": ("no_api_key", "allow_origin", "allow_host"),
    "What computes": ("engine", "threads", "costs", "blank_texts"),
    "How much is taken": tuple(field.name for field in dataclasses.fields(Limits)),
}
"""Titles in help, and the flags under them."""

KEY = "SENTIMENT_API_KEY"
"""The environment variable of the API key: other users of a machine see its command lines."""


@dataclass(frozen=True, kw_only=True)
class Flags(ScriptFlags, Limits):
    """What to serve, where, and how much is taken."""

    predictors: Positional[tuple[str, ...]] = ()
    """Predictor or run folders, or their URLs, as FOLDER or NAME=FOLDER; the first is the one that
    requests without a name get; the newest run's predictor when left out."""

    host: str = "127.0.0.1"
    """Address to listen on; 0.0.0.0: all of this machine's."""

    port: int = 8080
    """Port to listen on; 0: any that is free."""

    api_key: str = ""
    """What requests must carry as `Authorization: Bearer KEY`; better given in the environment, as
    SENTIMENT_API_KEY."""

    no_api_key: bool = False
    """Listen beyond this machine without a key."""

    allow_origin: tuple[str, ...] = ()
    """Pages of these origins, such as https://example.org, may call."""

    allow_host: tuple[str, ...] = ()
    """Further names by which a server without a key, on this machine alone, may be called."""

    engine: Engine = "auto"
    """What computes; auto is int8, or fp32 where int8 lost too much; fastest is measured on this
    machine, once."""

    threads: int = 0
    """Cores to use; 0: all."""

    costs: tuple[str, ...] = ()
    """Answer with the least expected cost of a mistake, where they cost this: such as
    negative:positive=5; as for evaluate, which says what it gains. Of all predictors."""

    blank_texts: Literal["refuse", "abstain"] = "refuse"
    """What becomes of a text without a word: 422, or an answer without a label."""

    drain: float = 1.0
    """Seconds for which requests are still taken after SIGTERM, while /ready says no."""

    log_requests: bool = False
    """Log each request: method, route, status, time."""

    log_texts: bool = False
    """Log each text with its label."""

    def __post_init__(self) -> None:
        """Refuse numbers that cannot be."""
        super().__post_init__()
        if not 0 <= self.port < 65536:
            raise ConfigError(f"--port {self.port}: wanted 0 to 65535")
        if self.drain < 0:
            raise ConfigError(f"--drain {self.drain}: wanted 0 or more")


def task(flags: Flags) -> dict[str, Any]:
    """Serve until a signal ends it, and return what was done."""
    for module in ("starlette", "uvicorn", "httptools", "prometheus_client"):
        check_installed(module, "serve")
    from ktrain_sentiment.inference.loading import find_predictor
    from ktrain_sentiment.serve import server
    from ktrain_sentiment.serve.app import is_local
    from ktrain_sentiment.serve.hosting import name_places

    key = flags.api_key or os.environ.get(KEY, "")
    if not is_local(flags.host) and not key and not flags.no_api_key:
        raise ConfigError(
            f"--host {flags.host}: others can reach this address, so requests need a key: set "
            f"{KEY}, or say --no-api-key"
        )
    if not key.isascii() or not key.isprintable():
        raise ConfigError(f"the API key ({KEY}): wanted letters, digits and signs of ASCII alone")
    logging.getLogger("ktrain_sentiment.serve.app.access").disabled = not flags.log_requests
    given = flags.predictors or (str(find_predictor(None)),)
    service = server.Service(
        places=name_places(given), host=flags.host, port=flags.port, engine=flags.engine,
        threads=flags.threads, limits=Limits(**to_flat(flags, Limits)), blank=flags.blank_texts,
        key=key, hosts=frozenset(name.lower() for name in flags.allow_host),
        origins=frozenset(flags.allow_origin), drain=flags.drain, log_texts=flags.log_texts,
        costs=flags.costs,
    )  # fmt: skip
    return server.run(service, _say)


def _say(line: str) -> None:
    print(printable(line), file=sys.stderr, flush=True)
