"""Modules: parts of models in PyTorch's terms, their starting values, and losses that sum by default.

A file holds a subject, the functions and the modules; what it lists in `__all__` are the modules, which stand here. The
functions stand in `functional`.
"""

from .. import absent as _absent
from . import functional as functional
from . import init as init
from . import utils as utils
from .activations import *
from .attention import *
from .containers import *
from .convolution import *
from .distance import *
from .dropout import *
from .embedding import *
from .embedding_bag import *
from .lazy import *
from .linear import *
from .losses import *
from .module.module import *
from .normalization import *
from .padding import *
from .parameter import *
from .pooling import *
from .recurrence import *
from .resampling import *
from .shape import *

_absent.explain_names(__name__, "functional", "init", "utils")
_absent.explain_names(init.__name__)
