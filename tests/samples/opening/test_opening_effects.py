"""The per-sample backward pass beside its numbers: what it leaves as it was, what it notices, what it lets go of."""

from __future__ import annotations

import gc
import tracemalloc
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from made import normal, parameter
from per_sample import assert_close, check_open_sum, one_hot_passes

import tinygrad_edu as tg
import tinygrad_edu.nn.functional as F
from tinygrad_edu import nn
from tinygrad_edu.engine.graph import Node

B = 5


X, LABELS = normal(B, 3), np.array([0, 2, 1, 1, 0])


def model() -> Any:
    tg.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 3)).double()


def losses_of(net: Any, x: Any = X, labels: Any = LABELS) -> Any:
    return F.cross_entropy(net(x), labels, reduction="none")


def links(tensor: Any) -> list[Any]:
    """Everything in a tensor's graph."""
    found, ready = {tensor.source}, [tensor.source]
    for link in ready:
        for source in link.inputs if isinstance(link, Node) else ():
            if source is not None and source not in found:
                found.add(source)
                ready.append(source)
    return ready


# Errors change nothing


class Broken(tg.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x * 2

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        raise ArithmeticError("this rule does not work")


@tg.primitive(vjps=(lambda g, out, x: 1 / 0,), name="broken_rule", samples=tg.sample_rules.elementwise)
def broken_rule(x: Any) -> Any:
    return x * 2


class BadOwners(tg.sample_rules.SampleRule):
    def ids_of(self, node: Node, ids: Any) -> Any:
        raise LookupError("this sample rule does not work")


@tg.primitive(vjps=(lambda g, out, x: g * 2,), name="broken_sample_rule", samples=BadOwners())
def broken_sample_rule(x: Any) -> Any:
    return x * 2


@pytest.mark.parametrize(
    ("op", "error"),
    [(Broken.apply, ArithmeticError), (broken_rule, ZeroDivisionError), (broken_sample_rule, LookupError)],
    ids=["Function", "rule", "sample rule"],
)
@pytest.mark.parametrize("keep", ["factors", "norms", "dense"])
def test_a_rule_that_raises_changes_nothing(op: Any, error: type[Exception], keep: Any) -> None:
    w, v = parameter(3, 2), parameter(2, seed=1)
    (X @ w @ v).backward(per_sample=True)
    before = [(p.grad.array.copy(), p.source.kept) for p in (w, v)]
    losses = op(X @ w) @ v  # v has had its gradient when the rule of w's side raises
    with pytest.raises(error):
        losses.backward(per_sample=True, keep=keep)
    for p, (grad, samples) in zip((w, v), before, strict=True):
        np.testing.assert_array_equal(p.grad.array, grad)
        assert p.source.kept is samples
    assert all(link.hooks is None for link in links(losses))


def test_coupled_samples_change_nothing_and_the_graph_can_still_be_walked() -> None:
    w = parameter(3, 2)
    hidden = X @ w
    losses = ((hidden - hidden.mean(0)) ** 3).sum(1)
    expected = one_hot_passes(losses, [w])[0]
    with pytest.raises(tg.SampleCouplingError, match="the samples are coupled by 'mean'") as caught:
        losses.backward(per_sample=True)
    assert caught.value.op == "mean"
    assert "test_opening_effects.py" in caught.value.where
    assert "losses = ((hidden - hidden.mean(0)) ** 3).sum(1)" in caught.value.where
    assert w.grad is None
    assert w.source.kept is None
    assert all(link.hooks is None for link in links(losses))
    losses.backward(per_sample=True, coupled=True)
    assert_close(w.sample_grads.materialize(), expected, "coupled=True")
    assert "samples coupled by mean" in w.sample_grads.cost().seeded


def test_a_saved_tensor_that_was_overwritten_is_an_error() -> None:
    w, x = parameter(3), tg.tensor(X)
    losses = (x @ w).tanh()
    x.mul_(2)
    with pytest.raises(tg.GraphError, match="overwritten in place"):
        losses.backward(per_sample=True)
    assert w.grad is None


@pytest.mark.parametrize("ask", ["norms", "gram", "cosine", "sum", "mean", "variance", "materialize", "shared_grad"])
def test_data_overwritten_after_the_pass_is_an_error(ask: str) -> None:
    """The factors are the arrays of the forward pass: reusing the batch's memory would change them."""
    w, x = parameter(3), tg.tensor(X)
    (x @ w).tanh().backward(per_sample=True)
    grads = w.sample_grads
    x[0] = 0.0
    for owner in (grads, w.sample_grads):
        with pytest.raises(tg.GraphError, match=r"was overwritten in place after the backward pass.*x\.clone\(\)"):
            owner.shared() if ask == "shared_grad" else getattr(owner, ask)()
    w.grad = None
    (x @ w).tanh().backward(per_sample=True)
    w.sample_grads.gram()


def test_a_step_of_the_optimizer_does_not_spoil_the_samples() -> None:
    net = model()
    losses_of(net).backward(per_sample=True)
    grads = net.sample_grads()
    norms, gram = grads.norms().array, grads.gram().array
    tg.optim.SGD(net.parameters(), lr=0.1).step(samples=1)
    np.testing.assert_array_equal(net.sample_grads().norms().array, norms)
    np.testing.assert_array_equal(net.sample_grads().gram().array, gram)


# Hooks


def test_hooks_stay_as_they_were() -> None:
    w, v = parameter(3, 2), parameter(2, seed=1)
    hidden = X @ w
    seen: list[str] = []
    hidden.register_hook(lambda g: seen.append("hidden"))
    w.register_hook(lambda g: seen.append("w"))
    handle = v.register_hook(lambda g: seen.append("v"))
    hidden.retain_grad()
    losses = hidden.tanh() @ v
    before = {link: list(link.hooks or ()) for link in links(losses)}
    losses.backward(per_sample=True, retain_graph=True)
    assert sorted(seen) == ["hidden", "v", "w"]
    assert_close(hidden.grad, (1 - np.tanh(X @ w.array) ** 2) * v.array, "retained")
    assert {link: list(link.hooks or ()) for link in links(losses)} == before
    handle.remove()
    losses.backward(per_sample=True)
    assert sorted(seen) == ["hidden", "hidden", "v", "w", "w"]


def test_a_hook_on_a_result_of_the_samples_changes_what_flows_on() -> None:
    w, v = parameter(3, 2), parameter(2, seed=1)

    def losses() -> Any:
        hidden = X @ w
        hidden.register_hook(lambda g: g * np.array([1.0, 10.0]))
        return hidden.tanh() @ v

    check_open_sum(losses, [w, v])


@pytest.mark.parametrize("where", ["parameter", "shared tensor", "after accumulation"])
def test_what_a_hook_makes_of_the_sum_is_beside_the_samples(where: str) -> None:
    """The hook of a parameter sees the sum, and may be anything: the samples are those before it."""
    net = nn.ParameterList([parameter(3, 2)])
    (w,) = net
    if where == "parameter":
        w.register_hook(lambda g: g * 10)
    elif where == "after accumulation":
        w.register_post_accumulate_grad_hook(lambda p: p.grad.mul_(10))
    matrix = w * 1.0
    if where == "shared tensor":
        matrix.register_hook(lambda g: g * 10)
    (X @ matrix).tanh().sum(1).backward(per_sample=True)
    d = 1 - np.tanh(X @ w.array) ** 2
    assert_close(w.sample_grads.materialize(), X[:, :, None] * d[:, None], "samples")
    assert_close(w.grad, 10 * (X.T @ d), ".grad")
    assert_close(w.shared_grad, 9 * (X.T @ d), "shared_grad")
    net.sample_grads().clip(1e-3)
    assert_close(w.shared_grad, 9 * (X.T @ d), "shared_grad, after clipping")
    assert_close(w.grad, w.sample_grads.weighted_sum(w.sample_grads.coefficients).array + 9 * (X.T @ d), "clipped")


def test_hooks_of_a_module_and_results_that_are_not_used() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(3, 2).double(), nn.Linear(3, 2).double()

        def forward(self, x: Any) -> Any:
            return self.first(x), self.second(x)

    w = parameter(3, 3)
    for used in ([0], [1], [0, 1]):
        net = Two()
        net.register_full_backward_hook(lambda module, before, after: None)
        check_open_sum(lambda: sum(net(X @ w)[i].tanh().sum(1) for i in used), [w, *net.parameters()])  # noqa: B023


# Modes


def test_under_no_grad() -> None:
    net = model()
    losses = losses_of(net)
    expected = one_hot_passes(losses, list(net.parameters()))
    with tg.no_grad():
        losses.backward(per_sample=True)
        norms = net.sample_grads().norms()
    assert not norms.requires_grad
    assert_close(norms, np.sqrt(sum((e.reshape(B, -1) ** 2).sum(1) for e in expected)), "norms")


def test_while_anomalies_are_looked_for() -> None:
    w, u = parameter(3, 2), parameter(2, 2, seed=1)
    with tg.detect_anomaly():
        check_open_sum(lambda: ((X @ w).tanh() @ (u.T @ u)[:, :1]).sum(1), [w, u])
        check_open_sum(lambda: tg.linalg.qr(w)[1][0, 0] * (X @ tg.linalg.qr(w)[0]).tanh().sum(1), [w])
        hidden = X @ w
        with pytest.raises(tg.SampleCouplingError, match="coupled by 'softmax'") as caught:
            tg.softmax(hidden, 0).sum(1).tanh().backward(per_sample=True)
    assert "test_opening_effects.py" in caught.value.where


def test_an_anomaly_in_the_pass_changes_nothing() -> None:
    w, v = parameter(3), parameter(3, seed=1)
    with tg.detect_anomaly():
        losses = (X @ v) * ((X * 0) @ w).abs().sqrt()  # at 0 the root has no finite derivative
        with pytest.raises(tg.AnomalyError, match="backward of sqrt"):
            losses.backward(per_sample=True)
    assert w.grad is None
    assert v.grad is None
    assert v.source.kept is None


# Batches of no sample and of one; float32


def test_a_batch_of_no_samples() -> None:
    net = model()
    losses_of(net, X[:0], LABELS[:0]).backward(per_sample=True)
    grads = net.sample_grads()
    assert grads.count == 0
    assert grads.norms().shape == (0,)
    assert grads.gram().shape == grads.cosine().shape == (0, 0)
    for p in net.parameters():
        assert p.sample_grads.materialize().shape == (0, *p.shape)
        assert list(p.sample_grads.materialize(block=2)) == []
        assert not p.grad.array.any()
        with pytest.raises(ValueError, match=r"mean\(\) of no samples"):
            p.sample_grads.mean()
        with pytest.raises(ValueError, match=r"variance\(unbiased=True\) of 0 samples: it needs at least 2"):
            p.sample_grads.variance()


def test_a_batch_of_one_sample() -> None:
    net = model()
    check_open_sum(lambda: losses_of(net, X[:1], LABELS[:1]), list(net.parameters()))
    w = net[0].weight
    assert_close(w.sample_grads[0], w.grad.array, "the one sample's gradient is .grad")
    with pytest.raises(ValueError, match=r"variance\(unbiased=True\) of 1 samples: it needs at least 2"):
        w.sample_grads.variance()


@pytest.mark.parametrize("shape", [(3, 0), (0,), (0, 2)])
def test_a_parameter_without_elements(shape: tuple[int, ...]) -> None:
    empty, w = parameter(*shape), parameter(3)
    ways: dict[tuple[int, ...], Callable[[], Any]] = {
        (3, 0): lambda: (X @ empty).sum(1),
        (0,): lambda: tg.einsum("bi,i->bi", X[:, :0], empty).sum(1),
        (0, 2): lambda: (X[:, :0] @ empty).sum(1),
    }
    check_open_sum(lambda: (X @ w).tanh() + ways[shape](), [empty, w])


def test_float32_is_close_to_float64() -> None:
    single, double = model().to(tg.float32), model()
    for net, x in ((single, X.astype(np.float32)), (double, X)):
        losses_of(net, x).backward(per_sample=True)
    for name, grads in single.sample_grads().items():
        wanted = double.sample_grads()[name]
        for ask in ("norms", "gram", "cosine", "sum", "mean", "variance", "materialize"):
            found = getattr(grads, ask)()
            assert found.dtype == tg.float32, ask
            assert_close(found, getattr(wanted, ask)().array, f"{name}: {ask}", 2e-6)


@pytest.mark.parametrize(
    "losses",
    [
        lambda out: F.cross_entropy(out, LABELS, reduction="none"),
        lambda out: F.cross_entropy(out, LABELS, reduction="none", weight=np.array([1.0, 2.0, 3.0])),
        lambda out: F.cross_entropy(out, LABELS, reduction="none", label_smoothing=0.1),
        lambda out: F.cross_entropy(out, LABELS, reduction="none", ignore_index=1),
        lambda out: F.nll_loss(tg.log_softmax(out, 1), LABELS, reduction="none"),
        lambda out: F.mse_loss(out, np.eye(3)[LABELS], reduction="none").sum(1),
        lambda out: F.binary_cross_entropy(out.sigmoid(), np.eye(3)[LABELS], reduction="none").mean(1),
        lambda out: F.smooth_l1_loss(out, np.eye(3)[LABELS], reduction="none").sum(1),
        lambda out: -tg.log_softmax(out, 1)[np.arange(B), LABELS],
        lambda out: -tg.log_softmax(out, 1).gather(1, tg.tensor(LABELS[:, None])).squeeze(1),
    ],
)
def test_losses_of_the_library(losses: Callable[[Any], Any]) -> None:
    net = model()
    check_open_sum(lambda: losses(net(X)), list(net.parameters()))


# Memory


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


def shared_by_all(w: Any, v: Any) -> Any:
    """A model with all ways to a parameter: direct, moved, and through ops that all samples share."""
    return ((tg.tensor(X) @ w).tanh() @ (v @ v.T) + tg.tensor(X) @ w[:, ::-1] @ v.T.tanh()).sum(1)


@pytest.mark.parametrize("options", [{}, {"keep": "norms"}, {"keep": "dense"}, {"retain_graph": True}])
def test_what_was_kept_is_let_go_of_with_the_gradient(no_collector: None, options: dict[str, Any]) -> None:
    w, v = parameter(3, 2), parameter(2, 2, seed=1)
    losses = shared_by_all(w, v)
    losses.backward(per_sample=True, **options)
    kept = [f for p in (w, v) for part in p.source.kept for f in part.factors or ()]
    references = [weakref.ref(part) for p in (w, v) for part in p.source.kept]
    references += [weakref.ref(factor.values[0]) for factor in kept]
    w.sample_grads.norms()
    w.grad = v.grad = None
    del losses, kept
    assert [r() for r in references] == [None] * len(references)


def test_nothing_of_the_graph_is_held_beside_the_factors(no_collector: None) -> None:
    w, v = parameter(3, 2), parameter(2, seed=1)
    hidden = X @ w
    bent = hidden.exp()
    losses = bent.tanh() @ v
    references = [weakref.ref(hidden.array), weakref.ref(bent.array)]
    losses.backward(per_sample=True, retain_graph=True)
    del hidden, bent, losses
    assert [r() for r in references] == [None, None]
    assert len(w.sample_grads) == B


def test_a_layer_that_is_dropped_goes_with_its_samples(no_collector: None) -> None:
    net = model()
    losses_of(net).backward(per_sample=True)
    references = [weakref.ref(part) for p in net.parameters() for part in p.source.kept]
    net.sample_grads().norms()
    del net
    assert [r() for r in references] == [None] * len(references)


def test_a_pass_that_may_be_differentiated_is_let_go_of_with_the_gradient(no_collector: None) -> None:
    w, v = parameter(3, 2), parameter(2, 2, seed=1)
    shared_by_all(w, v).backward(per_sample=True, create_graph=True)
    references = [weakref.ref(part) for p in (w, v) for part in p.source.kept]
    tg.autograd.grad(w.sample_grads.norms().sum() + v.sample_grads.norms().sum(), [w, v])
    w.grad = v.grad = None
    assert [r() for r in references] == [None] * len(references)


@pytest.mark.parametrize("keep", ["factors", "norms"])
def test_norms_take_hardly_more_memory_than_a_plain_pass(keep: Any) -> None:
    """5120-2560-1280 in float32, 32 samples: 62.5 MiB of gradients, and 2000 MiB if they were written out."""
    shapes = [(5120, 2560), (2560,), (2560, 1280), (1280,)]
    parameters = [tg.zeros(*shape, requires_grad=True) for shape in shapes]
    w, b, v, c = parameters

    def peak(ask: bool, **options: Any) -> float:
        """The most that a backward pass and the norms held at once, in MiB."""
        for p in parameters:
            p.grad = None
        losses = ((tg.ones(32, 5120) @ w + b).tanh() @ v + c).sum(1)
        gc.collect()
        tracemalloc.start()
        losses.backward(**options)
        if ask:
            assert sum((p.sample_grads.norms() ** 2).sum().item() for p in parameters) > 0
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most / 2**20

    peak(True, per_sample=True, keep=keep)  # the first time, code is loaded
    plain = peak(False)
    assert 62.5 < plain < 63
    assert peak(True, per_sample=True, keep=keep) < plain + 1
    w.grad = None
    ((tg.ones(32, 5120) @ w).sum(1)).backward(per_sample=True, keep=keep)
    assert w.sample_grads.cost().dense_bytes == 32 * 5120 * 2560 * 4
