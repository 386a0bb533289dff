"""Derivatives of functions: functions go in, and functions (or derivatives) come out, as in `torch.func`.

A function here takes tensors, arrays and numbers, or nested dicts, lists and tuples of them, and returns
a tensor, or several. None of these transforms changes the `.grad` of anything, and all work under
`no_grad()`, where the results are constants. They nest: the gradient of a gradient is
``grad(lambda x: grad(f)(x).sum())``. Where the function reads other tensors that require a gradient, or a
tensor of an outer transform, the results can be differentiated with respect to those as well.
"""

from .. import absent as _absent
from .gradients import grad as grad
from .gradients import value_and_grad as value_and_grad
from .jacobians import hessian as hessian
from .jacobians import jacobian as jacobian
from .products import hvp as hvp
from .products import jvp as jvp
from .products import vjp as vjp

_absent.explain_names(__name__)
