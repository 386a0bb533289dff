"""Losses: each file has functions and modules, and exports the modules.

The default reduction is "sum": a batch's cost is the sum of its samples' losses. PyTorch's deprecated `size_average=`
and `reduce=` are accepted where PyTorch has them, with a warning that says what to write.
"""

from .classification import *
from .likelihood import *
from .linear_cross_entropy import *
from .margin import *
from .pairs import *
from .probability import *
from .regression import *
from .triplets import *
