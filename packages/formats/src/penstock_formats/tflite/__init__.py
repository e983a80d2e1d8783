"""TensorFlow Lite: reads .tflite files, float and quantised, into graphs that compute the same bits in integers."""
