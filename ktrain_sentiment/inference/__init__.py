"""Prediction without TensorFlow.

import ktrain_sentiment

classifier = ktrain_sentiment.load("runs/reviews/predictor")
classifier.predict(["Not bad at all."])

loading.py     load: a folder → a classifier, every file checked against the manifest
classifier.py  texts → probabilities, batches sized by length
runners.py     ONNX Runtime and OpenVINO behind one call
fastest.py     which of them is the fastest on this machine
embedding.py   texts → vectors
scoring/       a table of texts → a table of predictions
"""

from ktrain_sentiment.inference.loading import load

__all__ = ["load"]
