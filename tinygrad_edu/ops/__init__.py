"""The ops: one block each, with the NumPy forward, a rule per argument, and what the tests need.

Where a docstring says nothing else: arguments are tensors, arrays or numbers of any shape, and the result is a Tensor
if any argument is one, else an array. Shapes broadcast, or it is a ShapeError. Numbers and integers widen no floating
dtype, and integers alone become the default dtype where their results need not be whole. Comparisons and tests give
booleans, and have no gradient.
"""
