"""Modules: parts of models in PyTorch's terms, their starting values, and losses that sum by default."""

from .. import absent as _absent
from . import functional as functional
from . import init as init
from . import utils as utils
from .activations.rectifiers import *
from .activations.smooth import *
from .containers import *
from .dropout import *
from .embedding import *
from .linear import *
from .losses.loss import *
from .module.module import *
from .normalization import *
from .parameter import *
from .shape import *

_absent.explain_names(__name__)
_absent.explain_names(init.__name__)
