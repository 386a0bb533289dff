"""Writing a short program that reproduces a failure."""
