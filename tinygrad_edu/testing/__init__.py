"""Testing gradients: ours, and those of your own functions and modules."""

from .comparison import check_float32 as check_float32
from .comparison import compare as compare
from .gradcheck import gradcheck as gradcheck
from .gradcheck import gradcheck_vjp as gradcheck_vjp
from .gradcheck import gradgradcheck as gradgradcheck
from .laws import LAWS as LAWS
from .laws import Law as Law
from .laws import LawsReport as LawsReport
from .laws import check_laws as check_laws
from .modules import check_module as check_module
from .property import gradient_property as gradient_property
from .report import GradcheckError as GradcheckError
from .report import Report as Report
