"""From a trained model to files that run anywhere: PyTorch layout, ONNX graphs, int8.

saving.py            save_predictor, export_again: the whole folder
keras_files.py       the part that ktrain and transformers 4 read
ktrain_models.py     the same for ktrain's own classifiers
weights.py           Keras weights → PyTorch's names and layout, model.safetensors
transformer_spec.py  the families of transformers as one neutral description
onnx_graph.py        that description → an ONNX graph
onnx_writer.py       the graph's nodes and constants, in 32-bit floats
quantization.py      the same in 8-bit integers, and what values they must cover
engines.py           write both graphs, compare them with the model, keep those that agree
"""
