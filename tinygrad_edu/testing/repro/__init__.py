"""Writing a short program that shows a failure again."""
