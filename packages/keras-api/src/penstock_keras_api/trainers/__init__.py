"""Training: batches, steps, losses and metrics together."""
