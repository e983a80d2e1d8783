"""Commands below `penstock`."""
