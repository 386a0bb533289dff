"""`Tensor`: its methods, changes in place, NumPy's protocols, and making one from data."""
