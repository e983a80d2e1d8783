"""Architectures, a file each."""
