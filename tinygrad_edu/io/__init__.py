"""Files that hold tensors, numbers and text, and nothing that runs."""

from .archive import *
from .checkpoint import *
