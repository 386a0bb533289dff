"""Activations: each file exports the modules, and holds the functions beside them."""

from .rectifiers import *
from .smooth import *
