"""Laws: what holds of every right gradient and can be seen without differences."""
