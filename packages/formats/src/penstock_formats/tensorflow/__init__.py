"""TensorFlow models: frozen graphs, SavedModel folders, and checkpoints as tensors."""
