"""Losses: each file exports the modules, and holds the functions beside them.

The default reduction is "sum": a batch's cost is the sum of its samples' losses. Where PyTorch has its former words for
the reduction, `size_average=` and `reduce=`, they are understood here too, with a warning that says what to write.
"""

from .classification import *
from .likelihood import *
from .linear_cross_entropy import *
from .margin import *
from .pairs import *
from .probability import *
from .regression import *
from .triplets import *
