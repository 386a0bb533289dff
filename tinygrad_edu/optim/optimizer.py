"""Optimizer, the base class: the step over all parameters, and what is remembered of each.

A gradient is kept as a sum over samples. `step(samples=n)` divides it by the number of samples, once, at the very end.
The sums of micro-batches, uneven batches and workers are simply added.
"""

from __future__ import annotations

import copy
import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np

from ..autograd.modes import enable_grad
from ..autograd.running import clear
from ..dtypes import Array
from ..engine import versions
from ..engine.versions import mark_changed
from ..errors import ShapeError, StateError, describe
from ..tensors.tensor import Tensor
from .counting import warn_of_count
from .groups import Group, ParameterGroups, Params
from .options import number, plain, sample_count

State: TypeAlias = dict[str, Any]
"""What is remembered of one parameter, by name: numbers and arrays."""

# Options of PyTorch's that say how a step is computed, and nothing of what comes out.
_HOW = {"capturable", "differentiable", "foreach", "fused"}


class Optimizer(ParameterGroups):
    """Base class of the optimizers.

    A subclass writes `update`, which changes one parameter, or a `step` of its own, as for PyTorch; and passes the
    defaults of its options:

    Args:
        params: tensors, (name, tensor) pairs, or dicts with "params" and options for these alone.
        defaults: the options of a group that does not give its own; among them "lr".

    Attributes:
        param_groups: one dict per group, with "params" and every option; options may be changed at any time.
        state: for each parameter what the optimizer remembers of it, as numbers and NumPy arrays; an empty dict for
            one that was not seen before.
        defaults: the options of a group that does not give its own.
        last_step: when the last step was, on the clock of changes; None if a subclass has its own `step`.
        overwrites_gradient: for subclasses: whether `update` computes in `g`, which is a copy then.
        state_numbers: for subclasses: what `update` keeps in the state that is a number, and no array.
        own_options: for subclasses: options that PyTorch's optimizer lacks; a state is complete without them.
        others_state: for subclasses: what PyTorch's optimizer remembers and this one does not need; it is not loaded.

    Raises:
        ValueError: if there is no parameter, if one was computed or is given twice, or an option is unknown or wrong.
        DtypeError: for a parameter that is not floating-point.

    >>> import numpy as np, tinygrad_edu as tg
    >>> class SignDescent(tg.optim.Optimizer):
    ...     def __init__(self, params, lr=0.1):
    ...         super().__init__(params, dict(lr=lr))
    ...     def update(self, p, g, state, lr, group, scratch):
    ...         np.sign(g, scratch)
    ...         scratch *= lr
    ...         p -= scratch
    >>> w = tg.tensor([1.0, -2.0], requires_grad=True)
    >>> (w * w).backward()
    >>> SignDescent([w]).step()
    >>> w
    tensor([ 0.9, -1.9], requires_grad=True)
    """

    last_step: int | None = None
    overwrites_gradient = False
    state_numbers: frozenset[str] = frozenset({"step"})
    own_options: frozenset[str] = frozenset()
    others_state: frozenset[str] = frozenset()

    def __init__(self, params: Params, defaults: dict[str, Any]) -> None:
        self.state: defaultdict[Tensor, State] = defaultdict(dict)
        self._arenas: dict[Any, list[Array]] = {}
        self._views: dict[Tensor, tuple[Array, Array, Array]] = {}
        self._warned: set[str] = set()
        super().__init__(params, defaults)

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in vars(self).items() if key != "last_step"}  # another program, another clock

    def update(self, p: Array, g: Array, state: State, lr: float, group: Group, scratch: Array) -> None:
        """Change one parameter in place; a subclass writes this.

        Args:
            p: the parameter's array, to be changed.
            g: its gradient, divided by the number of samples, after weight decay and `maximize`; not to be
                changed.
            state: what is remembered of this parameter, empty at first.
            lr: the learning rate.
            group: the options.
            scratch: an array like `p` for intermediate results, shared with the next parameters.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define update(), which changes one parameter")

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Clear the gradients.

        Args:
            set_to_none: set each `.grad` to None, so that `step` does not change a parameter without a new gradient;
                otherwise fill it with zeros.

        >>> import tinygrad_edu as tg
        >>> w = tg.tensor([1.0], requires_grad=True)
        >>> (w * w).backward()
        >>> tg.optim.SGD([w], lr=0.1).zero_grad()
        >>> w.grad is None
        True
        """
        for group in self.param_groups:
            clear(group["params"], set_to_none)

    def step(self, closure: Callable[[], Any] | None = None, *, samples: Any = None) -> Any:
        """Change every parameter that has a gradient.

        Args:
            closure: computes the gradients and returns the loss; called first.
            samples: the number of samples that the gradients are sums over. The step is then that of the mean loss;
                `.grad` itself is not changed. It may be a sum of weights. Pass 1 if you want the step of the sum.

        Returns:
            What `closure` returned, else None.

        Warns:
            SampleCountWarning: once for each kind of mistake: if the gradients are known to be sums over more than
                one sample and `samples` is missing or cannot be their number; if they are means already; if those
                of one model are sums and means.

        Raises:
            ValueError: if a learning rate or `samples` is not valid. Nothing is changed then.
            TypeError: if `closure` cannot be called.

        >>> import tinygrad_edu as tg
        >>> w = tg.tensor(0.0, requires_grad=True)
        >>> optimizer = tg.optim.SGD([w], lr=0.25)
        >>> for batch in (tg.tensor([1.0, 2.0, 3.0]), tg.tensor([6.0])):  # uneven parts of one batch
        ...     ((w - batch) ** 2).backward()
        >>> optimizer.step(samples=4)  # half of the way from 0 to the mean of all four
        >>> w
        tensor(1.5, requires_grad=True)
        """
        count = 1.0 if samples is None else sample_count(type(self).__name__, samples)
        rates = [self._rate(index, group) for index, group in enumerate(self.param_groups)]
        loss = None
        if closure is not None:
            if not callable(closure):
                raise no_closure(type(self).__name__, closure)
            with enable_grad():
                loss = closure()
        warn_of_count(type(self).__name__, self.param_groups, None if samples is None else count, self._warned)
        for group, lr in zip(self.param_groups, rates):
            self._step_group(group, lr, count)
        self.last_step = versions.now
        return loss

    def _step_group(self, group: Group, lr: float, count: float) -> None:
        divisor = -count if group.get("maximize") else count
        decay = group.get("weight_decay", 0.0)
        decoupled = group.get("decoupled_weight_decay", False)
        for p in group["params"]:
            source = p.source
            if source is None or source.grad is None:
                continue
            array, prepared, scratch = self._buffers(p)
            g = source.grad.array
            if divisor != 1.0 or self.overwrites_gradient:
                g = np.divide(g, divisor, prepared)
            if decay and decoupled:
                array *= 1.0 - lr * decay
            elif decay:
                np.multiply(array, decay, scratch)
                g = np.add(g, scratch, prepared)
            self.update(array, g, self.state[p], lr, group, scratch)
            mark_changed(array)

    def _buffers(self, p: Tensor) -> tuple[Array, Array, Array]:
        """The parameter's array and two to compute in; the memory of these is shared by all parameters."""
        array = p.array
        held = self._views.get(p)
        if held is None or held[0] is not array:
            arena = self._arenas.get(array.dtype)
            if arena is None or arena[0].size < array.size:
                largest = max(q.array.size for q in self._parameters() if q.array.dtype == array.dtype)
                arena = self._arenas[array.dtype] = [np.empty(largest, array.dtype) for _ in range(2)]
            order: Any = "F" if array.flags.f_contiguous and not array.flags.c_contiguous else "C"
            views = [flat[: array.size].reshape(array.shape, order=order) for flat in arena]
            held = self._views[p] = (array, views[0], views[1])
            self._follow(p)
        return held

    def _follow(self, p: Tensor) -> None:
        """Have what is remembered of a parameter in its dtype, as after loading: the model may have been converted."""
        state = self.state.get(p, {})
        for key, value in state.items():
            if isinstance(value, np.ndarray) and value.dtype.kind == "f":
                state[key] = value.astype(p.array.dtype, copy=False)

    def _rate(self, index: int, group: Group) -> float:
        """The learning rate of a group as a Python number, which keeps float32 from turning into float64."""
        lr = group["lr"]
        if type(lr) is not float:
            lr = number(lr)
        if not 0.0 <= lr < math.inf:
            raise ValueError(
                f"{type(self).__name__}.step(): the learning rate of group {index} is {group['lr']!r}: "
                "it must be a finite number >= 0. No parameter was changed"
            )
        return lr

    # Saving and loading

    def state_dict(self) -> dict[str, Any]:
        """The options and the state, with parameters numbered in order, as in PyTorch.

        Returns:
            A dict of "state" (for each parameter's number a dict of numbers and arrays) and "param_groups".
            It is a copy: later steps do not change it.

        >>> import tinygrad_edu as tg
        >>> tg.optim.SGD([tg.tensor([1.0])], lr=0.1).state_dict()["param_groups"][0]["params"]
        [0]
        """
        index = {id(p): i for i, p in enumerate(self._parameters())}
        state = {index[id(p)]: copy.deepcopy(entry) for p, entry in self.state.items()}
        groups = [{**_options(group), "params": [index[id(p)] for p in group["params"]]} for group in self.param_groups]
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Load what `state_dict` of an optimizer of the same kind returned, here or in PyTorch; arrays are copied.

        Raises:
            ValueError: if the groups differ in number or size, an option is unknown or wrong, or the state belongs to a
                parameter that does not exist, or lacks what a step needs. Nothing is loaded then.
            StateError: if a group lacks an option that this optimizer has. Nothing is loaded then.
            ShapeError: if an array of the state does not have its parameter's shape. Nothing is loaded then.

        >>> import tinygrad_edu as tg
        >>> w = tg.tensor([1.0], requires_grad=True)
        >>> optimizer = tg.optim.SGD([w], lr=0.1)
        >>> optimizer.load_state_dict(tg.optim.SGD([w], lr=0.5).state_dict())
        >>> optimizer.param_groups[0]["lr"]
        0.5
        """
        name = f"{type(self).__name__}.load_state_dict()"
        for key in ("state", "param_groups"):
            if key not in state_dict:
                raise ValueError(f"{name}: there is no {key!r}: pass what state_dict() of an optimizer returned")
        saved = state_dict["param_groups"]
        have, got = ([len(group["params"]) for group in groups] for groups in (self.param_groups, saved))
        if have != got:
            raise ValueError(
                f"{name}: the groups have {have} parameters, those of the state {got}: "
                "create the optimizer with the same groups before loading"
            )
        groups: list[Group] = []
        for mine, theirs in zip(self.param_groups, saved):
            where = f"{name}, group {len(groups)}"
            missing = [key for key in self.defaults if key not in theirs and key not in self.own_options]
            if missing:
                raise StateError(
                    f"{where}: the group in the state lacks {', '.join(map(repr, missing))}: it comes from another "
                    f"optimizer than {type(self).__name__}, or from another version. Nothing was loaded"
                )
            given = {key: value for key, value in _options(theirs).items() if key not in _HOW}
            group = {**mine, **given, "params": mine["params"]}
            self._check(group, where)
            groups.append(group)
        labels = [label for group in saved for label in group["params"]]
        params = dict(zip(labels, self._parameters()))
        unknown = [label for label in state_dict["state"] if label not in params]
        if unknown:
            raise ValueError(f"{name}: state of parameter {unknown[0]!r}, but the parameters are {labels}")
        state: defaultdict[Tensor, State] = defaultdict(dict)
        for label, entry in state_dict["state"].items():
            p = params[label]
            what = f"of parameter {label}"
            needed = {key: value for key, value in entry.items() if key not in self.others_state}
            state[p] = {key: self._loaded(f"{name}: {key!r} {what}", key, v, p) for key, v in needed.items()}
        for group in groups:
            for p in group["params"]:
                if state.get(p):
                    self._rehearse(f"{name}: the state of a parameter of shape {p.array.shape}", p, state[p], group)
        self.param_groups[:] = groups
        self.state = state

    def _has_update(self) -> bool:
        """Whether a parameter is changed by `update`, which knows numbers and arrays; else by a `step` of its own."""
        return type(self).update is not Optimizer.update

    def _loaded(self, what: str, key: str, value: Any, p: Tensor) -> Any:
        """One entry of a parameter's state: a number, or an array, copied in the parameter's dtype."""
        if key in self.state_numbers:
            if not 0.0 <= number(value) < math.inf:
                kind = "a number of steps" if key == "step" else "a number >= 0"
                raise ValueError(f"{what} is {value!r}, it must be {kind}: nothing was loaded")
            return int(value) if key == "step" else number(value)
        if not self._has_update():
            return copy.deepcopy(value)
        array = plain(value)
        if not isinstance(array, np.ndarray):
            return array
        if array.shape != p.array.shape:
            raise ShapeError(f"{what} has shape {array.shape}, the parameter {p.array.shape}: nothing was loaded")
        loaded = np.empty_like(p.array)
        loaded[...] = array
        return loaded

    def _rehearse(self, what: str, p: Tensor, state: State, group: Group) -> None:
        """Raise ValueError if `update` cannot go on from `state`: tried on copies."""
        if not self._has_update():
            return
        trial = copy.deepcopy(state)
        array = p.array.copy()
        try:
            with np.errstate(all="ignore"):
                self.update(array, np.zeros_like(array), trial, float(number(group["lr"])), group, np.empty_like(array))
        except KeyError as error:
            have = ", ".join(map(repr, state))
            raise ValueError(f"{what} lacks {error}, it has {have}. Nothing was loaded") from error
        except (TypeError, ValueError, AttributeError) as error:
            raise ValueError(f"{what} does not suit {type(self).__name__} ({error}). Nothing was loaded") from error


def _options(group: Mapping[str, Any]) -> Group:
    """A copy of a group without its parameters: a learning rate may be a tensor, which can be written to."""
    return {key: copy.deepcopy(value) for key, value in group.items() if key != "params"}


def no_closure(owner: str, given: Any) -> TypeError:
    """The error for a first argument of `step` that cannot be called."""
    text = describe(given)
    return TypeError(
        f"{owner}.step({text}): the first argument is a closure, which computes the loss. "
        f"To divide by a number of samples write step(samples={'n' if '[' in text else text})"
    )
