"""Laws: what holds for every right gradient, and can be checked without numeric derivatives."""
