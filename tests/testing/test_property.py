"""Properties: right functions pass, planted faults come out as the smallest example, idle tests fail."""

from __future__ import annotations

import functools
import importlib
import inspect
import re
import time
from collections.abc import Callable
from typing import Any

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.database import InMemoryExampleDatabase
from testing.provoked import with_backward

import tinygrad_edu as tg
from tinygrad_edu.testing import GradcheckError, gradient_property, report
from tinygrad_edu.testing.profiles import PROFILES, current_profile
from tinygrad_edu.testing.strategies import matmul_pairs, shapes, tensor_groups, tensors

Rule = Callable[[Any, Any], Any]


def with_rule(forward: Callable[[Any], Any], rule: Rule) -> Callable[..., Any]:
    """A function of one tensor with a backward of our own."""
    apply = with_backward(lambda g, ctx, x: rule(g, x), forward)

    def planted(x: Any) -> Any:
        return apply(x)

    return planted


def failure(function: Any, given: Any, **options: Any) -> GradcheckError:
    """How a property fails, always at the same example."""
    with pytest.raises(GradcheckError) as caught:
        gradient_property(given=given, profile="ci", **options)(function)()
    return caught.value


def smallest(error: GradcheckError) -> list[Any]:
    return [finding.input.value for finding in error.report.findings]


class TestRight:
    test_tanh = gradient_property(given=tensors())(tg.tanh)
    test_several_arguments = gradient_property(given=tensor_groups(2), max_examples=15)(tg.mul)
    test_matmul = gradient_property(given=matmul_pairs(), max_examples=15)(tg.matmul)
    test_layer = gradient_property(given=tensors((2, 3)), max_examples=5)(tg.nn.Linear(3, 2))
    test_class_of_modules = gradient_property(given=tensors((2, 3)), max_examples=5)(tg.nn.PReLU)
    test_second_order = gradient_property(given=tensors(), order=2, laws=(), max_examples=10)(tg.sigmoid)
    test_kinks_are_passed_over = gradient_property(given=tensors(), max_examples=15)(tg.relu)

    factor = 2.0

    @gradient_property(given=[tensors((2,))], max_examples=5)
    def test_method(self, x: tg.Tensor) -> tg.Tensor:
        assert isinstance(self, TestRight)
        return x * self.factor

    @gradient_property(given={"b": tensors(()), "a": tensors((2,), domain="positive")}, max_examples=5)
    def test_arguments_by_name(self, a: tg.Tensor, *, b: tg.Tensor) -> tg.Tensor:
        assert a.shape == (2,)
        return tg.log(a) * b

    @gradient_property(given=(tensors((2, 3)), st.sampled_from([0, 1, -1, None])), max_examples=10)
    def test_arguments_that_are_no_tensors(self, x: tg.Tensor, dim: int | None) -> tg.Tensor:
        return tg.sum(x * x, dim=dim)


class TestPlantedFaults:
    def test_a_wrong_sign_comes_down_to_one_number(self) -> None:
        error = failure(with_rule(tg.tanh, lambda g, x: -g * (1 - tg.tanh(x) ** 2)), tensors())
        (value,) = smallest(error)
        assert value.shape == ()
        assert value == 0.0
        assert "worst: x  analytic" in str(error)
        assert "the sign is wrong" in str(error)

    def test_a_fault_for_size_1_axes_comes_down_to_shape_1(self) -> None:
        def rule(g: Any, x: Any) -> Any:
            return g * (2.0 if 1 in x.shape else 1.0)

        (value,) = smallest(failure(with_rule(lambda x: x * 1.0, rule), tensors(shapes(min_side=0))))
        assert value.tolist() == [0.0]

    def test_a_fault_that_needs_a_number_comes_down_to_1(self) -> None:
        (value,) = smallest(failure(with_rule(lambda x: x * x, lambda g, x: g * 3 * x), tensors()))
        assert value == 1.0

    def test_a_fault_of_negative_numbers_comes_down_to_minus_1(self) -> None:
        rule = lambda g, x: g * 2 * abs(x)
        (value,) = smallest(failure(with_rule(lambda x: x * x, rule), tensors(shapes(1, 3))))
        assert value.tolist() == [-1.0]

    def test_a_fault_of_matrices_comes_down_to_the_smallest_matrix(self) -> None:
        rule = lambda g, x: g if x.ndim < 2 else tg.transpose(g, 0, 1) if len(set(x.shape)) == 1 else g
        (value,) = smallest(failure(with_rule(lambda x: x * 1.0, rule), tensors(shapes(max_dims=2))))
        assert value.shape == (2, 2)
        assert not value.any()

    def test_two_arguments(self) -> None:
        class Product(tg.Function):
            @staticmethod
            def forward(ctx: Any, x: Any, y: Any) -> Any:
                ctx.save_for_backward(x, y)
                return x * y

            @staticmethod
            def backward(ctx: Any, g: Any) -> Any:
                x, y = ctx.saved_tensors
                return g * y, g * x * 2

        error = failure(lambda x, y: Product.apply(x, y), tensor_groups(2))
        assert [float(value) for value in smallest(error)] == [1.0, 0.0]

    def test_a_module(self) -> None:
        class Wrong(tg.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.scale = tg.nn.Parameter(tg.tensor(2.0))

            def forward(self, x: Any) -> Any:
                return with_rule(lambda x: x * 1.0, lambda g, x: g * 0.5)(x) * self.scale

        for subject in (Wrong, Wrong()):
            error = failure(subject, tensors())
            assert error.report.name == "Wrong"
            assert [(f.input.name, bool(f.wrong.any())) for f in error.report.findings] == [
                ("scale", False),
                ("x", True),
            ]

    def test_a_law(self) -> None:
        rule = lambda g, x: g if g.array.flags.c_contiguous else g * 0.5  # the cotangents of gradcheck are
        planted = with_rule(lambda x: x * 1.0, rule)
        error = failure(planted, tensors(), laws=["layouts_agree"])
        assert set(error.report.violated) == {"layouts_agree"}
        gradient_property(given=tensors(), laws=(), max_examples=5)(planted)()

    def test_zeros_make_no_law_apply_that_does_not(self) -> None:
        pair = (np.array([0.0, 0.0]), np.array([0.0, 1.0]))  # whose product does not depend on the order of the first
        gradient_property(given=st.just(pair))(tg.matmul)()

    def test_a_kink_where_kinks_are_errors(self) -> None:
        error = failure(tg.relu, tensors(), on_kink="error")
        assert smallest(error)[0] == 0.0
        assert "1 element lies at a kink" in str(error)

    def test_the_text_has_the_call_and_the_way_to_repeat_it(self) -> None:
        error = failure(with_rule(tg.tanh, lambda g, x: -g), tensors())
        notes = "".join(error.__notes__)
        assert "planted(\n    x=tensor(0., dtype=float64, requires_grad=True),\n)" in notes
        assert "@reproduce_failure(" in notes

    def test_other_errors_pass_through_with_their_example(self) -> None:
        def picky(x: tg.Tensor) -> tg.Tensor:
            if x.ndim == 2:
                raise KeyError("no matrices")
            return x * x

        with pytest.raises(KeyError, match="no matrices") as caught:
            gradient_property(given=tensors(), profile="ci")(picky)()
        assert "x=tensor([[0.]], dtype=float64, requires_grad=True)" in "".join(caught.value.__notes__)


class TestIdle:
    def test_zero_gradients_everywhere(self) -> None:
        error = failure(lambda x: x * 0, tensors(shapes(1, 2)))
        assert re.fullmatch(
            r"\S+<lambda>: (\d+) of \1 examples proved nothing \(\1 times: the gradients are zero everywhere\)\. "
            r"Let `given` draw other arguments",
            str(error),
        )
        gradient_property(given=tensors(), allow_zero=True, max_examples=5)(lambda x: x * 0)()

    @pytest.mark.parametrize(
        ("function", "given", "reason"),
        [
            (tg.relu, st.just(np.zeros(3)), "the slopes on both sides differ, as at a kink or a tie"),
            (tg.tanh, tensors(st.just((0, 2))), "all inputs or all outputs are empty"),
            (tg.log, st.just(np.array([-1.0])), "the outputs are not finite at these inputs"),
            (lambda n: tg.ones(n), st.integers(1, 3), "no input is a floating-point array"),
        ],
    )
    def test_reasons(self, function: Any, given: Any, reason: str) -> None:
        text = str(failure(function, given))
        assert "examples proved nothing" in text
        assert reason in text

    def test_a_law_is_asked_where_differences_show_nothing(self) -> None:
        def aliasing(x: Any) -> Any:
            x.array[...] = 1.0
            return x * x

        with pytest.raises(GradcheckError, match="changed"):
            gradient_property(given=tensors(()), profile="ci")(aliasing)()


class TestTheTest:
    def test_it_looks_like_what_it_tests(self) -> None:
        test = gradient_property(given=tensors())(tg.tanh)
        assert test.function is tg.tanh
        assert test.__name__ == "tanh"
        assert test.__module__ == __name__
        assert inspect.signature(test).parameters == {}
        assert hypothesis.is_hypothesis_test(test)
        module = tg.nn.Tanh()
        assert gradient_property(given=tensors())(module).function is module

    def test_decorators_of_hypothesis(self) -> None:
        planted = with_rule(tg.tanh, lambda g, x: -g)
        version, blob = re.findall(
            r"reproduce_failure\('(.*)', (b'.*')\)", "".join(failure(planted, tensors()).__notes__)
        )[0]
        again = hypothesis.reproduce_failure(version, eval(blob))(gradient_property(given=tensors())(planted))
        with pytest.raises(GradcheckError):
            again()
        seen: list[float] = []

        @hypothesis.example(x=tg.tensor(np.array(1.625)))
        @gradient_property(given=tensors(()), max_examples=1, laws=())
        def noting(x: tg.Tensor) -> tg.Tensor:
            seen.append(x.item())
            return x * 2

        noting()
        assert 1.625 in seen

    @pytest.mark.parametrize("profile", ["quick", "ci"])
    @pytest.mark.parametrize("above", [True, False])
    def test_settings_of_hypothesis(self, above: bool, profile: Any) -> None:
        database = InMemoryExampleDatabase()
        chosen = hypothesis.settings(
            max_examples=7,
            deadline=600_000,
            database=database,
            suppress_health_check=[hypothesis.HealthCheck.filter_too_much],
        )
        doubled = lambda x: x * 2
        told: list[Any] = []
        listener = lambda report, seconds: told.append(report)
        make = gradient_property(given=tensors((3,)), laws=(), profile=profile)
        test: Any = chosen(make(doubled)) if above else make(chosen(doubled))
        report.listeners.append(listener)
        try:
            test()
        finally:
            report.listeners.remove(listener)
        assert len(told) == 7
        used = test._hypothesis_internal_use_settings
        assert used.deadline.total_seconds() == 600
        assert used.database is database
        assert used.derandomize is (profile == "ci" or hypothesis.settings().derandomize)  # as where CI is set
        assert hypothesis.Phase.explain not in used.phases
        checks = hypothesis.HealthCheck
        assert {checks.filter_too_much, checks.too_slow} <= set(used.suppress_health_check)

    @pytest.mark.parametrize("above", [True, False])
    def test_a_deadline_of_hypothesis(self, above: bool) -> None:
        def slow(x: tg.Tensor) -> tg.Tensor:
            time.sleep(0.002)
            return x * 2

        chosen = hypothesis.settings(deadline=1, max_examples=2)
        make = gradient_property(given=tensors(()), laws=())
        test = chosen(make(slow)) if above else make(chosen(slow))
        with pytest.raises(hypothesis.errors.DeadlineExceeded):
            test()

    def test_failures_are_kept_in_the_database_of_settings(self) -> None:
        database = InMemoryExampleDatabase()
        planted = with_rule(tg.tanh, lambda g, x: -g)
        chosen = hypothesis.settings(database=database)
        for _ in range(2):
            with pytest.raises(GradcheckError):
                chosen(gradient_property(given=tensors(), laws=(), profile="quick")(planted))()
            assert database.data

    def test_settings_twice(self) -> None:
        chosen = hypothesis.settings(max_examples=3)
        with pytest.raises(hypothesis.errors.InvalidArgument, match="already been decorated with a settings object"):
            chosen(gradient_property(given=tensors())(chosen(lambda x: x * 2)))

    @pytest.mark.parametrize("above", [True, False])
    def test_a_seed_of_hypothesis_beside_settings(self, above: bool) -> None:
        def drawn(*decorators: Any) -> list[str]:
            seen: list[str] = []

            def noting(x: tg.Tensor) -> tg.Tensor:
                seen.append(str(x.array.tolist()))  # which may have NaN in it
                return x * 2

            test: Any = noting if above else functools.reduce(lambda f, d: d(f), decorators, noting)
            test = gradient_property(given=tensors((4,)), laws=(), profile="quick")(test)
            (functools.reduce(lambda f, d: d(f), decorators, test) if above else test)()
            return seen

        few = hypothesis.settings(max_examples=4)
        seeded = drawn(hypothesis.seed(5))
        assert seeded == drawn(hypothesis.seed(5))
        assert seeded != drawn(hypothesis.seed(6))
        short = drawn(hypothesis.seed(5), few)
        assert short == drawn(few, hypothesis.seed(5))
        assert len(short) < len(seeded) / 4

    @pytest.mark.parametrize("above", [True, False])
    def test_examples_and_failures_of_hypothesis_beside_settings(self, above: bool) -> None:
        planted = with_rule(tg.tanh, lambda g, x: -g)
        notes = "".join(failure(planted, tensors()).__notes__)
        version, blob = re.findall(r"reproduce_failure\('(.*)', (b'.*')\)", notes)[0]
        make = gradient_property(given=tensors(), laws=(), profile="ci")
        few = hypothesis.settings(max_examples=1, phases=[hypothesis.Phase.explicit])

        def decorated(*decorators: Any) -> Any:
            target = lambda x: planted(x)
            test = make(target) if above else target
            for decorate in decorators:
                test = decorate(test)
            return test if above else make(test)

        repeat = hypothesis.reproduce_failure(version, eval(blob))
        right = hypothesis.settings(max_examples=3)
        for decorators in ([repeat], [repeat, right], [right, repeat]):
            with pytest.raises(GradcheckError):
                decorated(*decorators)()
        example = hypothesis.example(x=tg.tensor(np.array([1.625, 2.0])))
        for decorators in ([example, few], [few, example]):
            with pytest.raises(GradcheckError) as caught:
                decorated(*decorators)()
            assert smallest(caught.value)[0].tolist() == [1.625, 2.0]

    def test_a_class_of_modules_takes_no_random_numbers_of_the_user(self) -> None:
        class Layer(tg.nn.Linear):
            def __init__(self) -> None:
                super().__init__(2, 1)

        before = tg.get_rng_state()
        gradient_property(given=tensors((2,)), max_examples=2, laws=())(Layer)()
        np.testing.assert_equal(tg.get_rng_state(), before)

    def test_failing_examples_are_explained_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        explained = []
        module = importlib.import_module("tinygrad_edu.testing.checks")
        real = module.explain
        monkeypatch.setattr(module, "explain", lambda *args: [explained.append(1), real(*args)])
        failure(with_rule(tg.tanh, lambda g, x: -g), tensors())
        assert len(explained) <= 2  # the second time is the program that it writes, trying itself

    @pytest.mark.parametrize(("options", "count"), [({"profile": "quick"}, 25), ({"max_examples": 7}, 7)])
    def test_number_of_examples(self, options: dict[str, Any], count: int) -> None:
        told: list[Any] = []
        listener = lambda report, seconds: told.append((report, seconds))
        report.listeners.append(listener)
        try:
            gradient_property(given=tensors((3,)), laws=(), **options)(tg.tanh)()
        finally:
            report.listeners.remove(listener)
        assert len(told) == count
        assert {r.name for r, _ in told} == {"tanh"}
        assert all(seconds >= 0 for _, seconds in told)

    def test_the_profile_ci_is_the_same_every_time(self) -> None:
        runs: list[list[float]] = []
        for _ in range(2):
            seen: list[float] = []

            def noting(x: tg.Tensor, seen: Any = seen) -> tg.Tensor:
                seen.append(str(x.array.tolist()))  # which may have NaN in it
                return x * 2

            gradient_property(given=tensors((2,)), laws=(), profile="ci", max_examples=5)(noting)()
            runs.append(seen)
        assert runs[0] == runs[1]

    def test_the_profile_without_the_plugin(self, monkeypatch: pytest.MonkeyPatch) -> None:
        import sys

        monkeypatch.setitem(sys.modules, "_tinygrad_edu_pytest", None)  # type: ignore[arg-type]
        monkeypatch.setenv("CI", "true")
        assert current_profile() == "ci"
        monkeypatch.delenv("CI")
        assert current_profile() == "quick"
        assert [p.max_examples for p in PROFILES.values()] == [25, 100, 1000]

    @pytest.mark.parametrize(
        ("options", "kind", "message"),
        [
            ({"tolerance": 1}, TypeError, r"gradient_property\(\) got unexpected options tolerance"),
            ({"laws": ["gravity"]}, ValueError, "gradient_property: there is no law 'gravity'; the laws are "),
            ({"profile": "slow"}, ValueError, "gradient_property: profile='slow': use 'quick', 'ci', 'deep'"),
        ],
    )
    def test_what_there_is_not(self, options: dict[str, Any], kind: type[Exception], message: str) -> None:
        with pytest.raises(kind, match=message):
            gradient_property(given=tensors(), **options)

    def test_a_module_takes_arguments_by_place(self) -> None:
        test = gradient_property(given={"input": tensors((2,))})(tg.nn.Tanh())
        with pytest.raises(ValueError, match="gradient_property: a module takes its arguments by place"):
            test()


def softmax(x: Any) -> Any:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def softmax_vjp(g: Any, x: Any) -> Any:
    y = softmax(x)
    return y * (g - (g * y).sum(-1, keepdims=True))


class TestByHand:
    """Gradients in plain NumPy."""

    test_softmax = gradient_property(given=tensors((2, 3)), vjp=softmax_vjp, max_examples=10)(softmax)

    @gradient_property(given=tensors((2, 3)), vjp=lambda g, x: g / np.cosh(x) ** 2, max_examples=5)
    def test_as_a_decorator(self, x: Any) -> Any:
        assert type(x) is np.ndarray
        return np.tanh(x)

    test_jac = gradient_property(given=tensors((3,)), jac=lambda x: 2 * x, max_examples=10)(lambda x: (x**2).sum())
    test_both = gradient_property(given=tensors((3,)), jac=True, max_examples=5)(lambda x: ((x**3).sum(), 3 * x**2))

    def test_the_smallest_example_of_a_wrong_one(self) -> None:
        wrong = lambda g, x: softmax(x) * (g - (g * softmax(x)).sum())
        error = failure(softmax, tensors(shapes(2, 2)), vjp=wrong)
        (x,) = smallest(error)
        assert x.shape == (2, 1)
        assert "vjp=vjp" in error.report.repro.splitlines()[-1] or "vjp=wrong" in error.report.repro.splitlines()[-1]

    def test_a_law_that_is_broken(self) -> None:
        by_memory = lambda g, x: 2 * g.ravel("K").reshape(g.shape)
        error = failure(lambda x: 2 * x, tensors((2, 3)), vjp=by_memory)
        assert list(error.report.violated) == ["layouts_agree"]

    def test_the_shape_of_a_gradient(self) -> None:
        error = failure(lambda x, b: x + b, (tensors((2, 3)), tensors((3,))), vjp=lambda g, x, b: (g, g))
        assert "input 'b' has shape (2, 3), the input (3,)" in str(error)

    def test_strategies_by_name_come_in_the_order_of_the_arguments(self) -> None:
        given = {"w": tensors((3, 2)), "x": tensors((4, 3))}
        vjp = lambda g, x, w: (g @ w.T, x.T @ g)
        gradient_property(given=given, vjp=vjp, max_examples=5)(lambda x, w: x @ w)()

    def test_both_are_refused(self) -> None:
        with pytest.raises(ValueError, match="gradient_property: vjp= and jac= are two ways"):
            gradient_property(given=tensors(), vjp=softmax_vjp, jac=np.cos, max_examples=3)(softmax)()
