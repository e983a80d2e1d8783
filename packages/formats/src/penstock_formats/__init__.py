"""Other frameworks' model files for Penstock; found through the entry point, so there is nothing to import."""
