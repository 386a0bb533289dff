"""Random programs of views and changes in place, for our library and for PyTorch alike.

A program is a list of instructions of four numbers: what to do, and three choices that are taken modulo what there
is to choose from, so that hypothesis can shrink it. Tensors are only read linearly, or as copies, so that PyTorch
never has to refuse a backward pass because of what was overwritten.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np
from hypothesis import strategies as st

START = np.arange(1.0, 13.0).reshape(3, 4) / 8
NUMBERS = np.linspace(-2, 2, 24)

programs = st.lists(st.tuples(*[st.integers(0, 2**16)] * 4), min_size=1, max_size=16)


def constant(library: Any, array: np.ndarray) -> Any:
    return library.tensor(np.asarray(array), dtype=library.float64)


VIEWS: list[Callable[[Any, int], Any]] = [
    lambda t, n: t[n % len(t)],
    lambda t, n: t[-1:],
    lambda t, n: t[..., n % t.shape[-1]],
    lambda t, n: t[:: 1 + n % 2],
    lambda t, n: t[None],
    lambda t, n: t.T if t.ndim == 2 else t.unsqueeze(-1),
    lambda t, n: t.transpose(0, -1),
    lambda t, n: t.reshape(-1),
    lambda t, n: t.flatten(),
    lambda t, n: t.squeeze(),
    lambda t, n: t.reshape(t.shape[-1], -1),
    lambda t, n: t.diagonal() if t.ndim == 2 else t,
    lambda t, n: t.narrow(0, n % len(t), 1),
    lambda t, n: t.select(-1, 0),
    lambda t, n: t.movedim(0, -1),
    lambda t, n: t.detach(),
    lambda t, n: t.detach()[0],
    lambda t, n: t.data,
    lambda t, n: t.view(t.shape),
    lambda t, n: t.flip(0),
    lambda t, n: t.contiguous(),
    lambda t, n: t * 3,
    lambda t, n: t.clone(),
    lambda t, n: t.clone().sin() * 1,
]


def number(t: Any) -> Any:
    """One number of all of `t`, that stays small."""
    return t.clone().sum().tanh()


def ones(t: Any) -> Any:
    return t.detach().clone() * 0 + 1


def idle(library: Any, t: Any, other: Any, n: int) -> None:
    pass


def set_row(library: Any, t: Any, other: Any, n: int) -> None:
    t[n % len(t)] = NUMBERS[n % 24]


def set_rows(library: Any, t: Any, other: Any, n: int) -> None:
    t[[0, -1][: len(t)]] = number(other)


def set_from_itself(library: Any, t: Any, other: Any, n: int) -> None:
    t[0] = (t[0], t.detach()[0], t[-1], t.detach()[-1])[n % 4]


def set_from_what_is_detached(library: Any, t: Any, other: Any, n: int) -> None:
    t[...] = (t.detach(), t.data, t)[n % 3]


def set_from_other(library: Any, t: Any, other: Any, n: int) -> None:
    if tuple(other.shape) == tuple(t.shape):
        t[0] = other[0]


def set_column(library: Any, t: Any, other: Any, n: int) -> None:
    t[..., 0] = number(other) * NUMBERS[n % 24]


def set_masked(library: Any, t: Any, other: Any, n: int) -> None:
    t[t.detach() > NUMBERS[n % 24]] = NUMBERS[(n + 7) % 24]


def scale_rows(library: Any, t: Any, other: Any, n: int) -> None:
    t[1:] *= NUMBERS[n % 24]


def add_to_column(library: Any, t: Any, other: Any, n: int) -> None:
    t[..., -1] += number(other)


def add(library: Any, t: Any, other: Any, n: int) -> None:
    t += NUMBERS[n % 24]


WRITES: list[Callable[[Any, Any, Any, int], Any]] = [
    lambda lib, t, o, n: t.zero_(),
    lambda lib, t, o, n: t.fill_(float(NUMBERS[n % 24])),
    lambda lib, t, o, n: t.add_(float(NUMBERS[n % 24])),
    lambda lib, t, o, n: t.mul_(float(NUMBERS[n % 24])),
    lambda lib, t, o, n: t.mul_(constant(lib, NUMBERS[: t.shape[-1]])),
    lambda lib, t, o, n: t.add_(number(o)),
    lambda lib, t, o, n: t.mul_(number(o)),
    lambda lib, t, o, n: t.copy_(o.clone()) if tuple(o.shape) == tuple(t.shape) else t.copy_(number(o)),
    lambda lib, t, o, n: t.neg_(),
    lambda lib, t, o, n: t.clamp_(-1.0, 1.0),
    lambda lib, t, o, n: t.masked_fill_(t.detach() > 0.3, 0.25),
    lambda lib, t, o, n: t.index_add_(0, lib.tensor([0, 0]), ones(t)[[0, 0]] * number(o)),
    set_row,
    set_rows,
    set_from_itself,
    set_from_what_is_detached,
    set_from_other,
    set_column,
    set_masked,
    scale_rows,
    add_to_column,
    add,
]


class Refused(Exception):
    """The library would not do it."""


def run(library: Any, program: list[tuple[int, int, int, int]], grad: bool, refusals: type[Exception]) -> Any:
    """The tensors at the end, where they began, and after each instruction whether it was refused."""
    start = constant(library, START)
    weight = constant(library, NUMBERS[:4])
    for leaf in (start, weight):
        leaf.requires_grad_(grad)
    tensors = [start * 2, constant(library, np.zeros((2, 3))), start[:2], weight]
    looking_on = [tensors[0].expand(2, 3, 4), tensors[1][0].expand(2, 3)]  # one number in many places: never written to
    refused = []
    for kind, i, j, n in program:
        t, other = tensors[i % len(tensors)], tensors[j % len(tensors)]
        views = kind % 2 == 0
        quiet = not views and kind % 7 == 0
        try:
            with library.no_grad() if quiet else nullcontext():
                if views:
                    tensors.append(VIEWS[kind // 2 % len(VIEWS)](t, n) if t.ndim else t.reshape(1))
                elif t.ndim:
                    WRITES[kind // 2 % len(WRITES)](library, t, other, n)
            refused.append(False)
        except refusals:
            refused.append(True)
            if views:
                tensors.append(t)
    return tensors + looking_on, (start, weight), refused
