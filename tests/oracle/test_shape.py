"""Shapes, joins and rearrangements against PyTorch: values and gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from made import normal

import tinygrad_edu as tg

torch = pytest.importorskip("torch")

X = normal(2, 3, 4)

CASES: dict[str, Callable[[Any, Any], Any]] = {
    "reshape": lambda t, x: x.reshape(4, -1),
    "view": lambda t, x: x.view((6, 4)),
    "view_as": lambda t, x: x.view_as(t.zeros(3, 8)),
    "flatten": lambda t, x: t.flatten(x, 1),
    "unflatten": lambda t, x: x.unflatten(2, (2, 2)),
    "ravel": lambda t, x: x.ravel(),
    "transpose": lambda t, x: x.transpose(-1, 0),
    "permute": lambda t, x: x.permute(2, 0, 1),
    "swapaxes": lambda t, x: x.swapaxes(0, 1),
    "movedim": lambda t, x: t.movedim(x, (0, 1), (2, 0)),
    "t": lambda t, x: x[0].t(),
    "T": lambda t, x: x[0].T,
    "mT": lambda t, x: x.mT,
    "unsqueeze": lambda t, x: t.unsqueeze(x, dim=-2),
    "squeeze": lambda t, x: x[:, :1, :1].squeeze(),
    "squeeze dim": lambda t, x: x[:, :1, :1].squeeze(1),
    "squeeze dims": lambda t, x: x[:1, :1].squeeze((0, 2)),
    "expand": lambda t, x: x[:, :1].expand(5, -1, 3, -1),
    "expand_as": lambda t, x: x[:1].expand_as(t.zeros(7, 3, 4)),
    "broadcast_to": lambda t, x: t.broadcast_to(x[0, 0], (5, 4)),
    "cat": lambda t, x: t.cat([x, x * 2, x[:, :1]], dim=1),
    "concat": lambda t, x: t.concat((x, x), -1),
    "stack": lambda t, x: t.stack([x, x * 3], dim=-1),
    "hstack": lambda t, x: t.hstack([x[0], x[1]]),
    "vstack": lambda t, x: t.vstack([x[0, 0], x[1]]),
    "dstack": lambda t, x: t.dstack([x[0], x[1]]),
    "column_stack": lambda t, x: t.column_stack([x[0, :, 0], x[1]]),
    "split": lambda t, x: x.split(3, dim=2)[1],
    "split sizes": lambda t, x: t.split(x, [1, 2], dim=1)[0] * t.split(x, [1, 2], dim=1)[1],
    "chunk": lambda t, x: x.chunk(3, -1)[1],
    "tensor_split": lambda t, x: t.tensor_split(x, 3, 2)[0] * t.tensor_split(x, (1, 3), 2)[1],
    "unbind": lambda t, x: x.unbind(1)[2] * x.unbind(1)[0],
    "meshgrid": lambda t, x: t.meshgrid(x[0, 0], x[0, :, 0], indexing="ij")[1],
    "meshgrid xy": lambda t, x: t.meshgrid(x[0, 0], x[0, :, 0], indexing="xy")[0],
    "flip": lambda t, x: x.flip(0, 2),
    "flip dims": lambda t, x: t.flip(x, (1,)),
    "fliplr": lambda t, x: t.fliplr(x),
    "roll": lambda t, x: x.roll(2),
    "roll dims": lambda t, x: t.roll(x, shifts=(1, -1), dims=(0, 2)),
    "tile": lambda t, x: t.tile(x, (2, 1)),
    "repeat": lambda t, x: x.repeat(2, 1, 2, 1),
    "repeat_interleave": lambda t, x: t.repeat_interleave(x, 2, dim=1),
    "repeat_interleave flat": lambda t, x: x.repeat_interleave(3),
    "tril": lambda t, x: t.tril(x, diagonal=-1),
    "triu": lambda t, x: x.triu(1),
    "diagonal": lambda t, x: t.diagonal(x, 1, 2, 1),
    "diag": lambda t, x: t.diag(x[0], 1),
    "diag of a vector": lambda t, x: t.diag(x[0, 0], -1),
    "diag_embed": lambda t, x: t.diag_embed(x, 1, 0, 2),
    "trace": lambda t, x: t.trace(x[0]),
    "clone": lambda t, x: x.clone(),
    "contiguous": lambda t, x: x.transpose(0, 1).contiguous(),
    "unfold": lambda t, x: x.unfold(-1, 3, 1),
    "unfold apart": lambda t, x: x.unfold(1, 2, 2),
    "narrow": lambda t, x: x.narrow(2, 1, 2),
    "select": lambda t, x: x.select(1, -1),
}


@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients(name: str) -> None:
    case = CASES[name]
    ours, theirs = tg.tensor(X, requires_grad=True), torch.tensor(X, requires_grad=True)
    out, expected = case(tg, ours), case(torch, theirs)
    np.testing.assert_allclose(out.detach().numpy(), expected.detach().numpy(), rtol=0, atol=1e-12)
    weights = normal(*out.shape, seed=1)
    (out * weights).sum().backward()
    (expected * torch.tensor(weights)).sum().backward()
    np.testing.assert_allclose(ours.grad.numpy(), theirs.grad.numpy(), rtol=1e-10, atol=1e-12)
