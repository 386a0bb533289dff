"""Derivatives of functions, under the names of `torch.func`: functions go in, functions or derivatives come out."""

from .transforms import *
