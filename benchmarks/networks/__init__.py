"""Networks written once, against a small set of ops that every framework here gives."""
