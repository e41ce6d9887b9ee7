"""transformers' TensorFlow model of a predictor folder, compiled by `tf.function`, in float32."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import predict_loop

if __name__ == "__main__":
    from ktrain_sentiment.training.backend import open_backend
    from ktrain_sentiment.training.keras_classifier import (
        KerasRunner,
        load_keras,
        load_keras_model,
    )

    folder = Path(sys.argv[1])
    graph = open_backend().tf.function(load_keras_model(folder), reduce_retracing=True)
    compiled = dataclasses.replace(load_keras(folder), runner=KerasRunner(graph))
    predict_loop.serve(lambda texts: compiled.predict_proba(texts).tolist())
