"""Tokenizers: from texts to numbers and back."""
