"""Data: samples by number, the order to read them in, and batches of them."""

from .. import absent as _absent
from .collate import *
from .dataset import *
from .loader import *
from .sampler import *
from .splitting import *
from .workers.info import *

_absent.explain_names(__name__)
