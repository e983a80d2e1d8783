"""The networks themselves, a family in a file."""
