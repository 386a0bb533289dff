"""Pooling: each file has functions and modules, and exports the modules.

One implementation serves any number of axes; the functions and modules say how many.
"""

from .adaptive import *
from .average import *
from .maximum import *
