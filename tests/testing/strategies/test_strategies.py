"""Strategies: they give what they promise, and shrink to what a person can read."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu.testing import strategies as s
from tinygrad_edu.testing.modules import check_module
from tinygrad_edu.testing.report import GradcheckError
from tinygrad_edu.testing.strategies.values import laid_out

few = settings(max_examples=60)


class TestShapes:
    @few
    @given(s.shapes(1, 2, 2, 3))
    def test_stay_within_the_limits(self, shape: tuple[int, ...]) -> None:
        assert 1 <= len(shape) <= 2
        assert all(2 <= side <= 3 for side in shape)

    def test_are_empty_now_and_then_if_that_is_wanted(self) -> None:
        assert s.simplest(s.shapes(min_side=0), lambda shape: 0 in shape) == (0,)

    @pytest.mark.parametrize("limits", [(2, 1), (-1, 2), (0, 2, 3, 2), (0, 2, -1, 2)])
    def test_limits_that_make_no_sense(self, limits: tuple[int, ...]) -> None:
        with pytest.raises(ValueError, match=r"shapes: min_(dims|side)="):
            s.shapes(*limits)

    @few
    @given(st.data(), s.shapes(max_side=3))
    def test_broadcastable_ones_broadcast(self, data: st.DataObject, shape: tuple[int, ...]) -> None:
        other = data.draw(s.broadcastable_shapes(shape))
        assert len(np.broadcast_shapes(shape, other)) >= len(shape)

    def test_broadcastable_ones_have_fewer_axes_more_axes_and_larger_ones(self) -> None:
        wanted = {(), (1,), (3,), (2, 1), (1, 2, 1), (2, 3)}
        for other in wanted:
            assert s.simplest(s.broadcastable_shapes((2, 1)), lambda shape, other=other: shape == other) == other

    @few
    @given(st.data(), s.shapes(max_side=3))
    def test_reduction_axes_are_taken_by_a_sum(self, data: st.DataObject, shape: tuple[int, ...]) -> None:
        dim = data.draw(s.reduction_axes(shape))
        x = np.arange(float(np.prod(shape))).reshape(shape)
        np.testing.assert_array_equal(tg.sum(tg.tensor(x), dim=dim).array, x.sum(dim))

    def test_simplest_of_nothing(self) -> None:
        from hypothesis.errors import NoSuchExample

        with pytest.raises(NoSuchExample):
            s.simplest(st.just(1), lambda value: value == 2)


class TestTensors:
    @pytest.mark.parametrize("domain", ["smooth", "positive", "unit", "distinct"])
    def test_keep_to_their_domain(self, domain: Any) -> None:
        @few
        @given(s.tensors(s.shapes(min_side=0), domain=domain))
        def check(x: tg.Tensor) -> None:
            a = x.array
            assert x.requires_grad
            assert x.dtype == np.float64
            assert np.abs(a).max(initial=0.0) <= 8
            if domain != "unit":
                assert (a * 8 == np.round(a * 8)).all()
            if domain == "positive":
                assert (a > 0).all()
            if domain == "unit":
                assert ((a > 0) & (a < 1)).all()
            if domain == "distinct":
                assert len(np.unique(a)) == a.size
                assert a.all()

        check()

    def test_hard_ones_hold_what_breaks_things(self) -> None:
        strategy = s.tensors((), domain="hard")
        tiny = np.finfo(np.float64).smallest_subnormal
        for value in (tiny, -tiny, 1e30, -1e-30, np.inf, -np.inf):
            assert s.simplest(strategy, lambda x, value=value: x.array == value).item() == value
        assert np.isnan(s.simplest(strategy, lambda x: bool(np.isnan(x.array))).item())
        assert np.signbit(s.simplest(strategy, lambda x: x.array == 0 and bool(np.signbit(x.array))).array)

    def test_hard_ones_of_float32_are_numbers_of_float32(self) -> None:
        x = s.simplest(s.tensors((), np.float32, "hard"), lambda x: 0 < x.array < 1e-40)
        assert x.dtype == np.float32
        assert x.array == np.finfo(np.float32).smallest_subnormal

    @pytest.mark.parametrize(
        ("domain", "smallest"),
        [("smooth", [0.0, 0.0]), ("positive", [1.0, 1.0]), ("unit", [0.5, 0.5]), ("distinct", [1.0, -1.0])],
    )
    def test_shrink_to(self, domain: Any, smallest: list[float]) -> None:
        assert s.simplest(s.tensors((2,), domain=domain)).array.tolist() == smallest

    def test_each_number_shrinks_by_itself_and_to_integers_first(self) -> None:
        found = s.simplest(s.tensors(), lambda x: x.ndim == 2 and (x.array > 1.3).sum() == 2)
        assert sorted(found.array.reshape(-1).tolist()) == [2.0, 2.0]

    def test_large_ones_are_filled_from_a_seed(self) -> None:
        x = s.simplest(s.tensors((20, 20)))
        assert x.shape == (20, 20)
        assert len(np.unique(x.array)) > 10
        y = s.simplest(s.tensors((20, 20), domain="distinct"))
        assert len(np.unique(y.array)) == 400

    @pytest.mark.parametrize(
        ("layout", "strides"),
        [("C", (24, 8)), ("F", (8, 16)), ("strided", (48, 16)), ("reversed", (-24, -8)), ("expanded", (0, 8))],
    )
    def test_lie_in_memory_as_asked(self, layout: Any, strides: tuple[int, int]) -> None:
        x = s.simplest(s.tensors((2, 3), layout=layout))
        assert x.array.strides == strides
        ordered = np.arange(6.0).reshape(2, 3)
        np.testing.assert_array_equal(laid_out(ordered, layout), ordered)

    def test_any_layout(self) -> None:
        for test in (lambda a: a.strides[0] < 0, lambda a: a.strides[0] == 0, lambda a: a.flags.f_contiguous):
            found = s.simplest(s.tensors((2, 3), layout="any"), lambda x, test=test: test(x.array))
            assert not found.array.any()

    @few
    @given(s.tensors(s.shapes(min_side=0, max_side=2), layout="any", requires_grad=False))
    def test_any_layout_fits_any_shape(self, x: tg.Tensor) -> None:
        assert not x.requires_grad
        np.testing.assert_array_equal((x + 0).array, x.array)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"domain": "rough"}, "tensors: domain='rough': use 'wide', 'smooth', 'positive', 'unit', 'distinct' or"),
            ({"layout": "K"}, "tensors: layout='K': use 'C', 'F', 'strided', 'reversed', 'expanded' or 'any'"),
            ({"dtype": int}, "tensors: dtype=int64: use a floating dtype"),
            ({"domain": "distinct", "layout": "expanded"}, "tensors: numbers of an expanded tensor are not distinct"),
        ],
    )
    def test_what_there_is_not(self, options: dict[str, Any], message: str) -> None:
        with pytest.raises(ValueError, match=message):
            s.tensors((2,), **options)
        with pytest.raises(ValueError, match=message):
            s.tensor_groups(2, **options)


class TestCalls:
    @few
    @given(s.tensor_groups(3, min_side=0, domain=["smooth", "positive", "unit"]))
    def test_groups_broadcast(self, group: tuple[tg.Tensor, ...]) -> None:
        x, y, z = group
        assert (x * y + z).shape == np.broadcast_shapes(x.shape, y.shape, z.shape)
        assert (y.array > 0).all()

    def test_groups_have_members_of_different_shapes(self) -> None:
        found = s.simplest(
            s.tensor_groups(2), lambda pair: (pair[0] + pair[1]).shape not in (pair[0].shape, pair[1].shape)
        )
        assert [x.shape for x in found] == [(1, 1), (2,)]
        assert not any(x.array.any() for x in found)

    def test_as_many_domains_as_tensors(self) -> None:
        with pytest.raises(ValueError, match="tensor_groups: 1 domains for 2 tensors: one for each"):
            s.tensor_groups(2, domain=["smooth"])

    @pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of products that overflow, which is the same here and there
    @few
    @given(s.matmul_pairs(min_side=0))
    def test_operands_of_matmul(self, pair: tuple[tg.Tensor, tg.Tensor]) -> None:
        np.testing.assert_allclose((pair[0] @ pair[1]).array, pair[0].array @ pair[1].array, atol=1e-12)

    def test_operands_of_matmul_have_all_forms(self) -> None:
        for dims in ((1, 1), (1, 2), (2, 1), (2, 3), (3, 2)):
            found = s.simplest(s.matmul_pairs(), lambda pair, dims=dims: (pair[0].ndim, pair[1].ndim) == dims)
            assert {side for x in found for side in x.shape} == {1}

    @pytest.mark.filterwarnings("ignore::RuntimeWarning")
    @pytest.mark.parametrize("dims", [1, 2, 3])
    def test_arguments_of_a_convolution_fit(self, dims: int) -> None:
        @settings(max_examples=40)
        @given(s.conv_args(dims))
        def check(call: s.ConvArgs) -> None:
            out, per_group, *kernel = call.weight.shape
            assert call.input.ndim == call.weight.ndim == dims + 2
            assert call.input.shape[1] == per_group * call.groups
            assert out % call.groups == 0
            assert call.bias is None or call.bias.shape == (out,)
            for side, k in zip(call.input.shape[2:], kernel, strict=True):
                reach = call.dilation * (k - 1) + 1
                if call.padding == "same":
                    assert call.stride == 1
                else:
                    padding = 0 if call.padding == "valid" else call.padding
                    assert (side + 2 * padding - reach) // call.stride + 1 >= 1
            function = getattr(tg.nn.functional, f"conv{dims}d")
            assert function(*call).shape[:2] == (call.input.shape[0], out)

        check()

    def test_arguments_of_a_convolution_reach_all_the_ranges(self) -> None:
        assert s.simplest(s.conv_args(1), lambda call: call.groups > 3).input.shape[1] in (12, 32)
        assert s.simplest(s.conv_args(1), lambda call: call.padding == "same").padding == "same"
        assert s.simplest(s.conv_args(1), lambda call: len(call.input) == 0).input.size == 0

    @few
    @given(s.batches(0, 1, 5, features=(2, 3), classes=4, requires_grad=True))
    def test_batches(self, epoch: list[s.Batch]) -> None:
        assert 1 <= len(epoch) <= 3
        for inputs, targets in epoch:
            assert inputs.requires_grad
            assert len(inputs) == len(targets)
            assert len(inputs) in (0, 1, 5)
            assert inputs.shape[1:] == (2, 3)
            assert targets.dtype == np.int64
            assert ((targets.array >= 0) & (targets.array < 4)).all()

    def test_batches_with_numbers_as_targets(self) -> None:
        (batch,) = s.simplest(s.batches(2, classes=None))
        assert batch.inputs.shape == (2, 2)
        assert not batch.inputs.requires_grad
        assert batch.targets.array.tolist() == [0.0, 0.0]


def sizes_of(example: Any) -> np.ndarray:
    """The sizes of all numbers of an example."""
    return np.concatenate(
        [np.abs(x.array).reshape(-1) for x in (example if isinstance(example, tuple) else (example,))]
    )


def is_plain(sizes: np.ndarray) -> bool:
    return bool((sizes * 8 == np.round(sizes * 8)).all()) and float(sizes.max(initial=0.0)) <= 4


class TestWide:
    """What comes without a domain: mostly plain numbers, now and then others."""

    @pytest.mark.parametrize(
        "strategy",
        [
            s.tensors(),
            s.tensors(()),
            s.tensors((20, 20)),
            s.tensor_groups(3),
            s.matmul_pairs(),
            s.tensors((3,), np.float32),
        ],
        ids=["tensors", "numbers", "large", "groups", "pairs", "float32"],
    )
    def test_at_most_a_third_of_the_examples_have_other_numbers(self, strategy: Any) -> None:
        wide: list[bool] = []

        @settings(max_examples=200, derandomize=True, database=None)
        @given(strategy)
        def look(example: Any) -> None:
            wide.append(not is_plain(sizes_of(example)))

        look()
        assert 0 < np.mean(wide) <= 1 / 3

    @pytest.mark.parametrize("strategy", [s.tensors((2,)), s.tensor_groups(2, 1), s.matmul_pairs()])
    @pytest.mark.parametrize(
        ("low", "high"), [(1e-30, 1e-8), (1e-8, 1e-3), (1e3, 1e5), (1e5, 1e10), (709.8, 2000), (1.4e154, 1e300)]
    )
    def test_all_sizes_are_reached(self, strategy: Any, low: float, high: float) -> None:
        found = s.simplest(
            strategy, lambda example: bool(((low < sizes_of(example)) & (sizes_of(example) < high)).any())
        )
        sizes = sizes_of(found)
        assert is_plain(np.where((low < sizes) & (sizes < high), 0.0, sizes))  # the rest shrinks as ever

    def test_one_size_for_all_of_an_example(self) -> None:
        pair = s.simplest(s.tensor_groups(2), lambda pair: all((sizes_of(x) > 1e3).any() for x in pair))
        assert len({float(size) for size in sizes_of(pair)}) == 1

    @pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
    def test_exp_and_squares_overflow_in_every_dtype(self, dtype: Any) -> None:
        for f in (np.exp, np.square):
            with np.errstate(all="ignore"):
                found = s.simplest(s.tensors((), dtype), lambda x, f=f: bool(np.isinf(f(x.array))))
            assert np.isfinite(found.array)

    def test_they_shrink_to_what_plain_ones_shrink_to(self) -> None:
        found = s.simplest(s.tensors((2, 2)), lambda x: bool(x.array.sum() > 0.7))
        assert found.array.tolist() == [[0.0, 0.0], [0.0, 1.0]]
        assert s.simplest(s.tensors((2,))).array.tolist() == [0.0, 0.0]
        found = s.simplest(s.tensors((3,)), lambda x: bool((np.abs(x.array) > 100).any()))
        assert sorted(found.array.tolist()) == [0.0, 0.0, 2000.0]

    @few
    @given(s.tensors(domain="smooth"), s.tensor_groups(2, domain="smooth"), s.matmul_pairs(domain="smooth"))
    def test_a_domain_that_is_named_is_kept(self, x: Any, group: Any, pair: Any) -> None:
        assert all(is_plain(sizes_of(example)) for example in (x, group, pair))

    @few
    @given(s.tensor_groups(2, domain=["positive", "wide"]))
    def test_a_domain_that_is_named_for_one_is_kept(self, pair: Any) -> None:
        assert is_plain(sizes_of(pair[0]))
        assert (pair[0].array > 0).all()


def parts(index: Any) -> tuple[Any, ...]:
    return index if isinstance(index, tuple) else (index,)


def is_mask(part: Any) -> bool:
    return isinstance(part, np.ndarray) and part.dtype == bool


class TestIndices:
    @settings(max_examples=200)
    @given(st.data(), s.shapes(min_side=0, max_side=3))
    def test_numpy_takes_them_and_so_does_a_tensor(self, data: st.DataObject, shape: tuple[int, ...]) -> None:
        index = data.draw(s.indices_for(shape))
        x = np.arange(float(np.prod(shape))).reshape(shape)
        np.testing.assert_array_equal(tg.tensor(x)[index].array, x[index])

    @pytest.mark.parametrize(
        "wanted",
        [
            lambda index: not isinstance(index, tuple),
            lambda index: any(part is None for part in parts(index)),
            lambda index: any(part is Ellipsis for part in parts(index)),
            lambda index: any(isinstance(p, slice) and p.step is not None and p.step < 0 for p in parts(index)),
            lambda index: any(isinstance(part, int) and part < 0 for part in parts(index)),
            lambda index: any(is_mask(part) and part.ndim == 2 for part in parts(index)),
            lambda index: any(isinstance(p, np.ndarray) and not is_mask(p) and p.ndim == 2 for p in parts(index)),
            lambda index: sum(isinstance(part, np.ndarray) for part in parts(index)) == 2,
            lambda index: isinstance(index, np.ndarray) and not is_mask(index) and len(set(index.flat)) < index.size,
            lambda index: any(isinstance(part, np.ndarray) and part.size == 0 for part in parts(index)),
        ],
        ids=[
            "alone",
            "None",
            "Ellipsis",
            "backwards",
            "negative",
            "mask2d",
            "array2d",
            "two-arrays",
            "repeats",
            "empty",
        ],
    )
    def test_every_kind_comes(self, wanted: Any) -> None:
        found = s.simplest(s.indices_for((2, 3)), wanted)
        assert np.zeros((2, 3))[found].size <= 12


class TestModules:
    @settings(max_examples=25)
    @given(s.modules())
    def test_their_gradients_are_right(self, model: s.Model) -> None:
        before = tg.get_rng_state()
        first, second = model.module(*model.inputs), model.module(*model.inputs)
        assert first.dtype == np.float64
        np.testing.assert_array_equal(first.array, second.array)
        np.testing.assert_equal(tg.get_rng_state(), before)
        try:
            check_module(model.module, *model.inputs, allow_zero=True)
        except GradcheckError as error:
            assert "inconclusive" in str(error) or "no input is a floating-point array" in str(error)  # noqa: PT017

    @pytest.mark.parametrize("shape", [(1,), (1, 1), (2, 3)])
    @pytest.mark.parametrize("norms", [1, 2, 3])  # eps is 2e-16: two of them go from -1 to 1 within 1e-15
    def test_norms_of_norms_at_0_are_not_accused(self, norms: int, shape: tuple[int, ...]) -> None:
        model = tg.nn.Sequential(*[tg.nn.RMSNorm(shape[-1]) for _ in range(norms)])
        try:
            report = check_module(model, np.zeros(shape))
        except GradcheckError as error:
            report = error.report
        assert not any(finding.wrong.any() for finding in report.findings)

    def test_leave_the_random_numbers_alone(self) -> None:
        tg.manual_seed(3)
        expected = tg.rand(2).array.tolist()
        tg.manual_seed(3)
        s.simplest(s.modules(kinds=["linear"]))
        assert tg.rand(2).array.tolist() == expected

    @pytest.mark.parametrize("kind", ["linear", "activation", "norm", "softmax", "residual", "tied", "rectifier"])
    def test_of_one_kind(self, kind: str) -> None:
        model = s.simplest(s.modules(1, [kind]))
        assert len(model.module) == 1
        assert model.inputs[0].shape == (1,)
        assert {float(v) for p in model.module.parameters() for v in p.array.flat} <= {1.0}

    def test_an_embedding_comes_first(self) -> None:
        model = s.simplest(s.modules(2, ["linear", "embedding"]), lambda model: len(model.module) == 2)
        assert [type(layer).__name__ for layer in model.module] == ["Linear", "Linear"]
        model = s.simplest(s.modules(2, ["linear", "embedding"]), lambda model: model.inputs[0].dtype == np.int64)
        assert isinstance(model.module[0], tg.nn.Embedding)
        assert s.simplest(s.modules(3, ["embedding"])).module(tg.tensor(2)).shape == (1,)

    def test_what_there_is_not(self) -> None:
        with pytest.raises(ValueError, match=r"modules: kinds=\['conv'\]: use some of linear, .*, embedding"):
            s.modules(kinds=["conv"])
        with pytest.raises(ValueError, match=r"modules: kinds=\[\]"):
            s.modules(kinds=[])
        with pytest.raises(ValueError, match="modules: depth=0: need at least 1"):
            s.modules(0)


def test_without_hypothesis_the_rest_works_and_what_needs_it_says_so() -> None:
    code = """
import sys
sys.modules["hypothesis"] = None
import tinygrad_edu as tg
from tinygrad_edu.testing import gradcheck, gradient_property
print(gradcheck(tg.tanh, [1.0]).ok)
for use in (lambda: gradient_property(given=None), lambda: __import__("tinygrad_edu.testing.strategies")):
    try:
        use()
    except ImportError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    install = 'pip install hypothesis (in a checkout: pip install ".[testing]")'
    needs = f"needs hypothesis, which is not installed. Run: {install}"
    assert done.stdout.splitlines() == [
        "True",
        f"gradient_property() {needs}",
        f"tinygrad_edu.testing.strategies {needs}",
    ], done.stderr
