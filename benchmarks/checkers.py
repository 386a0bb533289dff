"""Which wrong gradients do gradient checkers catch? Each checker gets the faults of tests/testing/faults.py.

    python benchmarks/checkers.py
    python benchmarks/checkers.py --family "second order only" --verbose
    python benchmarks/checkers.py --family "habits of hand-written gradients"

Each peer gets the same function, with the same fault, as a custom function whose forward and backward call ours in
NumPy, and the same arguments (two draws). A fault is caught if the peer rejects it and accepts the function without it.
For a second-order fault, the peer checks the function that computes the gradients. Then come the wrong habits of
gradients written by hand in plain NumPy (tests/testing/habits.py and the files beside it), and right gradients of
functions with large rounding errors (tests/testing/noisy.py, noisy_arrays.py), which no checker should reject. Peers
that are not installed are left out:
`pip install --group peers` (pip >= 25.1).
"""

from __future__ import annotations

import argparse
import functools
import logging
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import _threads  # noqa: F401  first: it sets the number of threads

# ruff: isort: split
import numpy as np

sys.path[:0] = [str(Path(__file__).parent.parent / part) for part in ("tests", "")]

from testing.faults import FAULTS, Fault, Use, examine
from testing.habits_of_arrays import HABITS
from testing.handwritten import Case, Habit, by_laws, by_property, by_vjp, judged, unexplained
from testing.noisy_arrays import NOISY

from tinygrad_edu.autograd.modes import enable_grad, no_grad
from tinygrad_edu.autograd.running import grad
from tinygrad_edu.engine.graph import Leaf
from tinygrad_edu.engine.recording import make_tensor
from tinygrad_edu.testing import gradcheck
from tinygrad_edu.testing.differences.cotangents import cotangents_for
from tinygrad_edu.testing.differences.second_order import of_gradients
from tinygrad_edu.testing.modules import check_module
from tinygrad_edu.testing.subject import floating_outputs, is_array

SEEDS = (0, 1)
BY_HAND = "habits of hand-written gradients"
OURS = ("gradcheck", "all checks")
TOO_MANY = 10**7  # entries of a Jacobian that is written out
# What a peer cannot check: it has no such concept, takes float64 only, or cannot see the memory in question.
NOT_SHOWN = {
    "": {"wrong sample rule", "float32 becomes float64", "float32 overflow", "aliased gradient", "result mutated"},
    "JAX": {"input mutated", "cotangent mutated"},  # its arrays cannot be written to
}

# The answer of a checker: nothing, or why it rejects a function. It raises Unable if it cannot tell.
Checker = Callable[[Any], None]


class Unable(Exception):
    """Why a checker cannot be used."""


class Numpy:
    """One of our functions as a function of arrays, with its backward: all outputs in one flat array."""

    def __init__(self, use: Use, seed: int, second: bool) -> None:
        subject = use.subject(seed)
        self.use, self.seed, self.second = use, seed, second
        if second:
            centre = subject.values(subject.arrays())
            subject = of_gradients(subject, cotangents_for(centre, None, np.random.default_rng(seed)))
        self.subject = subject
        self.all = subject.arrays()
        self.arrays = [self.all[i] for i in subject.checked]
        self.shapes = [out.shape for out in subject.values(self.all)]
        self.entries = sum([a.size for a in self.arrays]) * sum([int(np.prod(s)) for s in self.shapes])

    def forward(self, *arrays: Any) -> Any:
        with no_grad():
            outs = floating_outputs(self.subject.function(*self._filled(arrays, leaves=False)))
        return np.concatenate([out.array.reshape(-1) for out in outs])

    def backward(self, g: Any, *arrays: Any) -> list[Any]:
        given = self._filled(arrays, leaves=True)
        leaves = [given[i] for i in self.subject.checked]
        with enable_grad():
            outs = floating_outputs(self.subject.function(*given))
        edges = np.cumsum([0, *[out.array.size for out in outs]])
        parts = [g[a:b].reshape(out.shape) for a, b, out in zip(edges[:-1], edges[1:], outs, strict=True)]
        pairs = [(out, p) for out, p in zip(outs, parts, strict=True) if out.source is not None]
        found: Sequence[Any] = [None] * len(leaves)
        if pairs:
            found = grad([p[0] for p in pairs], leaves, [p[1] for p in pairs], allow_unused=True)
        return [np.zeros(a.shape) if f is None else f.array for f, a in zip(found, arrays, strict=True)]

    def _filled(self, arrays: Sequence[Any], leaves: bool) -> list[Any]:
        """All arguments as tensors that share the arrays, so that a rule which writes to them really does."""
        given = [make_tensor(a, None) if is_array(a) else a for a in self.all]
        for i, a in zip(self.subject.checked, arrays, strict=True):
            given[i] = make_tensor(a, Leaf(a.shape, a.dtype) if leaves else None)
        return given


class Written:
    """A function with a gradient written by hand, in the same form as `Numpy`."""

    def __init__(self, case: Case | Habit, seed: int) -> None:
        self.case, self.seed = case, seed
        self._forward, self._vjp = case.plant()
        self.arrays = list(case.arguments(seed))
        self.shapes = [np.shape(self._forward(*[a.copy() for a in self.arrays]))]
        self.entries = sum([a.size for a in self.arrays]) * int(np.prod(self.shapes[0]))

    def forward(self, *arrays: Any) -> Any:
        return np.array(self._forward(*arrays), np.float64).reshape(-1)

    def backward(self, g: Any, *arrays: Any) -> list[Any]:
        found = self._vjp(np.array(g).reshape(self.shapes[0]), *arrays)
        parts = found if isinstance(found, tuple | list) else (found,)
        return [
            np.zeros(a.shape) if f is None else np.asarray(f, np.float64) for f, a in zip(parts, arrays, strict=True)
        ]


def ours_gradcheck(function: Numpy | Written) -> None:
    if isinstance(function, Written):
        return by_vjp(function.case, function.seed)
    use = function.use
    if use.name in _MODULES:
        check_module(use.make(), *use.arguments(function.seed), allow_zero=True)
    else:
        gradcheck(use.make(), use.arguments(function.seed), order=1 + function.second, allow_zero=True)
    return None


def by_hand_only(function: Written) -> None:
    """All checks that do not draw other arguments."""
    for check in (by_vjp, by_laws):
        check(function.case, function.seed)


def ours(function: Numpy | Written) -> None:
    if isinstance(function, Written):
        for check in (by_vjp, by_laws, by_property):
            check(function.case, function.seed)
        return
    for failure in examine(function.use, function.seed):
        raise failure


_MODULES = {fault.use.name for fault in FAULTS if fault.where.startswith("nn.")}


def torch_checkers() -> dict[str, Checker]:
    import torch

    def check(function: Numpy | Written, fast: bool) -> None:
        if not fast and function.entries > TOO_MANY:
            raise Unable("the Jacobian is too large")

        class Wrapped(torch.autograd.Function):
            @staticmethod
            def forward(ctx: Any, *inputs: Any) -> Any:
                ctx.save_for_backward(*inputs)
                return torch.from_numpy(function.forward(*[x.detach().numpy() for x in inputs]))

            @staticmethod
            @torch.autograd.function.once_differentiable
            def backward(ctx: Any, g: Any) -> Any:
                found = function.backward(g.numpy(), *[x.detach().numpy() for x in ctx.saved_tensors])
                return tuple([torch.from_numpy(np.array(f)) for f in found])

        torch.manual_seed(function.seed)
        inputs = [torch.empty(a.shape, dtype=torch.float64).copy_(torch.from_numpy(a)) for a in function.arrays]
        torch.autograd.gradcheck(Wrapped.apply, [x.requires_grad_() for x in inputs], fast_mode=fast)

    version = torch.__version__.split("+")[0]
    return {
        f"PyTorch {version} slow": lambda function: check(function, False),
        f"PyTorch {version} fast": lambda function: check(function, True),
    }


def jax_checkers() -> dict[str, Checker]:
    import jax
    from jax.test_util import check_grads

    jax.config.update("jax_enable_x64", True)

    def check(function: Numpy | Written) -> None:
        size = sum([int(np.prod(s)) for s in function.shapes])

        @jax.custom_vjp
        def f(*inputs: Any) -> Any:
            shape = jax.ShapeDtypeStruct((size,), np.float64)
            return jax.pure_callback(lambda *a: function.forward(*map(np.asarray, a)), shape, *inputs)

        def backward(inputs: Any, g: Any) -> Any:
            shapes = tuple([jax.ShapeDtypeStruct(x.shape, np.float64) for x in inputs])
            call = lambda g, *a: tuple(map(np.array, function.backward(np.asarray(g), *map(np.asarray, a))))
            return jax.pure_callback(call, shapes, g, *inputs)

        f.defvjp(lambda *inputs: (f(*inputs), inputs), backward)
        np.random.seed(function.seed)  # noqa: NPY002
        check_grads(f, tuple([jax.numpy.asarray(a) for a in function.arrays]), order=1, modes=["rev"])

    return {f"JAX {jax.__version__}": check}


def autograd_checkers() -> dict[str, Checker]:
    from importlib.metadata import version

    from autograd.extend import defvjp, primitive
    from autograd.test_util import check_grads

    def check(function: Numpy | Written) -> None:
        f = primitive(function.forward)
        places = tuple(range(len(function.arrays)))
        pull = lambda i: lambda out, *inputs: lambda g: np.array(function.backward(g, *inputs)[i])
        defvjp(f, *[pull(i) for i in places], argnums=places)
        np.random.seed(function.seed)  # noqa: NPY002
        check_grads(f, places, modes=["rev"], order=1)(*[a.copy() for a in function.arrays])

    return {f"autograd {version('autograd')}": check}


def peers() -> Iterator[dict[str, Checker]]:
    for name, make in (("PyTorch", torch_checkers), ("JAX", jax_checkers), ("autograd", autograd_checkers)):
        try:
            yield make()
        except ImportError as error:
            print(f"{name} is left out: {error}")


def verdict(check: Checker, make: Callable[[], Numpy | Written]) -> str:
    """The answer of a checker: "accepts", "rejects", or "unable" if it cannot tell."""
    try:
        with unexplained():
            check(make())
    except Unable:
        return "unable"
    except Exception as error:
        return "unable" if judged(error) == "inconclusive" else "rejects"
    return "accepts"


class Table:
    """The answer of each checker for each fault."""

    def __init__(self, checkers: dict[str, Checker]) -> None:
        self.checkers = checkers
        self.right: dict[tuple[str, str, int, bool], str] = {}
        self.caught: dict[tuple[str, str], list[bool | None]] = {}
        self.noisy: dict[str, list[str]] = {}
        self.seconds = dict.fromkeys(checkers, 0.0)

    def add(self, fault: Fault, verbose: bool) -> None:
        for name in self.checkers:
            begin = time.perf_counter()
            caught = self._caught(name, fault)
            self.seconds[name] += time.perf_counter() - begin
            self.caught.setdefault((fault.family, name), []).append(caught)
            if verbose:
                print(f"{fault.id:60} {name:20} {'cannot say' if caught is None else 'caught' if caught else 'missed'}")

    def _caught(self, name: str, fault: Fault) -> bool | None:
        if name not in OURS and any(fault.family in some for peer, some in NOT_SHOWN.items() if name.startswith(peer)):
            return None
        second = name != "all checks" and fault.family == "second order only"
        able = False
        for seed in SEEDS:
            key = (name, fault.use.name, seed, second)
            if key not in self.right:
                self.right[key] = verdict(self.checkers[name], functools.partial(Numpy, fault.use, seed, second))
            if self.right[key] != "accepts":
                continue
            able = True
            with fault.plant():
                if verdict(self.checkers[name], functools.partial(Numpy, fault.use, seed, second)) == "rejects":
                    return True
        return False if able else None

    def add_by_hand(self, habit: Habit, verbose: bool) -> None:
        """The answer of each checker for a wrong habit and its right counterpart."""
        for name, check in self.checkers.items():
            begin = time.perf_counter()
            self.caught.setdefault((BY_HAND, name), []).append(self._caught_by_hand(name, check, habit))
            self.seconds[name] += time.perf_counter() - begin
            if verbose:
                print(f"{habit.name:60} {name:20} {self.caught[BY_HAND, name][-1]}")

    def _caught_by_hand(self, name: str, check: Checker, habit: Habit) -> bool | None:
        able = False
        for seed in SEEDS:
            key = (name, habit.right.name, seed, False)
            if key not in self.right:
                self.right[key] = verdict(check, functools.partial(Written, habit.right, seed))
            if self.right[key] != "accepts":
                continue
            able = True
            if verdict(check, functools.partial(Written, habit, seed)) == "rejects":
                return True
        return False if able else None

    def add_noisy(self, case: Case, verbose: bool) -> None:
        """The answer of each checker for a right gradient of a function with large rounding errors."""
        for name, check in self.checkers.items():
            check = by_hand_only if name == "all checks" else check
            says = [verdict(check, functools.partial(Written, case, seed)) for seed in SEEDS]
            self.noisy.setdefault(name, []).append("rejects" if "rejects" in says else min(says))
            if verbose:
                print(f"{case.name:60} {name:20} {says}")

    def rows(self) -> Iterator[list[str]]:
        families = list(dict.fromkeys(family for family, _ in self.caught))
        yield ["fault", "number", *self.checkers]
        for family in families:
            cells = [self.caught[family, name] for name in self.checkers]
            yield [family, str(len(cells[0])), *["n/a" if set(c) == {None} else str(c.count(True)) for c in cells]]
        whole = [[c for family in families for c in self.caught[family, name]] for name in self.checkers]
        yield ["all", str(len(whole[0])), *[str(c.count(True)) for c in whole]]
        yield [
            "share of those it can be asked",
            "",
            *[f"{c.count(True) / (len(c) - c.count(None)):.0%}" for c in whole],
        ]
        rejected = [sum(v == "rejects" and k[0] == name for k, v in self.right.items()) for name in self.checkers]
        yield ["right ones rejected", "", *map(str, rejected)]
        if self.noisy:
            count = str(len(NOISY))
            for words, says in (("rejected", "rejects"), ("accepted", "accepts")):
                found = [str(self.noisy[name].count(says)) for name in self.checkers]
                yield [f"right ones with much rounding {words}", count, *found]
        yield ["seconds", "", *[f"{self.seconds[name]:.0f}" for name in self.checkers]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--family", default="", help="only the faults of one family")
    parser.add_argument("--verbose", action="store_true", help="report each fault")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    logging.disable()
    found = {name: check for some in peers() for name, check in some.items()}
    table = Table({**dict(zip(OURS, (ours_gradcheck, ours), strict=True)), **found})
    print(f"checkers: {', '.join(table.checkers)}\n")
    for fault in FAULTS:
        if options.family in ("", fault.family):
            table.add(fault, options.verbose)
    if options.family in ("", BY_HAND):
        for habit in HABITS.values():
            table.add_by_hand(habit, options.verbose)
        for case in NOISY.values():
            table.add_noisy(case, options.verbose)
    for k, row in enumerate(table.rows()):
        print(f"| {' | '.join(row)} |")
        if k == 0:
            print(f"| {' | '.join(['---'] * len(row))} |")


if __name__ == "__main__":
    main()
