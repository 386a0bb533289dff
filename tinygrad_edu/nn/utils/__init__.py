"""Utilities for models: gradient clipping, parameters as a vector, computed weights, padded sequences."""

from ... import absent as _absent
from . import parametrizations as parametrizations
from . import rnn as rnn
from .clipping import *
from .reparametrizing import *
from .vectors import *

_absent.explain_names(__name__, "parametrizations", "rnn")
_absent.explain_names(parametrizations.__name__)
_absent.explain_names(rnn.__name__)
