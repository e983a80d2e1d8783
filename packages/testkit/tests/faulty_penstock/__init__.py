"""A plugin in which every op but one is wrong in its own way; `test_faults.py` says which check finds it out."""
