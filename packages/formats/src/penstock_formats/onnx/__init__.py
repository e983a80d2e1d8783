"""ONNX files: `read` makes a trainable model of one, `writing.write` a file of a model."""
