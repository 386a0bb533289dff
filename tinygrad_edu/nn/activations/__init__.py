"""Activations: each file has functions and modules, and exports the modules."""

from .random import *
from .rectifiers import *
from .smooth import *
