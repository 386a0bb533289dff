"""Testing gradients: ours, and those of your own functions and modules."""

from .. import absent as _absent
from .checks import gradcheck as gradcheck
from .checks import gradcheck_vjp as gradcheck_vjp
from .checks import gradgradcheck as gradgradcheck
from .comparison import check_float32 as check_float32
from .comparison import compare as compare
from .laws.checking import LawsReport as LawsReport
from .laws.checking import check_laws as check_laws
from .laws.example import LAWS as LAWS
from .laws.example import Law as Law
from .layers import gradcheck_layer as gradcheck_layer
from .modules import check_module as check_module
from .property import gradient_property as gradient_property
from .report import GradcheckError as GradcheckError
from .report import Report as Report

_absent.explain_names(__name__)
