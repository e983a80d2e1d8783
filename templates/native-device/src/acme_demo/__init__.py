"""A native device for Penstock, with a kernel."""
