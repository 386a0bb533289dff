"""Modules that see at their first call how large their input is, make their parameters, and become the plain ones."""

from ..uninitialized import *
from .convolution import *
from .linear import *
from .normalization import *
