"""Activations: each file exports the modules, and holds the functions beside them."""

from .random import *
from .rectifiers import *
from .smooth import *
