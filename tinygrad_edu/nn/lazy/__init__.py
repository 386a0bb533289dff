"""Modules that learn the size of their input at the first call, make their parameters, and become plain modules."""

from ..uninitialized import *
from .convolutions import *
from .linears import *
from .norms import *
