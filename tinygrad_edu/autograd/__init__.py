"""Automatic differentiation: backward passes, modes of recording, and ops of the user's own, as in `torch.autograd`."""

from .. import absent as _absent
from ..engine.observing import observing as observing
from .anomaly import *
from .function import *
from .modes import *
from .running import *

_absent.explain_names(__name__)
