"""Runs workloads in many frameworks beside each other: one process for each, in turns, and one table of ratios."""
