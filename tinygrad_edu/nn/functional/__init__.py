"""The functions behind the modules, without parameters of their own: `import tinygrad_edu.nn.functional as F`."""

from ... import absent as _absent
from ...ops.normalization import *
from .activation import *
from .classification import *
from .general import *
from .linear import *
from .probability import *
from .regression import *

_absent.explain_names(__name__)
