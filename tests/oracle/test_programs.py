"""Random programs of many ops, views, changes in place and hooks: values and two orders of gradients as PyTorch's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg

torch = pytest.importorskip("torch")

SHAPES = [(), (1,), (3,), (4,), (2, 3), (3, 3), (1, 3), (3, 2), (2, 1, 3), (2, 3, 1), (0, 3)]
UNARY = ["sin", "cos", "tanh", "neg", "abs", "sigmoid", "square", "relu", "erf", "atan", "asinh"]
POSITIVE = ["sqrt", "log", "log1p", "rsqrt", "reciprocal", "log2", "log10"]
BINARY = ["add", "sub", "mul", "maximum", "minimum", "atan2", "logaddexp"]
REDUCTIONS = ["sum", "mean", "prod", "amax", "amin", "logsumexp"]

Step = Callable[[Any, list[Any]], Any]  # step(library, the tensors so far) -> a new tensor


def constant(library: Any, array: np.ndarray) -> Any:
    return tg.tensor(array) if library is tg else torch.tensor(array)


def broadcasts(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    try:
        return int(np.prod(np.broadcast_shapes(a, b))) < 200
    except ValueError:
        return False


def fits_into(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    return broadcasts(a, b) and np.broadcast_shapes(a, b) == b


class Program:
    """Random steps; each looks at the shapes of the tensors so far, and takes its operands among them."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def pick(self, things: Any) -> Any:
        return things[int(self.rng.integers(len(things)))]

    def step(self, shapes: list[tuple[int, ...]]) -> Step:
        i = self.pick(range(len(shapes)))
        kinds = [self.unary, self.positive, self.binary, self.scalar, self.change, self.array, self.cut]
        if shapes[i]:
            kinds += [self.view, self.join]
            if 0 not in shapes[i]:
                kinds += [self.reduction, self.index, self.assign, self.gather, self.scan, self.choice, self.masked]
            kinds += [self.matmul]
        return self.pick(kinds)(i, shapes)  # type: ignore[no-any-return]

    def axis(self, shape: tuple[int, ...]) -> int:
        return int(self.rng.integers(-len(shape), len(shape)))

    def partner(self, i: int, shapes: list[tuple[int, ...]], fits: Callable[..., bool] = broadcasts) -> int:
        return self.pick([j for j in range(len(shapes)) if fits(shapes[j], shapes[i])])  # type: ignore[no-any-return]

    def unary(self, i: int, shapes: Any) -> Step:
        name = self.pick(UNARY)
        return lambda lib, t: getattr(lib, name)(t[i])

    def positive(self, i: int, shapes: Any) -> Step:
        name = self.pick(POSITIVE)
        return lambda lib, t: getattr(lib, name)(t[i] ** 2 + 0.5)

    def binary(self, i: int, shapes: Any) -> Step:
        name, j = self.pick([*BINARY, "div", "where"]), self.partner(i, shapes)
        if name == "div":
            return lambda lib, t: t[i] / (t[j] * t[j] + 1)
        if name == "where":
            return lambda lib, t: lib.where(t[i] > 0.1, t[i], t[j] * 2)
        return lambda lib, t: getattr(lib, name)(t[i], t[j])

    def scalar(self, i: int, shapes: Any) -> Step:
        c, power = float(self.rng.normal()), self.pick([0, 1, 2, 3, -1.0, 0.5, 1.5])
        return self.pick(
            [
                lambda lib, t: t[i] * np.float64(c),
                lambda lib, t: c - t[i],
                lambda lib, t: c / (t[i] * t[i] + 1),
                lambda lib, t: (abs(c) + 0.2) ** t[i].clip(-2, 2),
                lambda lib, t: (t[i] * t[i] + 0.3) ** power,
                lambda lib, t: t[i].exp().clip(0.1, 5.0),
            ]
        )

    def array(self, i: int, shapes: Any) -> Step:
        a = self.rng.normal(size=shapes[i])
        return lambda lib, t: (a if lib is tg else constant(lib, a)) * t[i]

    def cut(self, i: int, shapes: Any) -> Step:
        return lambda lib, t: t[i] * t[i].detach()

    def change(self, i: int, shapes: Any) -> Step:
        kind, j = self.pick(range(6)), self.partner(i, shapes, fits_into)

        def run(lib: Any, t: list[Any]) -> Any:
            y = t[i] * 1
            if kind == 0:
                y += t[j]
            elif kind == 1:
                y *= t[j]
            elif kind == 2:
                y /= t[j] * t[j] + 1
            elif kind == 3:
                y.add_(t[j]).tanh_()
            elif kind == 4:
                y += y
            else:
                before = y
                y = y + 1
                before.add_(t[j], alpha=2)
                y = y * before
            return y

        return run

    def view(self, i: int, shapes: Any) -> Step:
        shape = shapes[i]
        a, b, order = self.axis(shape), self.axis(shape), [int(n) for n in self.rng.permutation(len(shape))]
        return self.pick(
            [
                lambda lib, t: t[i].permute(*order),
                lambda lib, t: t[i].reshape(-1),
                lambda lib, t: t[i].flip(a),
                lambda lib, t: t[i].transpose(a, b),
                lambda lib, t: t[i].unsqueeze(a),
                lambda lib, t: t[i].squeeze(),
                lambda lib, t: t[i].roll(2, a),
                lambda lib, t: t[i].unsqueeze(0).expand(2, *shape),
                lambda lib, t: t[i].repeat(*[2] * len(shape)),
            ]
        )

    def join(self, i: int, shapes: Any) -> Step:
        j, axis = self.partner(i, shapes, lambda a, b: a == b), self.axis(shapes[i])
        name = self.pick(["cat", "stack"])
        return lambda lib, t: getattr(lib, name)([t[i], t[j], t[i]], dim=axis)

    def reduction(self, i: int, shapes: Any) -> Step:
        shape, name, keep = shapes[i], self.pick(REDUCTIONS), bool(self.rng.integers(2))
        if self.rng.integers(4) == 0:
            return lambda lib, t: t[i].sum() + t[i].mean()
        axis: Any = self.axis(shape)
        if name != "prod" and len(shape) > 1 and self.rng.integers(2):
            axis = tuple(int(n) for n in self.rng.permutation(len(shape))[:2])
        return lambda lib, t: getattr(t[i], name)(dim=axis, keepdim=keep)

    def index(self, i: int, shapes: Any) -> Step:
        shape = shapes[i]
        first = self.rng.integers(-shape[0], shape[0], size=self.pick([0, 1, 3]))
        last = self.rng.integers(0, shape[-1], size=(2, 1))
        n = int(self.rng.integers(shape[0]))
        return self.pick(
            [
                lambda lib, t: t[i][n],
                lambda lib, t: t[i][1:],
                lambda lib, t: t[i][..., ::2],
                lambda lib, t: t[i][None, ..., -1],
                lambda lib, t: t[i][constant(lib, first)],
                lambda lib, t: t[i][..., constant(lib, last)],
                lambda lib, t: t[i][None, ...].transpose(0, -1)[constant(lib, last), 0],
            ]
        )

    def assign(self, i: int, shapes: Any) -> Step:
        shape, kind = shapes[i], self.pick(range(4))
        n = int(self.rng.integers(shape[0]))
        j = self.pick([j for j in range(len(shapes)) if fits_into(shapes[j], shape[1:])] or [None])

        def run(lib: Any, t: list[Any]) -> Any:
            y = t[i] * 1.5
            if kind == 0 and j is not None:
                y[n] = t[j]
                y[n] += 1
            elif kind == 1:
                y[1:] = y[1:] * 2
            elif kind == 2:
                y[constant(lib, np.array([n, 0]))] = 0.5
            else:
                y[..., 0:1] *= 3
            return y

        return run

    def masked(self, i: int, shapes: Any) -> Step:
        mask = self.rng.integers(0, 2, size=shapes[i]).astype(bool)

        def write(lib: Any, t: list[Any]) -> Any:
            y = t[i] * 1
            y[constant(lib, mask)] = 0.3
            return y

        read = [lambda lib, t: t[i][constant(lib, mask)], lambda lib, t: t[i].masked_fill(constant(lib, mask), 0.7)]
        return self.pick([write, *read])  # type: ignore[no-any-return]

    def gather(self, i: int, shapes: Any) -> Step:
        axis = self.axis(shapes[i])
        index = self.rng.integers(0, shapes[i][axis], size=shapes[i])
        if self.rng.integers(2):
            return lambda lib, t: lib.gather(t[i], axis, constant(lib, index))
        return lambda lib, t: t[i].scatter_add(axis, constant(lib, index), t[i] * 2)

    def scan(self, i: int, shapes: Any) -> Step:
        name, axis = self.pick(["cumsum", "cumprod", "softmax", "log_softmax"]), self.axis(shapes[i])
        return lambda lib, t: getattr(lib, name)(t[i] * 0.7, dim=axis)

    def choice(self, i: int, shapes: Any) -> Step:
        kind, axis = self.pick(range(2)), self.axis(shapes[i])
        # What is chosen must differ, as no library promises which of equals it takes.
        slope = np.cos(np.arange(int(np.prod(shapes[i])))).reshape(shapes[i])

        def run(lib: Any, t: list[Any]) -> Any:
            x = t[i] + constant(lib, slope)
            return (lib.sort(x, dim=axis) if kind else x.max(axis))[0]

        return run

    def matmul(self, i: int, shapes: Any) -> Step:
        inner = int(shapes[i][-1])
        weight = self.rng.normal(size=(inner, 2))
        partners = [j for j, s in enumerate(shapes) if len(s) == 2 and s[0] == inner]
        j = self.pick([*partners, None])
        return lambda lib, t: (t[i] @ (constant(lib, weight) if j is None else t[j])) * 0.3


def usable(value: Any) -> bool:
    small = value.numel() <= 200 and value.dim() <= 4
    return (
        small and bool(torch.isfinite(value).all()) and (not value.numel() or float(value.detach().abs().max()) < 1e3)
    )


def compare(ours: Any, theirs: Any, what: str) -> None:
    assert ours.dtype == np.float64
    expected = theirs.numpy(force=True)
    if not np.isfinite(expected).all():  # a kink, where libraries part
        pytest.skip("PyTorch's derivative is not finite here")
    assert ours.shape == expected.shape
    scale = max(1.0, float(np.max(np.abs(expected), initial=0.0)))
    np.testing.assert_allclose(ours.detach().numpy(), expected, rtol=1e-9, atol=1e-10 * scale, err_msg=what)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("seed", range(150))
def test_a_random_program(seed: int, order: int) -> None:
    program = Program(1000 * order + seed)
    rng = program.rng
    arrays = [rng.normal(size=program.pick(SHAPES)) for _ in range(3)]
    block = np.zeros(tuple(2 * n for n in arrays[0].shape[::-1]))
    strided = block[(..., *(slice(None, None, -2) for _ in block.shape))].T  # neither contiguous nor forward
    strided[...] = arrays[0]
    pools: dict[Any, list[Any]] = {
        tg: [tg.Tensor(strided, requires_grad=True), *(tg.tensor(a, requires_grad=True) for a in arrays[1:])],
        torch: [torch.tensor(a, requires_grad=True) for a in arrays],
    }
    retained: dict[Any, list[Any]] = {tg: [], torch: []}
    for _ in range(int(rng.integers(4, 12))):
        step = program.step([tuple(t.shape) for t in pools[torch]])
        with torch.no_grad():
            if not usable(step(torch, pools[torch])):
                continue
        for library, pool in pools.items():
            pool.append(step(library, pool))
        compare(pools[tg][-1], pools[torch][-1], "value")
        extra = int(rng.integers(6)) if pools[torch][-1].grad_fn is not None and order == 1 else 0
        for library, pool in pools.items():
            if extra == 1:
                pool[-1].retain_grad()
                retained[library].append(pool[-1])
            elif extra == 2:
                pool[-1].register_hook(lambda g: g * 1.5)
    ends = [i for i, t in enumerate(pools[torch]) if t.grad_fn is not None][-3:]
    seeds = [rng.normal(size=tuple(pools[torch][i].shape)) for i in ends]
    assert ends, "a program of which nothing can be differentiated"
    found: dict[Any, list[Any]] = {}
    for library, pool in pools.items():
        outputs, cotangents = [pool[i] for i in ends], [constant(library, s) for s in seeds]
        if order == 1:
            library.autograd.backward(outputs, cotangents, retain_graph=True)
            library.autograd.backward(outputs, cotangents)  # adds the same once more
            found[library] = [t.grad for t in pool[:3] + retained[library]]
        else:
            first = library.autograd.grad(outputs, pool[:3], cotangents, create_graph=True, allow_unused=True)
            square = sum(((g * g).sum() for g in first if g is not None), start=constant(library, np.zeros(())))
            second: Any = [None] * 3
            if square.requires_grad:
                second = library.autograd.grad(square, pool[:3], allow_unused=True)
            found[library] = [*first, *second]
    for number, (ours, theirs) in enumerate(zip(found[tg], found[torch], strict=True)):
        if theirs is None or ours is None:  # not used: PyTorch may say zeros instead
            assert not any(g is not None and bool((g != 0).any()) for g in (ours, theirs))
            continue
        compare(ours, theirs, f"gradient {number}")
