"""This package, with the engine that the third argument names."""

from __future__ import annotations

import sys

import predict_loop

if __name__ == "__main__":
    import ktrain_sentiment

    classifier = ktrain_sentiment.load(sys.argv[1], sys.argv[3])
    predict_loop.serve(lambda texts: classifier.predict_proba(texts).tolist())
