"""Modules that see at their first call how large their input is, make their parameters, and become the plain ones."""

from ..uninitialized import *
from .convolutions import *
from .linears import *
from .norms import *
