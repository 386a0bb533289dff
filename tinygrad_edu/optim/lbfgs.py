"""L-BFGS: steps that know the curvature, from the gradients of the last steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..dtypes import Array
from ..engine import versions
from ..tensors.tensor import Tensor
from .counting import warn_of_count
from .groups import Group, Params
from .line_search import Trial, strong_wolfe
from .objective import Objective
from .optimizer import Optimizer, State, no_closure
from .options import number, plain, require_between, require_count, sample_count

_CURVED = 1e-10  # a pair of changes is remembered only if their product is more
_COUNTS = ("func_evals", "n_iter")
_LISTS = ("old_dirs", "old_stps", "ro")


class LBFGS(Optimizer):
    """L-BFGS: a quasi-Newton method that remembers the last `history_size` changes of the gradient.

    All parameters are one vector x with the gradient g. An iteration goes along d = −H·g, where H, an estimate of the
    inverse of the Hessian, is never written out: it is made of the pairs s, y of the last changes of x and of g, and of
    the factor s·y / y·y. It goes to x + lr·d, or as far as `line_search_fn` says, which tries lr first. A step of the
    optimizer is up to `max_iter` such iterations, for which it calls `closure` again and again.

    Sources: Nocedal 1980, "Updating quasi-Newton matrices with limited storage"; Nocedal and Wright 2006, "Numerical
    optimization", 2nd edition, algorithm 7.4.

    Args:
        params: tensors, or (name, tensor) pairs; one group at most.
        lr: the length of a step in units of d; the very first goes lr·min(1, 1/Σ|g|)·d far.
        max_iter: the most iterations in a step.
        max_eval: no iteration begins after so many calls of `closure` in a step; 5/4 of `max_iter` if None.
        tolerance_grad: a step ends when no number of the gradient is larger.
        tolerance_change: a step ends when neither the loss nor any parameter changes by more.
        history_size: how many changes are remembered; each takes twice the memory of the parameters.
        line_search_fn: "strong_wolfe" to look for a step that meets the strong Wolfe conditions; None for none.
        maximize: go up instead of down. (PyTorch's does not have it.)

    Raises:
        ValueError: for an option out of range, or several groups.

    >>> import tinygrad_edu as tg
    >>> w = tg.tensor([0.0, 0.0], dtype=tg.float64, requires_grad=True)
    >>> optimizer = tg.optim.LBFGS([w], line_search_fn="strong_wolfe")
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = (1 - w[0]) ** 2 + 100 * (w[1] - w[0] ** 2) ** 2  # Rosenbrock's valley, least at (1, 1)
    ...     loss.backward()
    ...     return loss
    >>> for _ in range(3):
    ...     loss = optimizer.step(closure)
    >>> [round(x, 4) for x in w.tolist()]
    [1.0, 1.0]
    """

    state_numbers: frozenset[str] = frozenset({*_COUNTS, "t", "H_diag"})
    own_options: frozenset[str] = frozenset({"maximize"})
    others_state: frozenset[str] = frozenset({"al", "prev_loss"})

    def __init__(
        self,
        params: Params,
        lr: float = 1.0,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
            "maximize": maximize,
        }
        require_count("LBFGS", defaults, "max_iter")
        if max_eval is None:
            defaults["max_eval"] = max_iter * 5 // 4
        super().__init__(params, defaults)

    def check_options(self, options: Mapping[str, Any]) -> None:
        """The numbers of iterations must be at least 1, the tolerances >= 0, the line search one that there is."""
        for key in ("max_iter", "max_eval", "history_size"):
            require_count("LBFGS", options, key)
        for key in ("tolerance_grad", "tolerance_change"):
            require_between("LBFGS", options, key)
        if options["line_search_fn"] not in (None, "strong_wolfe"):
            raise ValueError(f"LBFGS: line_search_fn={options['line_search_fn']!r} must be 'strong_wolfe' or None")

    def add_param_group(self, param_group: Group) -> None:
        """Add the one group that there may be.

        Raises:
            ValueError: if there is one.

        >>> import tinygrad_edu as tg
        >>> len(tg.optim.LBFGS([tg.tensor([1.0], requires_grad=True)]).param_groups)
        1
        """
        if self.param_groups:
            raise ValueError(
                "LBFGS: a second parameter group: all parameters make one step, of one length, with the same options. "
                "Pass them as one list, without groups"
            )
        super().add_param_group(param_group)

    def step(self, closure: Callable[[], Any] | None = None, *, samples: Any = None) -> Any:
        """Make up to `max_iter` iterations.

        Args:
            closure: forgets the gradients, computes the loss, calls its `backward()` and returns it. It is called
                several times, also at places that turn out to be too far, and must always compute the same function.
            samples: how many samples the loss and the gradients are sums over. Both count as divided by it, so that
                the step is that of the mean loss, with the same line search and tolerances.

        Returns:
            What `closure` returned when it was first called.

        Warns:
            SampleCountWarning: as every optimizer's step.

        Raises:
            ValueError: if the learning rate or `samples` is not a proper number. Nothing is changed then.
            TypeError: if there is no closure, or it returns no loss.

        >>> import tinygrad_edu as tg
        >>> w = tg.tensor(0.0, requires_grad=True)
        >>> optimizer = tg.optim.LBFGS([w])
        >>> def closure():
        ...     optimizer.zero_grad()
        ...     loss = tg.nn.functional.mse_loss(w.expand(3), tg.tensor([1.0, 2.0, 6.0]))  # a sum, as all losses are
        ...     loss.backward()
        ...     return loss
        >>> loss = optimizer.step(closure, samples=3)
        >>> loss.item(), round(w.item(), 4)
        (41.0, 3.0)
        """
        if not callable(closure):
            raise self._no_closure(closure)
        count = 1.0 if samples is None else sample_count("LBFGS", samples)
        (group,) = self.param_groups
        lr = self._rate(0, group)
        objective = Objective("LBFGS", group["params"], closure, -count if group["maximize"] else count)
        state = self.state.setdefault(group["params"][0], {})
        if not state:
            state.update(func_evals=0, n_iter=0, t=0.0, H_diag=1.0, old_dirs=[], old_stps=[], ro=[])
        loss, gradient = objective.evaluate()
        warn_of_count("LBFGS", self.param_groups, None if samples is None else count, self._warned)
        try:
            if _largest(gradient) > group["tolerance_grad"]:
                self._iterate(objective, loss, gradient, state, lr, group)
        finally:
            state["func_evals"] += objective.evaluations
            self.last_step: int | None = versions.now
        return objective.first

    def _iterate(
        self, objective: Objective, loss: float, gradient: Array, state: State, lr: float, group: Group
    ) -> None:
        """Iterate until one of the limits is reached."""
        for iteration in range(1, group["max_iter"] + 1):
            t = lr
            if state["n_iter"] == 0:
                direction = -gradient
                t *= min(1.0, 1.0 / float(np.abs(gradient).sum()))
            else:
                _remember(state, gradient, group["history_size"])
                direction = _direction(state, gradient, objective.scratch)
            state.update(n_iter=state["n_iter"] + 1, d=direction, t=t, prev_flat_grad=gradient)
            start = Trial(0.0, loss, float(gradient @ direction), gradient)
            if start.slope > -group["tolerance_change"]:
                return
            last = iteration == group["max_iter"]
            found = self._move(objective, start, state, last, group)
            change, loss, gradient = abs(found.loss - loss), found.loss, found.gradient
            if (
                last
                or objective.evaluations >= group["max_eval"]
                or _largest(gradient) <= group["tolerance_grad"]
                or _largest(direction) * state["t"] <= group["tolerance_change"]
                or change < group["tolerance_change"]
            ):
                return

    def _move(self, objective: Objective, start: Trial, state: State, last: bool, group: Group) -> Trial:
        """Go along the direction in the state; what is found there, as far as another iteration will ask for it."""
        here, direction = objective.position(), state["d"]

        def trial(t: float) -> Trial:
            objective.place(here, t, direction)
            loss, gradient = objective.evaluate()
            return Trial(t, loss, float(gradient @ direction), gradient)

        if group["line_search_fn"] is None:
            if not last:
                return trial(state["t"])
            objective.place(here, state["t"], direction)
            return start
        narrowest = group["tolerance_change"] / _largest(direction)
        try:
            found = strong_wolfe(trial, start, state["t"], narrowest, group["max_eval"] - objective.evaluations)
        except BaseException:
            objective.place(here, 0.0, direction)
            raise
        state["t"] = found.t
        objective.place(here, found.t, direction)
        return found

    def _no_closure(self, given: Any) -> TypeError:
        if given is not None:
            return no_closure("LBFGS", given)
        return TypeError(
            "LBFGS.step(): it evaluates the loss several times: pass a function that calls zero_grad(), computes the "
            "loss, calls backward() and returns the loss"
        )

    # Loading

    def _loaded(self, what: str, key: str, value: Any, p: Tensor) -> Any:
        """One entry of the state: a number, a vector as long as all parameters, or a list of either."""
        if key in self.state_numbers:
            found = super()._loaded(what, key, value, p)
            return int(found) if key in _COUNTS else found
        params = self._parameters()
        example = Objective("LBFGS", params, lambda: None, 1.0).position()
        if key in _LISTS and not isinstance(value, list | tuple):
            raise ValueError(f"{what} is no list: nothing was loaded")
        if key == "ro":
            return [number(entry) for entry in value]
        vectors = [np.array(plain(entry), example.dtype) for entry in (value if key in _LISTS else [value])]
        for vector in vectors:
            if vector.shape != example.shape:
                raise ValueError(
                    f"{what} has a vector of shape {vector.shape}, all parameters together have {example.shape}: "
                    "nothing was loaded"
                )
        return vectors if key in _LISTS else vectors[0]

    def _rehearse(self, what: str, p: Tensor, state: State, group: Group) -> None:
        """Raise ValueError if a step cannot go on from `state`."""
        needed = {*self.state_numbers, *_LISTS}
        if state.get("n_iter"):
            needed |= {"d", "prev_flat_grad"}
        missing = sorted(needed - state.keys())
        if missing:
            raise ValueError(f"{what} lacks {missing[0]!r}, it has {', '.join(map(repr, state))}. Nothing was loaded")
        lengths = {len(state[key]) for key in _LISTS}
        if p is not group["params"][0] or len(lengths) > 1 or max(lengths) > group["history_size"]:
            raise ValueError(
                f"{what} does not suit LBFGS: it must be that of the first parameter, with {', '.join(_LISTS)} of one "
                f"length <= {group['history_size']}. Nothing was loaded"
            )


def _remember(state: State, gradient: Array, most: int) -> None:
    """Take note of the last changes of the position and of the gradient, in the memory of what they were made of."""
    change = np.subtract(gradient, state["prev_flat_grad"], state["prev_flat_grad"])
    move = np.multiply(state["d"], state["t"], state["d"])
    product = float(change @ move)
    if not product > _CURVED:
        return
    for key, value in zip(_LISTS, (change, move, 1.0 / product)):
        if len(state[key]) == most:
            del state[key][0]
        state[key].append(value)
    state["H_diag"] = product / float(change @ change)


def _direction(state: State, gradient: Array, scratch: Array) -> Array:
    """−H·g by the two loops over what is remembered."""
    pairs = list(zip(*(state[key] for key in _LISTS)))
    factors = []
    direction = -gradient
    for change, move, inverse in reversed(pairs):
        factors.append(float(move @ direction) * inverse)
        direction -= np.multiply(change, factors[-1], scratch)
    direction *= state["H_diag"]
    for (change, move, inverse), factor in zip(pairs, reversed(factors)):
        direction += np.multiply(move, factor - float(change @ direction) * inverse, scratch)
    return direction


def _largest(vector: Array) -> float:
    """The largest size of a number in `vector`; 0 if there is none."""
    return float(np.abs(vector).max(initial=0.0))
