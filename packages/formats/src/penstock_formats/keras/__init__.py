"""Keras models: `.keras` archives, and HDF5 files with a model or with weights alone."""
