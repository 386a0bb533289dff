"""Derivatives of functions, under the names of `torch.func`: functions go in, functions or derivatives come out."""

from .. import absent as _absent
from .transforms import *

_absent.explain_names(__name__)
