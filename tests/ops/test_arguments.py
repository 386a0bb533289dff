"""Two spellings of one argument: `dim` and `axis`, `keepdim` and `keepdims`, everywhere."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg

X = np.arange(12.0).reshape(3, 4)[::-1].copy()
INDEX = np.array([[0, 2, 1, 0]])

NUMPYS_ALONE = {"expand_dims", "take_along_axis"}  # NumPy's functions under NumPy's names: PyTorch has none of them


def spelled() -> dict[str, Callable[..., Any]]:
    """Every public function that takes an axis."""
    found = {}
    for where, prefix in ((tg, ""), (tg.linalg, "linalg."), (tg.nn.functional, "functional.")):
        for name, function in vars(where).items():
            if name.startswith("_") or inspect.isclass(function) or not inspect.isroutine(function):
                continue
            if {"dim", "dims", "axis", "keepdim", "keepdims"} & set(inspect.signature(function).parameters):
                found[prefix + name] = function
    return found


@pytest.mark.parametrize("name", sorted(set(spelled()) - NUMPYS_ALONE))
def test_every_function_takes_both_spellings(name: str) -> None:
    parameters = set(inspect.signature(spelled()[name]).parameters)
    assert ("keepdim" in parameters) == ("keepdims" in parameters)
    if name != "tensordot":  # its axes are pairs: dims= and axes=
        assert ("axis" in parameters) == bool({"dim", "dims"} & parameters)
    else:
        assert {"dims", "axes"} <= parameters


KEEPING = [
    "all", "any", "amax", "amin", "aminmax", "argmax", "argmin", "count_nonzero", "logsumexp", "max", "mean", "median",
    "min", "nanmean", "nansum", "norm", "prod", "std", "sum", "var",
]  # fmt: skip
METHODS = [
    *KEEPING, "argsort", "cummax", "cummin", "cumprod", "cumsum", "diff", "log_softmax", "logcumsumexp", "softmax",
    "softmin", "sort", "squeeze", "unbind", "unique", "unsqueeze",
]  # fmt: skip
ONE_AXIS: dict[str, Callable[..., Any]] = {
    **{name: lambda x, name=name, **at: getattr(x, name)(**at) for name in METHODS},
    "kthvalue": lambda x, **at: x.kthvalue(2, **at),
    "topk": lambda x, **at: x.topk(2, **at),
    "chunk": lambda x, **at: x.chunk(2, **at),
    "split": lambda x, **at: x.split(2, **at),
    "tensor_split": lambda x, **at: x.tensor_split(2, **at),
    "roll": lambda x, axis=None, dim=None: x.roll(1, dim) if axis is None else x.roll(1, axis=axis),
    "flip": lambda x, axis=None, dim=None: x.flip(dims=[dim]) if axis is None else x.flip(axis=axis),
    "narrow": lambda x, **at: x.narrow(start=1, length=2, **at),
    "select": lambda x, **at: x.select(index=1, **at),
    "unfold": lambda x, **at: x.unfold(size=2, step=1, **at),
    "unflatten": lambda x, **at: x.unflatten(sizes=(1, -1), **at),
    "index_select": lambda x, **at: x.index_select(index=tg.tensor([0, 1]), **at),
    "gather": lambda x, **at: x.gather(index=tg.tensor(INDEX), **at),
    "scatter": lambda x, **at: x.scatter(index=tg.tensor(INDEX), value=5.0, **at),
    "repeat_interleave": lambda x, **at: x.repeat_interleave(2, **at),
    "cat": lambda x, **at: tg.cat([x, x], **at),
    "concatenate": lambda x, **at: tg.concatenate([x, x], **at),
    "stack": lambda x, **at: tg.stack([x, x], **at),
    "linalg.norm": lambda x, **at: tg.linalg.norm(x, **at),
    "linalg.vector_norm": lambda x, **at: tg.linalg.vector_norm(x, **at),
    "functional.glu": lambda x, **at: tg.nn.functional.glu(x[:2], **at),
    "functional.normalize": lambda x, **at: tg.nn.functional.normalize(x, **at),
    "functional.cosine_similarity": lambda x, **at: tg.nn.functional.cosine_similarity(x, x + 1, **at),
}


def flat(result: Any) -> list[Any]:
    parts = result if isinstance(result, tuple | list) else [result]
    return [part.tolist() if isinstance(part, tg.Tensor) else part for part in parts]


@pytest.mark.parametrize("name", ONE_AXIS)
def test_both_spellings_mean_the_same(name: str) -> None:
    call, x = ONE_AXIS[name], tg.tensor(X)
    if name != "unsqueeze":
        assert flat(call(x, dim=0)) == flat(call(x, axis=0)) == flat(call(x, dim=-3 if name == "stack" else -2))
        assert flat(call(x, dim=0)) != flat(call(x[:2], dim=-1)), "the axis made no difference"
    with pytest.raises((IndexError, ValueError), match="5"):
        call(x, axis=5)


@pytest.mark.parametrize(
    "name",
    KEEPING,
)
def test_both_spellings_of_keeping_an_axis(name: str) -> None:
    x = tg.tensor(X)
    first, second = (getattr(x, name)(dim=1, keepdim=True), getattr(x, name)(axis=1, keepdims=True))
    assert flat(first) == flat(second)
    for part in first if isinstance(first, tuple) else [first]:
        assert part.shape == (3, 1)


def test_both_at_once_are_an_error() -> None:
    with pytest.raises(TypeError, match=r"sum: dim=0 and axis=1 are two names of one argument"):
        tg.sum(tg.tensor(X), dim=0, axis=1)
    with pytest.raises(TypeError, match="flip: name the axes"):
        tg.tensor(X).flip()
    with pytest.raises(TypeError, match="narrow: needs an axis, a start and a length"):
        tg.tensor(X).narrow(0)


def test_axes_of_permute_by_every_spelling() -> None:
    x = tg.zeros(2, 3, 4)
    for result in (x.permute(2, 0, 1), x.permute((2, 0, 1)), x.permute(dims=(2, 0, 1)), x.permute(axis=(2, 0, 1))):
        assert result.shape == (4, 2, 3)
    assert tg.tensor(1.0).permute().shape == ()
    with pytest.raises(ValueError, match=r"must name each axis of shape \(2, 3, 4\) once"):
        x.permute(dims=(0, 1))


@pytest.mark.parametrize(
    ("dim", "said"),
    [
        ("rows", r"sum: dim='rows': an axis is an integer: it has a number, not a name, -2 to 1 for shape \(3, 4\)$"),
        (1.0, r"sum: dim=1\.0: an axis is an integer, -2 to 1 for shape \(3, 4\)$"),
        (tg.ones(2), r"sum: dim=float32\[2\]: an axis is an integer"),
        ([0, "rows"], r"sum: dim='rows': an axis"),
    ],
)
def test_what_is_no_axis(dim: Any, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        tg.ones(3, 4).sum(dim)
