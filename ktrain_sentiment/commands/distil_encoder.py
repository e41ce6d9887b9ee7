"""Make an encoder with fewer layers that has learned from a whole one, as DistilBERT did.

    ktrain-sentiment distil-encoder minilm texts.csv
    ktrain-sentiment distil-encoder mpnet texts.csv --layers half --output encoders/small
    ktrain-sentiment train labelled.csv --encoder encoders/small

The student begins with some of the teacher's layers, evenly spaced, and learns on texts without
labels, whose hidden words it guesses: from the words themselves, from the teacher's guesses, and
to think as the teacher does (the cosine of hidden states); Sanh et al. 2019, arXiv:1910.01108. The
result is an encoder folder that --encoder takes wherever an encoder is wanted; fine-tune it as
usual. A training that was stopped, even by kill -9, goes on with --resume.

Not to be confused: `train --teacher` teaches a classifier what a trained classifier answers, and
may follow this; `train --layers` cuts layers and teaches nothing; `adapt` keeps the encoder's size.
Encoders of the types bert, distilbert, roberta, xlm-roberta, camembert, electra and mpnet can be
distilled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ktrain_sentiment.commands.adapt import learn
from ktrain_sentiment.commands.flags import ScriptFlags
from ktrain_sentiment.config import DistilEncoderSettings, EncoderPlace

COMMON = (
    "layers", "text_column", "maxlen", "long_texts", "epochs", "learning_rate", "output",
    "overwrite", "resume",
)  # fmt: skip
"""Flags that help shows first."""


@dataclass(frozen=True, kw_only=True)
class Flags(ScriptFlags, EncoderPlace, DistilEncoderSettings):
    """Everything that distilling an encoder needs to know."""


def task(flags: Flags) -> dict[str, Any]:
    """Distil, say how well words are guessed, and return what `--json` prints."""
    return learn(flags)
