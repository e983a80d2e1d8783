"""What `penstock.records` is made of."""
