"""The predictor folder: what lies where, how it is saved, exported, compared and checked.

    layout.py        the places of all files
    manifest.py      what the folder says about itself: read_manifest, update_predictor
    saving.py        save_predictor: from a trained Keras model to the whole folder
    reexport.py      make the engines of a saved predictor again, check its files
    ktrain_files.py  the part that ktrain and transformers 4 read
    weights.py       Keras weights → PyTorch's names and layout, model.safetensors
    architecture.py  BERT's family as one neutral description of weights
    onnx_graph.py    that description → an ONNX graph
    onnx_writer.py   the graph's nodes and constants, in 32-bit floats
    onnx_int8.py     the same in 8-bit integers
    calibration.py   what values go into each product, which sets the 8-bit scales
    engines.py       write both graphs, compare them with the model, keep those that agree
    parity.py        the comparison: arrays in, a verdict out
    digests.py       sha256 of the files
    tokenizing.py    texts → token ids
    features.py      texts → ids of words and n-grams, for ktrain's own classifiers
    classic_graphs.py  ktrain's own classifiers → ONNX graphs
    classic_saving.py  save_classic: their predictor folders
    session.py       ONNX Runtime

Neither TensorFlow nor PyTorch is imported by any of them.
"""
