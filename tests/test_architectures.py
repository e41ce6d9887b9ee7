"""Every architecture that is promised to work goes the whole way, and the table of it is true.

Each goes from an encoder folder as the hub has it (tiny, random weights) through training to a
predictor folder, and from there into everything that should be able to read it. What a step came
to is kept, and `docs/architectures.md` is compared with it; `--write-table` writes it anew.
"""

import json
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file

import ktrain_sentiment
from ktrain_sentiment.config import ComputeConfig, EncoderConfig, TrainConfig
from ktrain_sentiment.data.labelled import Splits
from ktrain_sentiment.encoders import resolve
from ktrain_sentiment.export.keras_files import keras_probabilities, named_arrays
from ktrain_sentiment.export.saving import (
    SavedPredictor,
    TrainingFacts,
    ValidationTexts,
    check_folder,
    save_predictor,
)
from ktrain_sentiment.export.weights import to_torch_names
from ktrain_sentiment.predictor.layout import PredictorFolder
from ktrain_sentiment.predictor.tokenization import TextEncoder
from ktrain_sentiment.training.checkpoints import Checkpoints
from ktrain_sentiment.training.encoder_trainer import open_encoder_trainer
from ktrain_sentiment.training.keras_classifier import load_keras
from ktrain_sentiment.training.trainer import FitResult, Trainer
from support.architectures import ARCHITECTURES, NAMES, Architecture, build_encoder

PAGE = Path(__file__).parents[1] / "docs" / "architectures.md"
LABELS = ("negative", "positive")
ASPECTS = ("acting", "camera", "cast", "ending", "music", "pacing", "plot", "story")
OPENINGS = ("", "on the whole", "i saw it twice and", "for a first film")
TOLD = ("wonderful", "dreary")
"""The words that decide a label here: enough to see a loss fall in a few steps."""


def frame_of(openings: tuple[str, ...]) -> pd.DataFrame:
    rows = [
        (f"{opening} the {aspect} was {word}".strip(), label)
        for opening in openings
        for aspect in ASPECTS
        for word, label in zip(TOLD, reversed(LABELS), strict=True)
    ]
    return pd.DataFrame(rows, columns=["text", "label"]).assign(row=range(1, len(rows) + 1))


SPLITS = Splits(frame_of(OPENINGS[1:]), frame_of(OPENINGS[:1]), frame_of(()), LABELS)
TEXTS = [
    *SPLITS.validation["text"],
    ".",
    "dreary " * 200,
    "wonderful<|endoftext|>",
    "Ein Ärger 映画",
]


@dataclass
class Journey:
    """One architecture on its way; each stage is computed when it is first asked for."""

    architecture: Architecture
    home: Path
    failures: dict[str, BaseException] = field(default_factory=dict)

    @cached_property
    def encoder(self) -> Path:
        return resolve(str(build_encoder(self.home / "encoder", self.architecture)))

    @cached_property
    def trainer(self) -> Trainer:
        return open_encoder_trainer(
            self.encoder,
            SPLITS,
            EncoderConfig(maxlen=self.architecture.maxlen),
            # Encoders of random numbers learn their words from nothing: a small move is enough.
            TrainConfig(epochs=4, batch_size=8, weight_decay=0.0, adversarial_epsilon=0.01),
            # The fused kernels compile for every batch shape, which a tiny model does not repay.
            ComputeConfig(accelerate=False),
        )

    @cached_property
    def loaded(self) -> dict[str, np.ndarray]:
        """The weights as they were before training, by PyTorch's names."""
        return to_torch_names(named_arrays(self.trainer.model), self.architecture.family)

    @cached_property
    def fitted(self) -> FitResult:
        assert self.loaded
        return self.trainer.fit(5e-3, Checkpoints(self.home / "checkpoints"), quiet=True)

    @cached_property
    def saved(self) -> SavedPredictor:
        assert self.fitted
        return save_predictor(
            self.trainer.model,
            self.trainer.preprocessor.ktrain_preprocessor,
            self.home / "predictor",
            TrainingFacts(encoder=self.architecture.example),
            ValidationTexts(texts=SPLITS.validation["text"].tolist()),
        )

    def trained_model_says(self, texts: list[str]) -> np.ndarray:
        """Probabilities of the trained Keras model itself, in 32-bit floats."""
        encoder = TextEncoder.from_folder(self.saved.folder, self.architecture.maxlen)
        padding = self.trainer.preprocessor.pad_id
        parts = [
            keras_probabilities(self.trainer.model, encoder.encode([text]), padding)
            for text in texts
        ]
        return np.concatenate(parts)

    @cached_property
    def answers(self) -> np.ndarray:
        return self.trained_model_says(TEXTS)

    def check(self, step: str) -> None:
        """Do a step; one that failed fails again in the same way."""
        if step not in self.failures:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # the libraries' own, of which there are many
                    STEPS[step](self)
            except Exception as error:  # noqa: BLE001 - whatever it was, the table says no
                self.failures[step] = error
        if step in self.failures:
            raise self.failures[step]


def check_loads(journey: Journey) -> None:
    """Each tensor of the checkpoint is in the Keras model; only the head is new."""
    stored = load_file(journey.encoder / "model.safetensors")
    prefix = f"{journey.trainer.model.base_model_prefix}."
    named = {prefix + name if journey.architecture.bare else name: a for name, a in stored.items()}
    for name, array in named.items():
        np.testing.assert_array_equal(journey.loaded[name], array, err_msg=name)
    assert not any(name.startswith(prefix) for name in journey.loaded.keys() - named.keys())


def check_trains(journey: Journey) -> None:
    """The loss falls, and nothing but unused positions and words stays as it was."""
    losses = journey.fitted.history["loss"].to_numpy()
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0] - 0.02
    now = to_torch_names(named_arrays(journey.trainer.model), journey.architecture.family)
    same = [name for name in now if np.array_equal(now[name], journey.loaded[name])]
    assert [name for name in same if not UNREAD.search(name)] == []


UNREAD = re.compile(
    # A key's bias moves all scores of a query alike, so its gradient is nothing but rounding.
    r"\.(key|k|k_lin)\.bias$"
    # In Longformer's last layer the head reads the first token alone, which has maps of its own.
    r"|longformer\.encoder\.layer\.1\.attention\.self\.(query|key|value)\."
)
"""Weights that training need not move."""


def check_saves(journey: Journey) -> None:
    """The folder is whole, and its weights have the names that PyTorch wants."""
    folder = journey.saved.folder
    check_folder(folder.path)
    shapes = json.loads(NAMES.read_text())[journey.architecture.family]
    assert load_file(folder.torch_weights).keys() == shapes.keys()
    assert json.loads(folder.config.read_text())["id2label"] == dict(zip("01", LABELS, strict=True))


def check_reloads(journey: Journey) -> None:
    """transformers reads the folder, and it says what the trained model said."""
    again = load_keras(journey.saved.folder.path).reading("head").predict_proba(TEXTS)
    np.testing.assert_allclose(again, journey.answers, atol=1e-5)


def check_ktrain(journey: Journey) -> None:
    """Plain ktrain reads the folder, and it says what the trained model said."""
    predictor = journey.trainer.backend.ktrain.load_predictor(str(journey.saved.folder.path))
    texts = SPLITS.validation["text"].tolist()
    # Tracing a graph takes a quarter of a minute for some, and tells nothing more.
    predictor.model.run_eagerly = True
    wanted = journey.answers[: len(texts)]
    np.testing.assert_allclose(predictor.predict_proba(texts), wanted, atol=1e-5)


def check_exports(journey: Journey) -> None:
    """The graph is written from the weights and says what the trained model said."""
    exact, small = journey.saved.engines
    assert exact.kept, exact.reason
    folder = journey.saved.folder.path
    classifier = ktrain_sentiment.load(folder, engine="fp32", long_texts="head")
    np.testing.assert_allclose(classifier.predict_proba(TEXTS), journey.answers, atol=1e-4)
    if small.kept:
        rounded = ktrain_sentiment.load(folder, engine="int8", long_texts="head")
        np.testing.assert_allclose(rounded.predict_proba(TEXTS), journey.answers, atol=0.2)
    else:
        assert small.reason


STEPS: dict[str, Callable[[Journey], None]] = {
    "loads": check_loads,
    "trains": check_trains,
    "saves": check_saves,
    "reloads": check_reloads,
    "reloads in plain ktrain": check_ktrain,
    "exports": check_exports,
}

IMPOSSIBLE = {
    ("GPT-2", "reloads in plain ktrain"): (
        "ktrain 0.41 hands inputs over by position, and GPT-2's second is not the attention mask; "
        "`ktrain_sentiment.load`, transformers and ONNX Runtime read the folder."
    )
}
"""What cannot be, and why. That it fails is tested too."""


class Journeys:
    """All journeys of this run."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._begun: dict[str, Journey] = {}

    def __getitem__(self, name: str) -> Journey:
        if name not in self._begun:
            home = self._home / f"{len(self._begun)}"
            self._begun[name] = Journey(ARCHITECTURES[name], home)
        return self._begun[name]

    def outcome(self, name: str, step: str) -> str:
        try:
            self[name].check(step)
        except Exception:  # noqa: BLE001 - as above
            return "no"
        return "yes"


@pytest.fixture(scope="session")
def journeys(tmp_path_factory: pytest.TempPathFactory) -> Journeys:
    return Journeys(tmp_path_factory.mktemp("journeys"))


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_an_architecture_goes_the_whole_way(journeys: Journeys, name: str, step: str) -> None:
    if (name, step) in IMPOSSIBLE:
        assert journeys.outcome(name, step) == "no", f"{name} {step} now: take out the footnote"
    else:
        journeys[name].check(step)


def page(journeys: Journeys) -> str:
    """docs/architectures.md, from what this run found."""
    notes = {cell: f"[^{number}]" for number, cell in enumerate(IMPOSSIBLE, 1)}
    lines = [INTRODUCTION, "| architecture | for example | tokenizer | " + " | ".join(STEPS) + " |"]
    lines.append("|---" * (3 + len(STEPS)) + "|")
    for name, architecture in ARCHITECTURES.items():
        cells = [journeys.outcome(name, step) + notes.get((name, step), "") for step in STEPS]
        row = [name, f"`{architecture.example}`", architecture.kind, *cells]
        lines.append("| " + " | ".join(row) + " |")
    lines += ["", *(f"[^{n}]: {reason}" for n, reason in enumerate(IMPOSSIBLE.values(), 1))]
    return "\n".join([*lines, MEANING])


INTRODUCTION = """\
# Architectures

Made by `make architectures` from a run of `tests/test_architectures.py`; do not edit. Each encoder
in that run is tiny and random, in the file layout of the real one: weights under PyTorch's names in
`model.safetensors`, and a tokenizer of the same kind.
"""

MEANING = """
- **loads**: every tensor of the checkpoint is in the Keras model.
- **trains**: the loss falls, and every weight moves.
- **saves**: the predictor folder is whole; its weights have the names that PyTorch wants.
- **reloads**: transformers reads the folder and gives the trained model's probabilities.
- **reloads in plain ktrain**: so does `ktrain.load_predictor`, without this package.
- **exports**: the fp32 ONNX graph gives them too; int8 is kept or refused by its own comparison.

Other families with a TensorFlow class in transformers are not in this run. Their ONNX graph is
traced from the Keras model, which takes longer; ConvBERT was tried by hand.

GPT-2 has no padding token: its end-of-text token serves, is written into `config.json` and
`tokenizer_config.json`, and the last token before it decides. Longformer's graph looks through the
window in chunks, so that memory grows with the length of a text and not with its square.

Weights in several safetensors files, and in `pytorch_model.bin` without safetensors, are joined or
converted into one `model.safetensors` in the cache; nothing in a pickle is executed.
"""


def test_the_table_in_the_documentation_is_what_this_run_found(
    journeys: Journeys, request: pytest.FixtureRequest
) -> None:
    found = page(journeys)
    if request.config.getoption("--write-table"):
        PAGE.write_text(found, encoding="utf-8")
    assert PAGE.read_text("utf-8") == found, "out of date; run: make architectures"


# What is special about some


def test_longformer_reads_a_text_of_more_than_512_tokens_to_its_end(journeys: Journeys) -> None:
    journey = journeys["Longformer"]
    middle = "the plot was and the cast was and the ending was " * 60
    texts = [f"{middle} {word}" for word in TOLD]
    folder = journey.saved.folder.path
    classifier = ktrain_sentiment.load(folder, engine="fp32", long_texts="head")
    lengths = classifier.encoder.encode(texts).lengths
    assert (lengths > 512).all()
    assert not classifier.score(texts).truncated.any()
    said = classifier.predict_proba(texts)
    assert np.abs(said[0] - said[1]).max() > 1e-4
    np.testing.assert_allclose(said, journey.trained_model_says(texts), atol=1e-4)


def test_gpt2_predicts_the_same_alone_and_beside_longer_texts(journeys: Journeys) -> None:
    journey = journeys["GPT-2"]
    place = PredictorFolder(journey.saved.folder.path)
    assert json.loads(place.config.read_text())["pad_token_id"] == 0
    assert json.loads(place.tokenizer_config.read_text())["pad_token"] == "<|endoftext|>"
    classifier = load_keras(place.path)
    together = classifier.predict_proba(TEXTS)
    alone = np.concatenate([classifier.predict_proba([text]) for text in TEXTS])
    np.testing.assert_allclose(together, alone, atol=1e-5)


@pytest.mark.parametrize("name", ["DistilBERT, multilingual, cased"])
def test_a_cased_encoder_tells_capitals_apart(journeys: Journeys, name: str) -> None:
    classifier: Any = ktrain_sentiment.load(journeys[name].saved.folder.path, engine="fp32")
    upper, lower = classifier.encoder.encode(["The Plot", "the plot"]).ids
    assert upper.tolist() != lower.tolist()
