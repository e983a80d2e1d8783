"""TensorFlow.js: reads layers models, a model.json with groups of weights beside it."""
