"""From a trained model to files that run anywhere: PyTorch layout, ONNX graphs, int8."""
