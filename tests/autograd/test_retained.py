"""The gradient that a computed tensor keeps, also when the tensor comes from elsewhere."""

from __future__ import annotations

from typing import Any

import tinygrad_edu as tg
from tinygrad_edu.autograd.retained import follow, retain, retains


def computed() -> tuple[tg.Tensor, Any, Any]:
    """A leaf, and two computed tensors, one of them from the other."""
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    y = x * 2
    return x, y, y * 3


def test_what_a_tensor_keeps_follows_it() -> None:
    x, y, z = computed()
    y.retain_grad()
    old, new = y.source, z.source
    follow(old, new)
    y.source = new  # as a change in place does
    assert retains(new)
    assert not retains(old)
    (y * 10).backward()
    assert y.grad.tolist() == [10.0, 10.0]
    assert getattr(old, "grad", None) is None
    assert x.grad is not None
    assert x.grad.tolist() == [60.0, 60.0]


def test_what_was_kept_already_goes_with_it() -> None:
    _, y, z = computed()
    y.retain_grad()
    y.sum().backward(retain_graph=True)
    follow(y.source, z.source)
    assert z.grad.tolist() == [1.0, 1.0]
    (z * 10).backward()
    assert z.grad.tolist() == [11.0, 11.0]


def test_hooks_stay() -> None:
    _, y, z = computed()
    seen: list[Any] = []
    y.register_hook(lambda g: seen.append(g.tolist()))
    y.retain_grad()
    follow(y.source, z.source)
    z.sum().backward()
    assert seen == [[3.0, 3.0]]
    assert z.grad.tolist() == [1.0, 1.0]


def test_nothing_follows_where_nothing_was_kept() -> None:
    x, y, z = computed()
    follow(y.source, z.source)
    assert not retains(z.source)
    for old, new in ((None, z.source), (x.source, z.source), (z.source, None), (None, None)):
        follow(old, new)
    assert not retains(z.source)
    retain(z.source)
    follow(z.source, z.source)
    follow(z.source, x.source)
    assert retains(z.source)
    assert not retains(x.source)
