"""Prediction without TensorFlow.

import ktrain_sentiment

classifier = ktrain_sentiment.load("runs/reviews/predictor")
classifier.predict(["Not bad at all."])

loading.py     load: a folder → a classifier, every file checked against the manifest
foreign.py     folders without a manifest, from elsewhere
classifier.py  texts → probabilities, batches sized by length
runners.py     ONNX Runtime and OpenVINO behind one call
batches.py     which texts go together
"""

from ktrain_sentiment.inference.loading import load
from ktrain_sentiment.inference.runners import Engine

__all__ = ["Engine", "load"]
