"""einsum and tensordot."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg

rng = np.random.default_rng(1)

CASES = [
    ("ij,jk->ik", (2, 3), (3, 4)),
    ("ij,jk", (2, 3), (3, 4)),
    ("ij,kj->ki", (2, 3), (4, 3)),
    ("bij,bjk->bik", (5, 2, 3), (5, 3, 4)),
    ("bhqd,bhkd->bhqk", (2, 3, 4, 5), (2, 3, 6, 5)),
    ("i,j->ij", (2,), (3,)),
    ("i,i->", (3,), (3,)),
    ("ij,ij->j", (2, 3), (2, 3)),
    ("ijk->ki", (2, 3, 4)),
    ("ba", (2, 3)),
    ("ii->i", (3, 3)),
    ("ii", (3, 3)),
    ("iij,jk->ik", (2, 2, 3), (3, 4)),
    ("...ij,...jk->...ik", (5, 2, 3), (3, 4)),
    ("...ij,...j", (5, 1, 2, 3), (4, 3)),
    ("i...->...", (2, 3, 4)),
    ("...,...", (2, 3), (3,)),
    ("ij,jk,kl->il", (2, 3), (3, 4), (4, 5)),
    ("a,b,c,abc->", (2,), (3,), (4,), (2, 3, 4)),
    ("ij,jk,kl,lm->im", (2, 3), (3, 4), (4, 5), (5, 2)),
    ("ij,k->k", (2, 3), (4,)),
    ("ij,jk->ik", (2, 1), (3, 4)),
    ("ij,jk->ik", (2, 0), (0, 4)),
    (",ij->ij", (), (2, 3)),
    (" i j , j -> i ", (2, 3), (3,)),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_value_and_gradient(case):
    subscripts, *shapes = case
    arrays = [rng.normal(size=shape) for shape in shapes]
    tensors = [tg.tensor(a, requires_grad=True) for a in arrays]
    out = tg.einsum(subscripts, *tensors)
    expected = np.einsum(subscripts, *arrays)
    np.testing.assert_allclose(out.detach().numpy(), expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(np.einsum(subscripts, *tensors).detach().numpy(), expected, rtol=1e-12, atol=1e-12)
    seed = rng.normal(size=out.shape)
    out.backward(tg.tensor(seed))
    for k, (array, tensor) in enumerate(zip(arrays, tensors, strict=True)):
        # einsum is linear in each operand: unit vectors give the derivative exactly.
        units = np.eye(array.size).reshape(array.size, *array.shape)
        others = [[*arrays[:k], unit, *arrays[k + 1 :]] for unit in units]
        numeric = np.array([np.sum(seed * np.einsum(subscripts, *operands)) for operands in others])
        np.testing.assert_allclose(tensor.grad.numpy(), numeric.reshape(array.shape), rtol=1e-11, atol=1e-11)


def test_other_forms_of_the_call():
    a, b = rng.normal(size=(2, 3)), rng.normal(size=(3, 4))
    x, y = tg.tensor(a), tg.tensor(b)
    for out in (
        tg.einsum("ij,jk", [x, y]),
        tg.einsum(x, [0, 1], y, [1, 2]),
        tg.einsum(x, [0, 1], y, [1, 2], [0, 2]),
    ):
        np.testing.assert_allclose(out.numpy(), a @ b)
    np.testing.assert_allclose(tg.einsum(x, [..., 0], [0, ...]).numpy(), a.T)
    np.testing.assert_allclose(tg.einsum("ij,jk->ik", x, b).numpy(), a @ b)


def test_float32_stays_and_a_view_is_not_given_out():
    x = tg.ones((3, 3), requires_grad=True)
    out = tg.einsum("ij,jk,kl->il", x, x, x)
    out.backward()
    assert out.dtype == x.grad.dtype == tg.float32
    plain = tg.ones((3, 3))
    assert not np.shares_memory(tg.einsum("ij->ji", plain).array, plain.array)


@pytest.mark.parametrize(
    ("subscripts", "shapes", "error", "message"),
    [
        (
            "ij,jk->ik",
            [(2, 3), (4, 5)],
            tg.ShapeError,
            "einsum 'ij,jk->ik': letter j is 3 in operand 0 and 4 in operand 1",
        ),
        ("ii", [(2, 3)], tg.ShapeError, "letter i is 2 in operand 0 and 3 in operand 0"),
        ("ii", [(1, 3)], tg.ShapeError, "letter i is 1 in operand 0 and 3 in operand 0"),
        (
            "...i,...i",
            [(2, 3), (4, 3)],
            tg.ShapeError,
            r"an axis of '...', -2, is 2 in operand 0 and 4 in operand 1",
        ),
        (
            "ij",
            [(2, 3, 4)],
            tg.ShapeError,
            r"operand 0 has 3 axes \(shape \(2, 3, 4\)\), its letters 'ij' name 2",
        ),
        ("ij,j", [(2, 3)], ValueError, "letters for 2 operands, but 1 given"),
        ("ij->ik", [(2, 3)], ValueError, "letter k is in the output but in no operand"),
        ("ij->ii", [(2, 3)], ValueError, "letter i is twice in the output"),
        ("i1->i", [(2, 3)], ValueError, "'1' is not an axis"),
        ("...i->i", [(2, 3)], ValueError, r"the output must have '\.\.\.' as well"),
    ],
)
def test_errors(subscripts, shapes, error, message):
    with pytest.raises(error, match=message):
        tg.einsum(subscripts, *[tg.ones(shape) for shape in shapes])


@pytest.mark.parametrize("dims", [0, 1, 2, ([0], [1]), ([0, 1], [1, 0]), ([-1], [0]), (1, 0)])
def test_tensordot(dims):
    a, b = rng.normal(size=(3, 3)), rng.normal(size=(3, 3))
    x = tg.tensor(a, requires_grad=True)
    expected = np.tensordot(a, b, dims)
    for out in (tg.tensordot(x, tg.tensor(b), dims), tg.tensordot(x, b, axes=dims), np.tensordot(x, b, dims)):
        np.testing.assert_allclose(out.detach().numpy(), expected, rtol=1e-12)
    out.backward()
    np.testing.assert_allclose(
        x.grad.numpy().ravel(), [np.tensordot(u.reshape(3, 3), b, dims).sum() for u in np.eye(9)], rtol=1e-12
    )


@pytest.mark.parametrize(
    ("dims", "message"),
    [
        (
            1,
            r"shapes \(2, 3\) and \(2, 3\) do not fit: axis 1 of the first is 3, axis 0 of the second is 2",
        ),
        (3, "dims=3 for shapes"),
        (([0], [5]), r"tensordot: dims=5 is out of range for shape \(2, 3\)"),
        (([0, 1], [0]), "2 axes of the first, 1 of the second"),
    ],
)
def test_tensordot_errors(dims, message):
    with pytest.raises(tg.ShapeError, match=message):
        tg.tensordot(tg.ones((2, 3)), tg.ones((2, 3)), dims)
