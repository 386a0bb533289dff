"""Sample rules: how the samples of a batch stay apart in an op. For the authors of ops."""

from .contributions import *
from .families import *
from .rule import *
