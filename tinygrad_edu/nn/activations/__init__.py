"""Activations: each file exports the modules, and holds the functions beside them."""

from .prelu import *
from .rectifiers import *
from .smooth import *
