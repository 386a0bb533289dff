"""Weight normalization: a weight that is computed from lengths and a direction whenever it is read.

The module gets a class that is made for it, in which the weight is a property. So the weight always follows the current
parameters, has a graph wherever it is read, and a copy of the module computes its own.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeVar

from ...ops.arguments import one_axis
from ...ops.norms import norm
from ...tensors.tensor import Tensor
from ..module.module import Module
from ..parameter import Parameter

__all__ = ["remove_weight_norm", "weight_norm"]

M = TypeVar("M", bound=Module)


class Computed(NamedTuple):
    """How a weight is computed.

    Attributes:
        length: the path of its lengths in the module.
        direction: the path of the direction, which is scaled to that length.
        dim: the axis along which each slice has its own length; None or -1 for a single length.
    """

    length: str
    direction: str
    dim: int | None

    def of(self, module: Module) -> Tensor:
        """The weight."""
        length, direction = module.get_parameter(self.length), module.get_parameter(self.direction)
        return direction * (length / _lengths(direction, self.dim))


def _lengths(weight: Tensor, dim: int | None) -> Tensor:
    """The length of each slice of a weight along an axis, which stays while the others get size 1."""
    if dim is None or dim == -1:
        return norm(weight)
    axis = one_axis("weight_norm", weight, dim)
    others = tuple([i for i in range(len(weight.shape)) if i != axis])
    return norm(weight, 2, others, keepdim=True) if others else weight.abs()


def made_of(module: Module, name: str, dim: int | None) -> tuple[Parameter, Parameter]:
    """Lengths and direction that give the parameter `name` of a module; the module is unchanged."""
    kind = type(module).__name__
    if name in _computed(module):
        raise ValueError(f"weight_norm: {kind}.{name} is computed already: remove_weight_norm(module, {name!r}) first")
    own = dict(module._members("parameter"))
    if name not in own:
        known = ", ".join(map(repr, own)) or "none"
        raise ValueError(f"weight_norm: {kind} has no parameter {name!r} of its own, it has {known}")
    wanted = own[name].requires_grad
    weight = own[name].detach()
    return Parameter(_lengths(weight, dim), wanted), Parameter(weight, wanted)


def compute(module: Module, name: str, how: Computed) -> None:
    """Replace the parameter `name` of a module by a property that computes it."""
    delattr(module, name)
    _give_class(module, {**_computed(module), name: how})


def _computed(module: Module) -> dict[str, Computed]:
    """How the weights of a module are computed that are, by name."""
    found: dict[str, Computed] = getattr(type(module), "_computed_weights", {})
    return found


def _give_class(module: Module, computed: dict[str, Computed]) -> None:
    """Make the module one of its plain class, but with these weights computed."""
    plain = getattr(type(module), "_plain_class", type(module))
    if not computed:
        module.__class__ = plain
        return
    members: dict[str, Any] = {name: property(how.of) for name, how in computed.items()}
    members |= {"_computed_weights": computed, "_plain_class": plain, "__reduce__": _reduce}
    members |= {"__module__": plain.__module__, "__doc__": plain.__doc__}
    nested = any("." in how.length for how in computed.values())
    module.__class__ = type(("Parametrized" if nested else "") + plain.__name__, (plain,), members)


def _reduce(module: Any) -> Any:
    """For copies and pickles: a class that was made has no name by which it could be found."""
    return _rebuilt, (module._plain_class, module._computed_weights), module.__dict__


def _rebuilt(plain: type[Module], computed: dict[str, Computed]) -> Module:
    module = plain.__new__(plain)
    _give_class(module, computed)
    return module


def weight_norm(module: M, name: str = "weight", dim: int | None = 0) -> M:
    """Let a module compute its weight from lengths and a direction, which it learns instead: g v / |v|.

    The weight is computed whenever it is read, from ``module.weight_g``, the lengths g, and ``module.weight_v``.
    `nn.utils.parametrizations.weight_norm` does the same under other names.

    Args:
        module: the module; it is changed.
        name: the parameter.
        dim: the axis along which each slice has its own length; None, or -1 as in PyTorch, for a single length.

    Returns:
        The module.

    Raises:
        ValueError: if the module has no such parameter, or it is computed already.
        ShapeError: if the parameter has no such axis.

    Source: Salimans and Kingma, "Weight Normalization" (2016).

    >>> import tinygrad_edu as tg
    >>> layer = tg.nn.utils.weight_norm(tg.nn.Linear(3, 2))
    >>> {path: p.shape for path, p in layer.named_parameters()}
    {'bias': (2,), 'weight_g': (2, 1), 'weight_v': (2, 3)}
    """
    length, direction = made_of(module, name, dim)
    how = Computed(f"{name}_g", f"{name}_v", dim)
    compute(module, name, how)
    module.register_parameter(how.length, length)
    module.register_parameter(how.direction, direction)
    return module


def remove_weight_norm(module: M, name: str = "weight") -> M:
    """Turn a weight that `weight_norm` computes back into a parameter, with its current numbers.

    Args:
        module: the module; it is changed.
        name: the parameter.

    Returns:
        The module.

    Raises:
        ValueError: if the weight is not computed.

    >>> import tinygrad_edu as tg
    >>> layer = tg.nn.utils.weight_norm(tg.nn.Linear(3, 2))
    >>> [path for path, _ in tg.nn.utils.remove_weight_norm(layer).named_parameters()]
    ['bias', 'weight']
    """
    computed = dict(_computed(module))
    if name not in computed:
        raise ValueError(f"remove_weight_norm: {type(module).__name__}.{name} is not computed by weight_norm")
    how = computed.pop(name)
    weight = Parameter(how.of(module).detach(), module.get_parameter(how.direction).requires_grad)
    for path in (how.length, how.direction):
        place, _, last = path.rpartition(".")
        delattr(module.get_submodule(place), last)
    if "." in how.length:
        holders = module.get_submodule("parametrizations")
        delattr(holders, name)
        if not list(holders.children()):
            delattr(module, "parametrizations")
    _give_class(module, computed)
    module.register_parameter(name, weight)
    return module
