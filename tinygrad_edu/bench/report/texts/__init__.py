"""The conclusions of each kind of result, in words and in tables."""
