"""The functions behind the modules, without parameters of their own: `import tinygrad_edu.nn.functional as F`."""

from .. import absent as _absent
from ..ops.normalization import *
from .activations.functions import *
from .distance import *
from .functions_with_weights import *
from .losses.classification import *
from .losses.probability import *
from .losses.regression import *

_absent.explain_names(__name__)
