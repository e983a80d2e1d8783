"""ONNX files: `read` makes a trainable model of one."""
