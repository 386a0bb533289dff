"""The ops: one block each, with the NumPy forward, a rule per argument, and what the tests need.

Unless a docstring says otherwise, arguments are tensors, arrays or numbers of any shape, and the result is a Tensor if
any argument is one, else an array. Shapes that do not broadcast raise a ShapeError. Numbers and integers do not widen a
floating dtype; integers alone become the default dtype where results need not be whole. Comparisons and tests give
booleans and have no gradient.
"""
