"""Automatic differentiation: backward passes, gradient modes, and custom functions, as in `torch.autograd`."""

from .. import absent as _absent
from ..engine.observing import observing as observing
from .anomaly import *
from .function import *
from .modes import *
from .running import *

_absent.explain_names(__name__)
