"""Darknet: reads a .cfg file and the .weights beside it."""
