"""The predictor folder: what lies where, what it says about itself, and how texts become logits.

    layout.py        the places of all files
    manifest.py      manifest.json, and the sha256 of all other files
    tokenization.py  texts → ids of tokens, or of words and n-grams
    onnx_session.py  ONNX Runtime

Neither TensorFlow nor PyTorch is imported by any of them.
"""
