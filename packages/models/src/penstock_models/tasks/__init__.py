"""What models are for: a file each, by the names of presets.load.TASKS."""
