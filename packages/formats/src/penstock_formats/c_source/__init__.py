"""C source of a model: a header and a C99 file that need no library but libm, and no memory but a static arena."""
