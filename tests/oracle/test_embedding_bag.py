"""EmbeddingBag against PyTorch's: values, gradients, options, texts, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from twins import compare, numbers, twins

import tinygrad_edu as tg
from tinygrad_edu import nn

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.oracle

LINE = np.array([0, 1, 1, 3, 2, 4, 4, 0])
GIVEN = [
    (LINE.reshape(2, 4),),
    (LINE.reshape(8, 1),),
    (LINE, np.array([0, 2, 2, 5])),
    (LINE, np.array([0, 8])),
    (LINE, np.array([0])),
    (LINE[:0], np.array([0, 0])),
]


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize("padding_idx", [None, 0, -1])
@pytest.mark.parametrize("inputs", GIVEN)
def test_embedding_bag(inputs: Any, padding_idx: int | None, mode: str) -> None:
    compare(*twins("EmbeddingBag", 5, 3, mode=mode, padding_idx=padding_idx), *inputs)


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_last_offset(mode: str) -> None:
    options = {"mode": mode, "include_last_offset": True}
    compare(*twins("EmbeddingBag", 5, 3, **options), LINE, np.array([0, 2, 2, 8]))


def test_an_end_before_the_end_of_the_line() -> None:  # in float64 PyTorch takes the rest into the last bag
    ours, theirs = twins("EmbeddingBag", 5, 3, mode="sum", include_last_offset=True)
    ours.float(), theirs.float()
    given = LINE, np.array([0, 2, 5])
    out, expected = ours(*map(tg.tensor, given)), theirs(*map(torch.tensor, given))
    np.testing.assert_allclose(out.detach().numpy(), expected.detach().numpy(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("inputs", GIVEN[:5])
@pytest.mark.parametrize("padding_idx", [None, 1])
def test_weights_of_samples(padding_idx: int | None, inputs: Any) -> None:
    ours, theirs = twins("EmbeddingBag", 5, 3, mode="sum", padding_idx=padding_idx)
    index, *offsets = inputs
    given = (index, *(offsets or [None]), numbers(*index.shape))
    if offsets:
        compare(ours, theirs, *given)
    else:
        compare(lambda_of(ours), lambda_of(theirs), index, given[2])


def lambda_of(module: Any) -> Any:
    """The module, called without offsets."""

    class Called:
        named_parameters, named_buffers = module.named_parameters, module.named_buffers

        def __call__(self, index: Any, scale: Any) -> Any:
            return module(index, per_sample_weights=scale)

    return Called()


@pytest.mark.parametrize(
    "options",
    [{}, {"mode": "sum"}, {"padding_idx": 1}, {"mode": "max", "padding_idx": -1, "include_last_offset": True}],
)
def test_text_and_state(options: dict[str, Any]) -> None:
    ours, theirs = nn.EmbeddingBag(5, 3, **options), torch.nn.EmbeddingBag(5, 3, **options)
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert ours.weight.shape == tuple(theirs.weight.shape)
    table = numbers(5, 3)
    a = nn.EmbeddingBag.from_pretrained(tg.tensor(table), **options)
    b = torch.nn.EmbeddingBag.from_pretrained(torch.tensor(table), **options)
    assert a.weight.requires_grad == b.weight.requires_grad
    assert (a.weight.numpy() == b.weight.numpy()).all()


@pytest.mark.parametrize(
    ("index", "offsets", "options"),
    [
        (LINE, None, {}),
        (LINE.reshape(2, 4), [0], {}),
        (LINE.reshape(2, 2, 2), None, {}),
        (LINE, [1], {}),
        (LINE, [0, 9], {}),
        (np.array([0, 7]), [0], {}),
        (LINE.astype(float), [0], {}),
        (LINE, [0], {"mode": "median"}),
        (LINE, [0], {"per_sample_weights": 8}),
        (LINE, [0], {"per_sample_weights": 7, "mode": "sum"}),
    ],
)
def test_errors_where_pytorch_has_them(index: Any, offsets: Any, options: dict[str, Any]) -> None:
    for library in (torch, tg):
        given = {
            name: library.tensor(np.ones(value)) if name == "per_sample_weights" else value
            for name, value in options.items()
        }
        where = None if offsets is None else library.tensor(offsets)
        with pytest.raises(Exception):  # noqa: B017, PT011 - of every kind
            library.nn.functional.embedding_bag(library.tensor(index), library.tensor(np.ones((5, 3))), where, **given)
