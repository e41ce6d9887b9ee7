"""transformers' TensorFlow model of a predictor folder, compiled by `tf.function`, in float32."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import predict_loop

if __name__ == "__main__":
    from ktrain_sentiment.training.backend import open_backend
    from ktrain_sentiment.training.keras_classifier import load_keras

    classifier = load_keras(Path(sys.argv[1]))
    graph = open_backend().tf.function(classifier.model, reduce_retracing=True)
    compiled = dataclasses.replace(classifier, model=graph)
    predict_loop.serve(lambda texts: compiled.predict_proba(texts).tolist())
