"""Recurrent layers, and their cells, which take one step."""

from .cells import *
from .layers import *
