"""Gradients written by hand, as a vjp or as a Jacobian: what passes, what is found, and what is refused."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.testing import GradcheckError, gradcheck, gradcheck_vjp
from tinygrad_edu.testing.handwritten import of_arrays, times_batch

rng = np.random.default_rng(0)
X, W, B = rng.normal(size=(5, 3)), rng.normal(size=(3, 2)), rng.normal(size=2)


def affine(x: Any, w: Any, b: Any) -> Any:
    return x @ w + b


def affine_vjp(g: Any, x: Any, w: Any, b: Any) -> Any:
    return g @ w.T, x.T @ g, g.sum(0)


def failed(f: Callable[..., Any], inputs: Any, **options: Any) -> Any:
    with pytest.raises(GradcheckError) as caught:
        gradcheck(f, inputs, **options)
    return caught.value.report


class TestVjp:
    """gradcheck(…, vjp=…)."""

    def test_it_is_gradcheck_vjp(self) -> None:
        one = gradcheck(affine, (X, W, B), vjp=affine_vjp, seed=3)
        other = gradcheck_vjp(affine, affine_vjp, (X, W, B), seed=3)
        assert one.checked == other.checked == 23
        assert [f.input.name for f in one.findings] == ["x", "w", "b"]
        for a, b in zip(one.findings, other.findings, strict=True):
            np.testing.assert_array_equal(a.analytic, b.analytic)
            np.testing.assert_array_equal(a.numeric, b.numeric)

    @pytest.mark.parametrize(
        ("place", "wrong"),
        [
            (0, lambda g, x, w, b: -(g @ w.T)),
            (1, lambda g, x, w, b: x.T @ np.clip(g, -1, 1)),
            (1, lambda g, x, w, b: x.T @ g + 1e-5 * w),
            (2, lambda g, x, w, b: np.maximum(g, 0).sum(0)),
            (2, lambda g, x, w, b: None),
        ],
    )
    def test_wrong_ones_are_found(self, place: int, wrong: Any) -> None:
        def vjp(*given: Any) -> Any:
            parts = list(affine_vjp(*given))
            parts[place] = wrong(*given)
            return tuple(parts)

        report = failed(affine, (X, W, B), vjp=vjp)
        assert [bool(f.wrong.any()) for f in report.findings] == [i == place for i in range(3)]

    def test_it_may_write_into_the_gradient_that_enters(self) -> None:
        def vjp(g: Any, x: Any) -> Any:
            g *= 1 - np.tanh(x) ** 2
            return g

        assert gradcheck(np.tanh, X, vjp=vjp).ok
        assert gradcheck(np.tanh, X, vjp=vjp, mode="project").ok
        assert gradcheck(np.tanh, X, vjp=vjp, cotangent=np.ones(X.shape)).ok

    def test_it_may_return_what_enters(self) -> None:
        assert gradcheck(lambda x: x + 1, X, vjp=lambda g, x: g).ok
        assert gradcheck(lambda x, y: x + y, (X, X), vjp=lambda g, x, y: (g, g)).ok

    def test_it_may_not_write_into_an_input(self) -> None:
        def vjp(g: Any, x: Any) -> Any:
            x += 1
            return g * 2 * (x - 1)

        x = X.copy()
        report = failed(lambda x: x * x, x, vjp=vjp)
        assert report.problems == ["input 'x' was changed in place by the backward: let it work on a copy"]
        np.testing.assert_array_equal(x, X)

    @pytest.mark.parametrize(
        ("forward", "kind"),
        [
            (lambda x: x * 2, np.ndarray),
            (lambda x: (x * 2,), tuple),
            (lambda x: [x * 2], list),
            (lambda x: {"y": x * 2}, dict),
        ],
    )
    def test_what_enters_has_the_structure_of_the_output(self, forward: Any, kind: type) -> None:
        def vjp(g: Any, x: Any) -> Any:
            assert type(g) is kind
            return 2 * (g if kind is np.ndarray else g["y"] if kind is dict else g[0])

        assert gradcheck(forward, X, vjp=vjp).ok

    def test_nested_outputs_and_such_that_are_no_numbers(self) -> None:
        Both = namedtuple("Both", "value index")

        def forward(x: Any) -> Any:
            return {"a": [x, Both(x**2, x.argmax())], "name": "f", "none": None}

        def vjp(g: Any, x: Any) -> Any:
            assert list(g) == ["a", "name", "none"]
            assert g["name"] is g["none"] is g["a"][1].index is None
            return g["a"][0] + 2 * x * g["a"][1].value

        assert gradcheck(forward, X, vjp=vjp).ok

    def test_a_single_number(self) -> None:
        def vjp(g: Any, x: Any) -> Any:
            assert isinstance(g, np.ndarray)
            assert g.shape == ()
            return 2 * x * g

        assert gradcheck(lambda x: float((x * x).sum()), X, vjp=vjp).ok

    def test_a_gradient_of_another_shape_is_a_report(self) -> None:
        report = failed(affine, (X, W, B), vjp=lambda g, x, w, b: (g @ w.T, x.T @ g, g))
        (problem,) = report.problems
        assert problem.startswith("the gradient of input 'b' has shape (5, 2), the input (2,): the sum over axis 0")
        assert "gradcheck(affine, (x, w, b), vjp=" in report.repro

    def test_second_derivatives_are_refused(self) -> None:
        with pytest.raises(TypeError, match="no second derivative of a backward in plain NumPy"):
            gradcheck(np.tanh, X, vjp=lambda g, x: g / np.cosh(x) ** 2, order=2)

    def test_tensors_may_come_back(self) -> None:
        assert gradcheck(lambda x: tg.tanh(x), X, vjp=lambda g, x: tg.tensor(g / np.cosh(x) ** 2)).ok

    def test_the_wrong_things(self) -> None:
        with pytest.raises(ValueError, match="vjp= and jac= are two ways to give the gradient: give one of them"):
            gradcheck(np.sin, X, vjp=lambda g, x: g, jac=np.cos)
        with pytest.raises(TypeError, match=r"vjp='backward': give a function vjp\(g, \*inputs\)"):
            gradcheck(np.sin, X, vjp="backward")  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="the function is of type int"):
            gradcheck(3, X, vjp=lambda g, x: g)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="check_laws: there is no gradient"):
            of_arrays(np.sin, X, caller="check_laws")


def quadratic(x: Any, a: Any) -> Any:
    return x @ a @ x


class TestJac:
    """gradcheck(…, jac=…), as SciPy spells it."""

    def test_the_gradient_of_a_scalar(self) -> None:
        a = rng.normal(size=(3, 3))
        report = gradcheck(quadratic, (X[0], a), jac=lambda x, a: (a + a.T) @ x)
        assert [f.input.name for f in report.findings] == ["x"]
        wrong = failed(quadratic, (X[0], a), jac=lambda x, a: 2 * a @ x)
        assert wrong.findings[0].wrong.all()
        assert wrong.repro.splitlines()[-1].startswith("gradcheck(quadratic, (x, a), jac=jac, wrt=['x']")

    def test_value_and_gradient_together(self) -> None:
        assert gradcheck(lambda x: ((x**2).sum(), 2 * x), X, jac=True).ok
        report = failed(lambda x: ((x**2).sum(), x), X, jac=True)
        assert report.findings[0].hint.startswith("it is 1/2 of the numeric derivative")
        assert report.repro.splitlines()[-1] == "gradcheck(f, x, jac=True, seed=0)"
        with pytest.raises(TypeError, match="has to return a pair: its value and its gradient"):
            gradcheck(lambda x: (x**2).sum(), X, jac=True)

    @pytest.mark.parametrize(
        "shaped",
        [
            lambda j: j.reshape(3, 5, 5, 3),
            lambda j: j,
            lambda j: j.tolist(),
            lambda j: type("Sparse", (), {"toarray": lambda self: j})(),
        ],
    )
    def test_shapes_of_a_jacobian(self, shaped: Any) -> None:
        a = rng.normal(size=(15, 15))
        assert gradcheck(lambda x: (a @ x.ravel()).reshape(3, 5), X, jac=lambda x: shaped(a)).ok
        report = failed(lambda x: (a @ x.ravel()).reshape(3, 5), X, jac=lambda x: shaped(a.T.copy()))
        assert report.findings[0].wrong.any()

    def test_scipys_own_formats(self) -> None:
        sparse = pytest.importorskip("scipy.sparse")
        a = rng.normal(size=(4, 3))
        for kind in (sparse.csr_matrix, sparse.coo_array):
            assert gradcheck(lambda x: a @ x, X[0], jac=lambda x, kind=kind: kind(a)).ok

    def test_one_number_in_an_array(self) -> None:
        for shape in ((3,), (1, 3)):
            f = lambda x: np.array([(x**3).sum()])
            assert gradcheck(f, X[0], jac=lambda x, shape=shape: (3 * x**2).reshape(shape)).ok

    def test_a_jacobian_of_another_shape(self) -> None:
        a = rng.normal(size=(4, 3))
        report = failed(lambda x: a @ x, X[0], jac=lambda x: a.T)
        assert report.problems == [
            "the Jacobian with respect to input 'x' has shape (3, 4) for an output of shape (4,): it has to be (4, 3): "
            "is it transposed?"
        ]
        report = failed(lambda x: (x**2).sum(), X, jac=lambda x: x.sum(0))
        assert "it has to be (5, 3) or (1, 15) or (15,)" in report.problems[0]

    @pytest.mark.parametrize("x", [[1.5, 2.0, -1.0], [1, 2, 3], np.array([1, 2, 3])])
    def test_a_list_of_numbers_is_an_x(self, x: Any) -> None:
        report = gradcheck(lambda x: (np.asarray(x) ** 2).sum(), x, jac=lambda x: 2 * x)
        assert report.checked == 3

    def test_a_function_that_returns_a_list(self) -> None:
        f = lambda x: [x[0] * x[1], x[1] ** 2]
        assert gradcheck(f, [1.0, 2.0], jac=lambda x: [[x[1], x[0]], [0, 2 * x[1]]]).ok
        assert failed(f, [1.0, 2.0], jac=lambda x: [[x[1], x[0]], [2 * x[1], 0]]).findings[0].wrong.any()

    def test_the_first_argument_only(self) -> None:
        with pytest.raises(
            ValueError, match="jac= is the derivative with respect to the first argument: wrt='a' is not"
        ):
            gradcheck(quadratic, (X[0], np.eye(3)), jac=lambda x, a: x, wrt="a")
        with pytest.raises(TypeError, match=r"jac='2-point': give a function jac\(x, \*args\), or True"):
            gradcheck(quadratic, (X[0], np.eye(3)), jac="2-point")  # type: ignore[arg-type]

    def test_beside_scipy(self) -> None:
        optimize = pytest.importorskip("scipy.optimize")
        x = [1.3, 0.7, 0.8, 1.9, 1.2]
        assert gradcheck(optimize.rosen, x, jac=optimize.rosen_der).ok
        assert gradcheck(optimize.rosen_der, x, jac=optimize.rosen_hess).ok
        wrong = failed(optimize.rosen, x, jac=lambda x: optimize.rosen_der(x) + (np.arange(5) == 2) * 1e-5)
        assert np.flatnonzero(wrong.findings[0].wrong).tolist() == [2]


class TestBatchMean:
    """Gradients that are means over the batch, of outputs that are not."""

    @staticmethod
    def average(g: Any, x: Any, w: Any, b: Any) -> Any:
        by_x, by_w, by_b = affine_vjp(g, x, w, b)
        return by_x, by_w / len(x), by_b / len(x)

    def test_the_hint(self) -> None:
        report = failed(affine, (X, W, B), vjp=self.average)
        says = "the mean over the batch: multiply by 5, or take the mean in the loss (batch_mean=True accepts it)"
        assert [says in f.hint for f in report.findings] == [False, True, True]

    def test_on_request(self) -> None:
        report = gradcheck(affine, (X, W, B), vjp=self.average, batch_mean=True)
        assert "compared times the size of the batch" in report.notes[0]
        failing = failed(affine, (X, W, B), vjp=affine_vjp, batch_mean=True)
        assert [bool(f.wrong.any()) for f in failing.findings] == [False, True, True]
        assert failing.repro.splitlines()[-1].endswith("vjp=affine_vjp, batch_mean=True, seed=0)")

    def test_several_inputs_with_samples(self) -> None:
        f = lambda w, x, y: ((x @ w - y) ** 2).sum()

        def vjp(g: Any, w: Any, x: Any, y: Any) -> Any:
            d = 2 * g * (x @ w - y)
            return x.T @ d / len(x), d @ w.T, -d

        given = (W, X, rng.normal(size=(5, 2)))
        assert gradcheck(f, given, vjp=vjp, batch_mean=["x", "y"]).ok
        assert gradcheck(f, given, vjp=vjp, batch_mean=[1, 2]).ok
        assert failed(f, given, vjp=vjp, batch_mean="x").findings[2].wrong.all()

    def test_what_it_cannot_be(self) -> None:
        with pytest.raises(ValueError, match="batch_mean= is for gradients written by hand"):
            gradcheck(tg.tanh, X, batch_mean=True)
        with pytest.raises(ValueError, match="batch_mean=True: there is no input with samples along axis 0"):
            gradcheck(np.sin, 1.0, vjp=lambda g, x: g * np.cos(x), batch_mean=True)
        with pytest.raises(ValueError, match="batch_mean='z': the inputs are x, w, b"):
            gradcheck(affine, (X, W, B), vjp=affine_vjp, batch_mean="z")

    def test_where_it_is_needless(self) -> None:
        with pytest.raises(GradcheckError) as caught:
            gradcheck(lambda x, w: x @ w, (X, W), vjp=lambda g, x, w: (g @ w.T, x.T @ g), batch_mean=True)
        hints = [f.hint for f in caught.value.report.findings]
        assert hints == ["", f"it is right without batch_mean, which multiplied it by {len(X)}"]

    def test_missing_gradients_stay_missing(self) -> None:
        by_x, by_w, none = times_batch((X, W, None), len(X), [0])
        assert by_x is X
        assert none is None
        np.testing.assert_array_equal(by_w, 5 * W)
