"""Convolution, its transpose, and the patches that it is made of."""

from .patches import *
from .plain import *
from .transposed import *
