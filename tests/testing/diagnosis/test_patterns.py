"""patterns: the mistake that would explain the wrong elements."""

from __future__ import annotations

import numpy as np
import pytest

from tinygrad_edu.testing import GradcheckError, gradcheck
from tinygrad_edu.testing.diagnosis.clues import Clues
from tinygrad_edu.testing.diagnosis.patterns import exchanged, hint
from tinygrad_edu.testing.report import Finding
from tinygrad_edu.testing.subject import Input

rng = np.random.default_rng(0)
N, SQUARE, CUBE = (rng.normal(size=s) for s in ((4, 5), (3, 3), (2, 2, 3)))


def finding(analytic, numeric, x=None, *, noise=0.0, checked=None, name="x", lost=False):
    """What gradcheck would have found, with a numeric derivative that is off by up to `noise`."""
    analytic, numeric = (np.asarray(a, dtype=np.float64) for a in (analytic, numeric))
    error = np.full(numeric.shape, noise)
    numeric = numeric + noise * np.random.default_rng(7).uniform(-0.5, 0.5, numeric.shape)
    checked = np.ones(numeric.shape, bool) if checked is None else checked
    wrong = ~(np.abs(analytic - numeric) <= 1e-8 * np.abs(numeric) + 8 * error + 1e-12) & checked
    given = Input(name, np.linspace(0.7, 1.9, numeric.size).reshape(numeric.shape) if x is None else x, True)
    return Finding(given, analytic, numeric, error, wrong, checked, np.zeros(numeric.shape, bool), lost=lost)


def said(analytic, numeric, x=None, clues=None, **options):
    exact = hint(finding(analytic, numeric, x, **options), clues)
    assert hint(finding(analytic, numeric, x, noise=1e-10, **options), clues) == exact, "depends on the last digits"
    return exact


HINTS = {
    "twice": (2 * N, N, "it is 2 times the numeric derivative"),
    "sign": (-N, N, "the sign is wrong"),
    "sign in part": (np.where(N > 0, N, -N), N, "where it is wrong, the sign is wrong"),
    "own size": (5 * N, N, "it is 5 times the numeric derivative"),
    "zero": (0 * N, N, "no gradient arrives: is there a detach(), no_grad(), .numpy() or .item() on the way?"),
    "zero in part": (N * (N > 0.3), N, "no gradient arrives there: left out by an index or a mask"),
    "should be zero": (N, N * (N > 0.3), "it should be zero: the results do not depend on 'x' there"),
    "nan": (np.where(N > 0, N, np.nan), N, "nan, though the derivative is finite"),
    "inf": (np.where(N > 0, N, np.inf), N, "inf, though the derivative is finite"),
    "digits": (
        N.astype(np.float32),
        N,
        "digits: an iteration with a tolerance (lower it, or pass rtol=), a constant with too few digits, or a",
    ),
    "transposed": (SQUARE.T, SQUARE, "transposed: axes 0 and 1 are exchanged"),
    "transposed in part": (CUBE.swapaxes(0, 1), CUBE, "transposed: axes 0 and 1 are exchanged"),
    "reshaped": (N.T.reshape(4, 5), N, "the right numbers in transposed order"),
    "reversed": (N[:, ::-1], N, "reversed along axis 1: a missing flip, or an extra one"),
    "rolled": (np.roll(N, 1, 0), N, "shifted by 1 forward along axis 0"),
    "shifted": (np.concatenate([N[1:], 0 * N[:1]]), N, "shifted by 1 back along axis 0"),
    "permuted": (N[[2, 0, 3, 1]], N, "the right slices along axis 0, in another order: an index where its inverse"),
    "scattered": (rng.permutation(N.reshape(-1)).reshape(4, 5), N, "the right numbers, in other places"),
    "summed": (np.broadcast_to(N.sum(0), (4, 5)), N, "the gradient is the sum of the numeric one over axis 0"),
    "averaged": (np.full((4, 5), N.mean()), N, "the gradient is the mean of the numeric one over all axes"),
    "offset": (N + 0.25, N, "off by the same number, 0.25: an extra term, or a missing one"),
    "offset by rows": (
        N + rng.normal(size=(4, 1)),
        N,
        "off by something that is constant along axis 1: a term with a sum, or a mean, over that axis",
    ),
    "factor by columns": (
        N * rng.normal(size=5),
        N,
        "off by a factor that depends only on the index along axis 1: a weight or scale along it?",
    ),
    "noise": (N * rng.normal(size=(4, 5)), N, ""),
    "right": (N, N, ""),
}


@pytest.mark.parametrize("name", HINTS)
def test_hint(name):
    analytic, numeric, words = HINTS[name]
    text = said(analytic, numeric)
    assert text.startswith(words) or (words and words in text)
    assert bool(text) == bool(words)


def test_nothing_arrives_if_the_input_got_no_gradient():
    assert said(0 * N, N, lost=True).startswith("no gradient arrives: is there a detach()")


def test_elements_that_were_not_checked_do_not_matter():
    checked = rng.random((4, 5)) < 0.6
    numeric = np.where(checked, N, np.nan)
    assert said(3 * N, numeric, checked=checked) == "it is 3 times the numeric derivative"
    assert said(np.roll(N, 1, 1), numeric, checked=checked) == "shifted by 1 forward along axis 1"


def test_inconclusive_elements_do_not_matter():
    found = finding(2 * N, N)
    found.numeric[0, 0], found.inconclusive[0, 0] = 17.0, True
    assert hint(found) == "it is 2 times the numeric derivative"


def test_a_single_element_is_off_by_a_readable_factor_or_by_nothing_in_particular():
    assert said([1.0, 4.0], [1.0, 2.0]) == "where it is wrong, it is 2 times the numeric derivative"
    assert said([1.0, 4.0], [1.0, 2.7126]) == ""


def test_a_factor_that_was_forgotten():
    y, g = rng.normal(size=(4, 5)), rng.normal(size=5)
    clues = Clues([("'x'", N), ("'y'", y), ("its result", N * y), ("the incoming gradient", g)])
    numeric = g * y
    assert said(g * np.ones((4, 5)), numeric, N, clues) == "a factor is missing: 'y'"
    assert said(y, numeric, N, clues) == "a factor is missing: the incoming gradient"
    assert said(g * y * y, numeric, N, clues) == "an extra factor: 'y'"
    assert said(g * N, 3 * g * N * N, N, clues) == "a factor is missing: 3 times 'x'"
    assert said(g * (1 - N * y), g * (1 - N * y) ** 2, N, clues) == "a factor is missing: 1 - its result"
    assert said(np.where(N > 0, g, numeric), numeric, N, clues).startswith(
        "where it is wrong, a factor is missing: 'y'"
    )


def test_a_term_that_was_forgotten():
    out = rng.uniform(0.1, 1, (4, 5))
    clues = Clues([("'x'", N), ("its result", out)])
    numeric = out * (N - (out * N).sum(1, keepdims=True))
    assert said(out * N, numeric, N, clues) == (
        "off by its result times something that is constant along axis 1: a term with a sum, or a mean, over that "
        "axis is missing or wrong"
    )
    assert said(numeric + 0.2 * N, numeric, N, clues) == ("off by 'x' times 0.2: an extra term, or a missing one")


def test_sizes_and_uses():
    clues = Clues(sizes=[("the size of axis 0 of the result", 7)], uses=3)
    assert "an extra division by 7, the size of axis 0 of the result (" in said(N / 7, N, clues=clues)
    assert "used 3 times, but counted once?" in said(N / 3, N, clues=clues)


def column(ours, theirs):
    ours, theirs = (np.asarray(a, dtype=np.float64) for a in (ours, theirs))
    return lambda at: [(ours, theirs, np.full(theirs.shape, 1e-12))]


WEIGHTS = rng.normal(size=(4, 3))
ONE = np.ones((4, 3)) * [0.0, 1.0, 0.0]  # by an element that is added to a column
TERMS = {
    "not summed": (
        ONE * [[1], [0], [0], [0]],
        ONE,
        "of the 4 elements of the result that depend on x[1], 3 do not count",
    ),
    "one wrong": (
        ONE * [[1], [1], [3.3], [1]],
        ONE,
        "of the 4 elements of the result that depend on x[1], 1 has a wrong",
    ),
    "too many": (ONE + [1.0, 0, 0], ONE, "4 elements of the result count for x[1], but do not depend on it"),
}


@pytest.mark.parametrize("name", TERMS)
def test_through_which_elements_of_the_result_it_goes_wrong(name):
    ours, theirs, words = TERMS[name]
    analytic, numeric = np.zeros(3), np.zeros(3)
    numeric[1] = (theirs * WEIGHTS).sum()
    analytic[1] = (ours * WEIGHTS).sum()
    numeric[[0, 2]] = analytic[[0, 2]] = rng.normal(size=2)
    text = said(analytic, numeric, clues=Clues(column=column(ours, theirs)))
    assert text.startswith(words)
    if name == "not summed":
        assert ", all but row 0: is a sum over repeated uses (broadcasting, a repeated index) missing?" in text


def test_gradients_of_several_passes():
    analytic = 0.3 * N + N**2

    def passes(*factors):
        g, m = [analytic, analytic, 2 * analytic, 0.25 * analytic, 0.75 * analytic], (1, *factors)
        return Clues(passes=lambda: [k * a for k, a in zip(m, g, strict=True)])

    assert said(analytic, N, clues=passes(1, 1, 1, 1)) == ""
    assert said(analytic, N, clues=passes(1, 2, 1, 1)).startswith("not linear in the incoming gradient")
    assert said(analytic, N, clues=passes(1, 1, 1, 1.1)).startswith("not linear in the incoming gradient")
    assert said(analytic, N, clues=passes(1.001, 1, 1, 1)).startswith("a different gradient in each pass")


def test_wrong_for_other_incoming_gradients_only():
    found = finding(N, N)
    found.wrong[1, 2] = True
    assert hint(found) == ""
    assert hint(found, Clues(passes=lambda: [N, N, 3 * N, N, 0 * N])).startswith("not linear in the incoming gradient")


def hints_of(*arguments, **options):
    with pytest.raises(GradcheckError) as caught:
        gradcheck(*arguments, **options)
    return [f.hint for f in caught.value.report.findings]


class TestByHand:
    """Gradients in plain NumPy are not spoken of in the words of a graph."""

    def test_zero_and_none(self):
        assert hints_of(np.tanh, N, vjp=lambda g, x: 0 * x) == [
            "it is zero everywhere: is it never set, or left out by an index or a mask?"
        ]
        assert hints_of(np.tanh, N, vjp=lambda g, x: None) == [
            "no gradient was returned for it, but None: is a `return` missing?"
        ]
        with pytest.raises(ValueError, match="vjp returned None: is a `return` missing"):
            gradcheck(lambda x, y: x * y, (N, N), vjp=lambda g, x, y: None)

    def test_two_that_are_exchanged(self):
        first, second = hints_of(lambda x, y: x * y**2, (N, 1 + N**2), vjp=lambda g, x, y: (2 * g * x * y, g * y**2))
        assert first == "it is the gradient of 'y', and vice versa: are the two exchanged?"
        assert second == "it is the gradient of 'x', and vice versa: are the two exchanged?"

    def test_one_that_is_given_twice(self):
        one, other = finding(N, 2 * N + 1), finding(N, N, name="y")
        assert exchanged(one, [one, other]) == ""

    @pytest.mark.parametrize("mode", ["auto", "project"])
    def test_a_transposed_jacobian(self, mode):
        says = ["the Jacobian is transposed: it is right with its rows and columns exchanged"]
        x, turned = rng.normal(size=3), SQUARE.T
        assert hints_of(lambda x: SQUARE @ np.sin(x), x, jac=lambda x: np.cos(x)[:, None] * turned, mode=mode) == says
        assert hints_of(lambda x: SQUARE @ x, x, vjp=lambda g, x: SQUARE @ g, mode=mode) == says
        assert hints_of(lambda x: SQUARE @ x, x, vjp=lambda g, x: SQUARE @ SQUARE @ g, mode=mode) != says
