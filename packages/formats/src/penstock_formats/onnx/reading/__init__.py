"""From an ONNX file to ops: the file's parts, the values behind its names, and a converter for each kind of node."""
