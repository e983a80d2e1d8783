"""Where elements come from; one kind of source per file."""
