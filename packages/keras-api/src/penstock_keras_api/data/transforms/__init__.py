"""What is done with elements; one transformation, or a small family, per file."""
