"""Readers of published folders."""
