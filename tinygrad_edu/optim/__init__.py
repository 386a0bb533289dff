"""Optimizers: what to do with a gradient."""

from .. import absent as _absent
from . import lr_scheduler
from .adadelta import Adadelta
from .adagrad import Adagrad
from .adam import Adam, AdamW
from .optimizer import Optimizer
from .rmsprop import RMSprop
from .sgd import SGD

__all__ = ["SGD", "Adadelta", "Adagrad", "Adam", "AdamW", "Optimizer", "RMSprop", "lr_scheduler"]

_absent.explain_names(__name__)
_absent.explain_names(lr_scheduler.__name__)
