"""Pooling: each file exports the modules, and holds the functions beside them.

There is one body for all numbers of axes; the functions and modules say how many.
"""

from .adaptive import *
from .average import *
from .maximum import *
