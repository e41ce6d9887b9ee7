"""This package, with the engine that the third argument names."""

from __future__ import annotations

import sys
from typing import cast

import predict_loop

if __name__ == "__main__":
    import ktrain_sentiment
    from ktrain_sentiment.reading_rules import Engine

    classifier = ktrain_sentiment.load(sys.argv[1], cast("Engine", sys.argv[3]))
    # The peers read the head of a long text; its windows would be several times their work.
    predict_loop.serve(lambda texts: classifier.predict_proba(texts, long_texts="head").tolist())
