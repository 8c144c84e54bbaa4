"""The networks as ONNX graphs, written from their weights without torch."""
