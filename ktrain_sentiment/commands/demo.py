"""Everything once, on real data: prepare, find a learning rate, train, judge, save, predict.

    ktrain-sentiment demo
    ktrain-sentiment demo --json

Fine-tunes the small encoder that the package index carries on a corpus of movie-review
sentences; no model hub is needed. Run again with nothing changed, it takes the finished run.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ktrain_sentiment.commands.flags import ScriptFlags
from ktrain_sentiment.config import (
    DataConfig,
    EncoderConfig,
    SplitConfig,
    TrainConfig,
    TrainingSettings,
)
from ktrain_sentiment.errors import check_installed
from ktrain_sentiment.messages import percent

if TYPE_CHECKING:
    from ktrain_sentiment.runs import RunFolder

SENTENCES = (
    "A warm, funny and quietly devastating film.",
    "Two hours of my life that I will never get back.",
    "The plot is thin, but the cast is a delight.",
    "Not nearly as bad as people say.",
    "It wants to be clever and ends up merely loud.",
)
LOSSES_SHOWN = 5
COMMON = ("run", "data", "encoder", "epochs", "fresh")
"""Flags that help shows first."""


@dataclass(frozen=True, kw_only=True)
class Flags(ScriptFlags):
    """What the demo may be told."""

    run: Path = Path("runs/demo")
    """Folder of the run."""

    data: str = "movie-reviews"
    """Named corpus or file to train on."""

    encoder: str = "minilm"
    """Encoder to fine-tune."""

    epochs: int = 2
    """Passes over the training rows."""

    learning_rate: float | None = None
    """Maximum learning rate; searched when not given."""

    adversarial_epsilon: float = 0
    """As of `train`; here it would take twice the time and gain nothing."""

    augment: bool = True
    """Learn movie-reviews together with rows made from templates, as `train --augment` does: what
    "not bad" means stands in few reviews. Of other data it is `train` that learns so."""

    fresh: bool = False
    """Train again even if a finished run is there."""


def settings_of(flags: Flags) -> TrainingSettings:
    """The training that the demo does."""
    return TrainingSettings(
        source=DataConfig(data=flags.data),
        split=SplitConfig(validation=0.1, test=0.15),
        encoder=EncoderConfig(encoder=flags.encoder, maxlen=64),
        training=TrainConfig(
            epochs=flags.epochs,
            learning_rate=flags.learning_rate,
            adversarial_epsilon=flags.adversarial_epsilon,
            augment=flags.augment and flags.data == Flags.data,
        ),
    )


def task(flags: Flags) -> dict[str, Any]:
    """Run every step and show what each gave."""
    check_installed("tensorflow", "train")
    from ktrain_sentiment.commands.process import open_console
    from ktrain_sentiment.inference import load
    from ktrain_sentiment.workflow import summary_figures, train

    settings = settings_of(flags)
    console = open_console()
    console.rule("Training, or finding it done")
    try:
        result = train(
            settings,
            folder=flags.run,
            overwrite=True,
            reuse=not flags.fresh,
            quiet=flags.quiet,
        )
    except KeyboardInterrupt:
        again = ", without --fresh," if flags.fresh else ""
        raise KeyboardInterrupt(f"stopped: the same command{again} goes on from there") from None
    console.rule("Figures")
    show_figures(console, result)
    console.rule("The saved predictor, loaded again without TensorFlow")
    began = time.perf_counter()
    classifier = load(result.folder.predictor)
    loaded = time.perf_counter()
    predictions = classifier.predict(list(SENTENCES))
    answered = time.perf_counter()
    for sentence, prediction in zip(SENTENCES, predictions, strict=True):
        console.print(f"{prediction.label:>10} {percent(prediction.probability):>7}  {sentence}")
    console.print(
        f"loaded in {loaded - began:.2f} s, five answers in {1000 * (answered - loaded):.0f} ms"
    )
    console.rule("Where everything lies, and what to try next")
    show_way_on(console, result.folder)
    return summary_figures(result)


def show_figures(console: Any, result: Any) -> None:  # noqa: ANN401
    """Headline, confusion matrix and top losses; of a finished run the sentence that sums it up."""
    from ktrain_sentiment.report import result_tables
    from ktrain_sentiment.workflow import describe

    record = result.record
    console.print(result_tables.headline(record.metrics, record.baselines))
    console.print(result_tables.confusion(record.metrics))
    if record.errors is not None:
        console.print(result_tables.top_losses(record.errors.losses[:LOSSES_SHOWN]))
    console.print(describe(result))


def show_way_on(console: Any, folder: RunFolder) -> None:  # noqa: ANN401
    """Paths of the run and commands that go on from it."""
    rows = {
        "report": folder.report,
        "learning-rate curve": folder.lr_find("png"),
        "figures": folder.metrics,
        "worst mistakes": folder.top_losses,
        "predictor": folder.predictor,
    }
    for name, path in rows.items():
        if path.exists():
            console.print(f"{name:>20}  {path}")
    console.print("\nNext, with texts of your own (columns for text and label are found):")
    console.print("  ktrain-sentiment train reviews.csv --encoder minilm")
    console.print(f"  ktrain-sentiment inspect-errors {folder.path}")
    console.print(f'  ktrain-sentiment predict --predictor {folder.predictor} "What a film!"')
