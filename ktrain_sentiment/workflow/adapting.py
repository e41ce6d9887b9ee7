"""Encoders that learn from texts without labels: adapted to them, or distilled to fewer layers.

Both end in a folder that `train --encoder` takes like any other. Until then it holds the settings
and the checkpoints, from which a training that was stopped goes on.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ktrain_sentiment.atomic import staged_folder, write_json, write_text
from ktrain_sentiment.config import (
    AdaptSettings,
    DistilEncoderSettings,
)
from ktrain_sentiment.config.flat import to_flat, to_yaml
from ktrain_sentiment.data import read_texts
from ktrain_sentiment.encoders import resolve
from ktrain_sentiment.encoders.conversion import as_raw, fill_folder
from ktrain_sentiment.encoders.encoder_folder import SAFETENSORS, read_json
from ktrain_sentiment.errors import ConfigError
from ktrain_sentiment.runs import data_name
from ktrain_sentiment.training.checkpoints import Checkpoints
from ktrain_sentiment.training.masked_words import Language, check_encoder, open_language
from ktrain_sentiment.training.trainer import FitResult
from ktrain_sentiment.workflow.run_places import claim_folder, refuse_other_resumption

log = logging.getLogger(__name__)

SETTINGS, FIGURES, STAMP = "training.yaml", "training.json", "texts.sha256"
"""Files beside an encoder: how it was made, what that came to, and of which texts."""

ADAPT_RATE, STUDENT_RATE = 1e-4, 5e-4
"""Those of Gururangan et al. (2020, table 13) and of Sanh et al. (2019)."""


@dataclass(frozen=True)
class LearnedEncoder:
    """An encoder that was made.

    Attributes:
        folder: Where it is.
        figures: What `training.json` holds.
    """

    folder: Path
    figures: Mapping[str, Any]


Settings = AdaptSettings | DistilEncoderSettings


@dataclass(frozen=True)
class _Job:
    """What differs between the two.

    Attributes:
        command: Its name.
        kind: The settings that decide the result.
        encoder: The encoder, or the teacher, as it was named.
        layers: How many a student has; None where the encoder stays whole.
        usual_rate: The learning rate where none is given.
        ending: Of the folder's name where none is given.
    """

    command: str
    kind: type[Settings]
    encoder: str
    layers: int | str | None
    usual_rate: float
    ending: str

    @classmethod
    def of(cls, settings: Settings) -> _Job:
        """The job that such settings ask for."""
        if isinstance(settings, AdaptSettings):
            return cls("adapt", AdaptSettings, settings.encoder, None, ADAPT_RATE, "adapted")
        if not settings.teacher:
            raise ConfigError(
                "which teacher? name an encoder and texts: "
                "ktrain-sentiment distil-encoder minilm texts.csv"
            )
        return cls(
            "distil-encoder", DistilEncoderSettings, settings.teacher, settings.layers,
            STUDENT_RATE, "distilled",
        )  # fmt: skip


def learn_encoder(
    settings: Settings,
    *,
    folder: Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    quiet: bool = False,
) -> LearnedEncoder:
    """Train an encoder on texts without labels (Sun et al. 2019, arXiv:1905.05583).

    By the settings either itself, or another with fewer layers that it teaches what it says
    (Sanh et al. 2019).

    Args:
        settings: Encoder or teacher, texts, training.
        folder: Where the new encoder goes; encoders/<name of the texts>-adapted, or -distilled,
            when not given.
        overwrite: Replace one that is there.
        resume: Go on with a training that was stopped.
        quiet: Show no progress.

    Raises:
        InputError: The texts, the encoder, the settings or the folder cannot be used.
        TrainingError: The loss diverged, or the disk is full.
        KeyboardInterrupt: Ctrl-C; the message says how to go on.
    """
    job = _Job.of(settings)
    folder = folder or Path("encoders") / f"{data_name(settings.texts)}-{job.ending}"
    given = settings.masking
    masking = replace(given, learning_rate=given.learning_rate or job.usual_rate)
    with claim_folder(
        folder,
        marker=SETTINGS,
        is_whole=lambda place: (place / FIGURES).is_file(),
        overwrite=overwrite,
        resume=resume,
    ) as growing:
        if resume:
            ended = (growing / FIGURES).is_file()
            refuse_other_resumption(
                folder, growing / SETTINGS, settings, job.kind,
                again=f"{job.command} --output", figures=FIGURES if ended else "",
            )  # fmt: skip
        source = resolve(job.encoder)
        check_encoder(source)
        layers = layers_to_keep(source, job.layers)
        read = read_texts(settings.texts, masking.text_column)
        texts = read.frame["text"].tolist()
        log.info(
            "%s: %s texts; left out %s that repeat others",
            read.source, f"{len(texts):,}", f"{read.repeated:,}",
        )  # fmt: skip
        language = open_language(
            source, texts, masking, settings.compute, masking.maxlen, masking.long_texts
        )
        _begin(growing, settings, job.kind, texts, resume=resume)
        try:
            language, figures = _train(language, growing, layers, resume=resume, quiet=quiet)
        except KeyboardInterrupt as stop:
            said = "stopped; what is done is kept: add --resume to go on from there"
            raise KeyboardInterrupt(str(stop) or said) from None
        figures = {
            "command": job.command,
            "encoder": job.encoder,
            "texts": len(texts),
            "repeated": read.repeated,
            **figures,
        }
        _write(growing, language, source, figures)
    return LearnedEncoder(folder, figures)


def layers_to_keep(encoder: Path, wanted: int | str | None) -> int | None:
    """How many layers a student has; None where there is none.

    Args:
        encoder: The teacher's folder.
        wanted: A number, or `half`: of an odd number the larger half.

    Raises:
        ConfigError: The teacher has no more layers than that.
    """
    if wanted is None:
        return None
    config = read_json(encoder / "config.json", encoder.name)
    total = int(config.get("num_hidden_layers", config.get("n_layers", 0)))
    count = -(-total // 2) if wanted == "half" else int(wanted)
    if not 1 <= count < total:
        raise ConfigError(
            f"--layers {wanted}: the teacher has {total} layers, and a student has fewer"
        )
    return count


def _train(
    language: Language, growing: Path, layers: int | None, *, resume: bool, quiet: bool
) -> tuple[Language, dict[str, Any]]:
    """The head where there is none, then the encoder; what came of it, and its figures."""
    fits: dict[str, FitResult] = {}

    def fit(name: str, language: Language) -> None:
        course, rate = language.course(head_alone=name == "head")
        fits[name] = course.fit(
            rate,
            Checkpoints(growing / "checkpoints" / name),
            language.config.checkpoint_every,
            resume=resume,
            quiet=quiet,
        )

    had_head = language.has_head
    if not had_head:
        log.info(
            "the encoder comes without the head that guesses words: a fresh one is trained first"
        )
        fit("head", language)
    if layers is not None:
        language = language.student(layers)
    fit("encoder", language)
    tokens = int(language.rows.tokens.offsets[-1])
    return language, {
        "rows": len(language.rows.tokens),
        "tokens": tokens,
        "held_out": len(language.held_out.tokens),
        "had_head": had_head,
        "learning_rate": language.config.learning_rate,
        **{f"{name}_history": fit.history.to_dict("records") for name, fit in fits.items()},
        "steps": sum(fit.steps for fit in fits.values()),
        "seconds": round(sum(fit.seconds for fit in fits.values()), 1),
        "layers": int(language.encoder.config.num_hidden_layers),
        "parameters": int(sum(np.prod(w.shape) for w in language.encoder.weights)),
        "device": language.backend.device,
        "precision": language.backend.precision,
        "versions": language.backend.versions,
    }


def _begin(
    growing: Path,
    settings: Settings,
    kind: type[Settings],
    texts: list[str],
    *,
    resume: bool,
) -> None:
    """Write down what was asked for, or check that the texts are still those.

    Raises:
        ConfigError: They are others.
    """
    digest = hashlib.sha256("\0".join(texts).encode("utf-8", "replace")).hexdigest()
    if not resume:
        with staged_folder(growing) as staged:
            write_text(staged / SETTINGS, to_yaml(to_flat(settings, kind)))
            write_text(staged / STAMP, digest + "\n")
    elif (growing / STAMP).read_text("ascii").strip() != digest:
        raise ConfigError(
            f"--resume: the texts of {settings.texts} are not those that {growing} was begun "
            "with; use another --output"
        )


def _write(growing: Path, language: Language, source: Path, figures: dict[str, Any]) -> None:
    """The encoder's files in place of settings and checkpoints, all at once."""
    known = read_json(source / "config.json", source.name)
    counted = "n_layers" if "n_layers" in known else "num_hidden_layers"
    name = type(language.encoder).__name__.removeprefix("TF").removesuffix("Model")
    config = {
        "architectures": [f"{name}ForMaskedLM"],
        "_name_or_path": None,
        "torch_dtype": "float32",
        counted: figures["layers"],
    }
    if kept := getattr(language.encoder.config, "kept_layers", None):
        config["kept_layers"] = list(kept)
    tensors = {name: as_raw(array) for name, array in language.tensors().items()}
    with staged_folder(growing, overwrite=True, marker=SETTINGS) as staged:
        fill_folder(staged, source, tensors, config)
        for name in (SETTINGS, STAMP):
            write_text(staged / name, (growing / name).read_text("utf-8"))
        figures["megabytes"] = round((staged / SAFETENSORS).stat().st_size / 1e6, 1)
        write_json(staged / FIGURES, figures)
