"""Sample rules: how the samples of a batch stay apart in an op. For the authors of ops."""

from .. import absent as _absent
from .contributions import *
from .families import *
from .rule import *

_absent.explain_names(__name__)
