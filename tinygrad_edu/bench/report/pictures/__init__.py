"""What each kind of result has pictures of."""
