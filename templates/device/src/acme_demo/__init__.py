"""A device for Penstock, in Python."""
