"""Modules: parts of models in PyTorch's terms, their starting values, and losses that sum by default.

Each file covers one subject, with its functions and modules. The modules, listed in its `__all__`, are exported here;
the functions are in `functional`.
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
