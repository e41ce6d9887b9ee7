"""Adapt an encoder to texts of your own, without labels, before it is trained on labelled ones.

    ktrain-sentiment adapt reviews.csv
    ktrain-sentiment adapt reviews.csv --encoder minilm --epochs 3 --output encoders/reviews
    ktrain-sentiment train labelled.csv --encoder encoders/reviews

Words of the texts are hidden, and the encoder learns to guess them (masked-language-model
training; Sun et al. 2019, Gururangan et al. 2020, who found gains where texts are many and labels
few, or texts unlike what the encoder has read). Whether it pays on yours, say `compare` or two
trainings judged on the same rows. The result is an encoder folder that --encoder takes wherever an
encoder is wanted. A training that was stopped, even by kill -9, goes on with --resume.

Not to be confused: `train` learns labels, and `train --teacher --unlabelled` learns a
classifier's answers on texts without labels; `distil-encoder` makes an encoder smaller.
Encoders of the types bert, distilbert, roberta, xlm-roberta, camembert, electra and mpnet can be
adapted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ktrain_sentiment.commands.flags import ScriptFlags
from ktrain_sentiment.config import AdaptSettings, EncoderPlace
from ktrain_sentiment.errors import check_installed
from ktrain_sentiment.messages import percent

COMMON = (
    "text_column", "encoder", "maxlen", "long_texts", "epochs", "learning_rate", "output",
    "overwrite", "resume",
)  # fmt: skip
"""Flags that help shows first."""


@dataclass(frozen=True, kw_only=True)
class Flags(ScriptFlags, EncoderPlace, AdaptSettings):
    """Everything that adapting an encoder needs to know."""


def task(flags: Flags) -> dict[str, Any]:
    """Adapt, say how well words are guessed, and return what `--json` prints."""
    return learn(flags)


def learn(flags: Any) -> dict[str, Any]:  # noqa: ANN401 - of this command, or `distil-encoder`
    """Train on hidden words, print what came of it, and return its figures."""
    check_installed("tensorflow", "train")
    from ktrain_sentiment.workflow.adapting import learn_encoder

    made = learn_encoder(
        flags, folder=flags.output, overwrite=flags.overwrite, resume=flags.resume,
        quiet=flags.quiet,
    )  # fmt: skip
    figures = dict(made.figures)
    history = [*figures.get("head_history", ()), *figures["encoder_history"]]
    first, last = history[0], history[-1]
    before, now = (math.exp(epoch["val_loss"]) for epoch in (first, last))
    print(
        f"hidden words of {figures['held_out']:,} rows held out: guessed "
        f"{percent(last['val_guessed'])}, after the first pass {percent(first['val_guessed'])}; "
        f"perplexity {now:,.1f}, after the first pass {before:,.1f}"
    )
    print(
        f"encoder: {made.folder} ({figures['layers']} layers, {figures['megabytes']:,.1f} MB, "
        f"{figures['parameters'] / 1e6:,.1f} million parameters)"
    )
    print(f"train with it: ktrain-sentiment train LABELLED --encoder {made.folder}")
    return {"folder": made.folder, **figures}
