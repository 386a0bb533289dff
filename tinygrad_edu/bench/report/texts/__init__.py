"""What each kind of result comes to, in words and in tables."""
