"""Datasets of folders in which every class has a folder, and of series in time."""
