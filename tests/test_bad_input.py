"""Bad input, from end to end: each kind once, in the middle of training.

What is asked for is the same each time. The error is of a kind that people catch, its message says what was
expected, what came and what to do, and nothing has changed: numbers, gradients, the optimizer's memory, the
random generator, the mode. The details of each message are tested beside the code that writes it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from made import normal

import tinygrad_edu as tg
from tinygrad_edu import data, nn, optim
from tinygrad_edu.errors import DtypeError, GraphError, ShapeError, StateError
from tinygrad_edu.nn import functional as F

X = normal(6, 4).astype(np.float32)
Y = np.array([0, 1, 2, 0, 1, 2])


class Reader(nn.Module):
    """A model with a part inside a part, so that messages can name a path."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(5, 4)
        self.net = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        return self.net(x)  # type: ignore[no-any-return]


class Run:
    """A training run after its second backward pass: there are gradients, and moments in the optimizer."""

    def __init__(self) -> None:
        tg.manual_seed(0)
        self.model = Reader()
        self.optimizer = optim.Adam(self.model.parameters(), lr=0.01)
        self.x, self.y = tg.tensor(X), tg.tensor(Y)
        self.go_on()
        F.cross_entropy(self.model(self.x), self.y).backward()

    def go_on(self) -> None:
        self.optimizer.zero_grad()
        F.cross_entropy(self.model(self.x), self.y).backward()
        self.optimizer.step(samples=6)

    def everything(self) -> dict[str, Any]:
        """Copies of all that could change."""
        named = dict(self.model.named_parameters())
        memory = self.optimizer.state_dict()
        return {
            "numbers": {name: p.detach().numpy().copy() for name, p in named.items()},
            "gradients": {name: None if p.grad is None else p.grad.numpy().copy() for name, p in named.items()},
            "memory": {
                (key, name): np.array(value.numpy() if isinstance(value, tg.Tensor) else value)
                for key, entry in memory["state"].items()
                for name, value in entry.items()
            },
            "options": str(memory["param_groups"]),
            "requires_grad": [p.requires_grad for p in named.values()],
            "training": [m.training for m in self.model.modules()],
            "recording": tg.is_grad_enabled(),
            "generator": str(tg.get_rng_state()) if hasattr(tg, "get_rng_state") else None,
            "input": (self.x.numpy().copy(), self.y.numpy().copy()),
        }

    @contextlib.contextmanager
    def refuses(self, kind: type[Exception], *said: str) -> Iterator[None]:
        """Expect an error whose message says all of `said`, and see that nothing has changed."""
        before = self.everything()
        with pytest.raises(kind) as caught:
            yield
        message = str(caught.value)
        for words in said:
            assert words in message
        np.testing.assert_equal(self.everything(), before)


@pytest.fixture
def run() -> Iterator[Run]:
    """A run; after the test it must train as one does to which nothing has happened."""
    one, other = Run(), Run()
    yield one
    one.go_on()
    other.go_on()
    np.testing.assert_equal(one.everything()["numbers"], other.everything()["numbers"])


def test_the_snapshot_sees_a_change(run: Run) -> None:
    other = Run()
    np.testing.assert_equal(other.everything(), run.everything())
    other.go_on()
    with pytest.raises(AssertionError):
        np.testing.assert_equal(other.everything(), run.everything())


class TestShapes:
    """Wrong shapes."""

    def test_input_of_a_layer(self, run: Run) -> None:
        with run.refuses(ShapeError, "Linear 'net.0' expects (*, 4), got (6, 3): axis -1 is 3. Set in_features=3?"):
            run.model(run.x[:, :3])

    def test_operands(self, run: Run) -> None:
        with run.refuses(ShapeError, "add(float32[6, 4], float32[6])", "axis -1 is 4 against 6", "x[:, None]"):
            run.x + run.x[:, 0]
        with run.refuses(ShapeError, "matmul: shapes (6, 4) and (6, 4)", "axis -1 of the first is 4", "Transpose one?"):
            run.x @ run.x

    def test_target(self, run: Run) -> None:
        scores = run.model(run.x)
        with run.refuses(ShapeError, "cross_entropy", "target must have the shape (6,), got (6, 1)", "squeeze(-1)"):
            F.cross_entropy(scores, run.y[:, None])
        with run.refuses(ShapeError, "mse_loss: input has shape (6, 1), target (6,)", "input.squeeze(-1)"):
            F.mse_loss(scores[:, :1], run.x[:, 0])

    def test_in_place_value_and_gradient(self, run: Run) -> None:
        weight = run.model.net[0].weight
        with run.refuses(ShapeError, "(8, 4)", "(4, 8)"), tg.no_grad():
            weight += tg.ones(4, 8)
        with run.refuses(ShapeError, "setting .grad: the gradient has shape (4, 8), the tensor (8, 4)"):
            weight.grad = tg.ones(4, 8)
        with run.refuses(ShapeError, "gradient has shape (5,), the tensor (6, 3)"):
            run.model(run.x).backward(tg.ones(5))

    def test_samples_of_unequal_size(self, run: Run) -> None:
        with run.refuses(ShapeError, "sample 0 has shape (4,), sample 1 of the batch has (3,)", "collate_fn="):
            list(data.DataLoader([run.x[0], run.x[1, :3]], batch_size=2, generator=tg.Generator()))
        with run.refuses(ShapeError, "TensorDataset", "first sizes 6, 5"):
            data.TensorDataset(run.x, run.y[:5])


class TestDtypes:
    """Wrong dtypes."""

    def test_input(self, run: Run) -> None:
        with run.refuses(DtypeError, "Embedding takes integer indices, got dtype float32: use .long()"):
            run.model.embed(run.x)
        with run.refuses(DtypeError, "cross_entropy: input has dtype int64", "use .float()"):
            F.cross_entropy(run.model(run.x).long(), run.y)
        with run.refuses(DtypeError, "linear([[1.0, 2.0, 3.0, 4.0]]", "a list is not a tensor: wrap it in tg.tensor"):
            run.model([[1.0, 2.0, 3.0, 4.0]])

    def test_data(self, run: Run) -> None:
        with run.refuses(DtypeError, "a tensor holds real numbers or booleans, got dtype"):
            tg.tensor("seven")
        with run.refuses(DtypeError, "'flaot32' names no dtype"):
            run.x.to(dtype="flaot32")
        with run.refuses(TypeError, "sample 0 is the number 1, sample 1 of the batch is a str"):
            list(data.DataLoader([1, "two"], batch_size=2, generator=tg.Generator()))

    def test_operand(self, run: Run) -> None:
        with run.refuses(DtypeError, "add(float32[6, 4], 'one')", "not defined for these types"):
            run.x + "one"

    def test_state(self, run: Run) -> None:
        state = {**run.model.state_dict(), "net.0.bias": np.ones(8, dtype=complex)}
        with run.refuses(StateError, "net.0.bias: dtype complex128 in the state_dict, float32 in the module"):
            run.model.load_state_dict(state)


def test_integers_that_require_grad(run: Run) -> None:
    advice = "only floating-point tensors can require a gradient", "Make it one with .float() or dtype=tg.float32"
    with run.refuses(DtypeError, "shape (2,) has dtype int64", *advice):
        tg.tensor([1, 2], requires_grad=True)
    with run.refuses(DtypeError, "shape (6,) has dtype int64", *advice):
        run.y.requires_grad_()
    assert not run.y.requires_grad
    with run.refuses(DtypeError, "zeros", "int64", *advice):
        tg.zeros(2, dtype=tg.int64, requires_grad=True)
    with run.refuses(DtypeError, "Parameter of shape (2,) has dtype int64", "requires_grad=False for a constant"):
        nn.Parameter(tg.tensor([1, 2]))
    with run.refuses(DtypeError, "SGD, group 0: parameter 0 has dtype int64", *advice):
        optim.SGD([tg.tensor([1, 2])], lr=0.1)


LOSSES: list[tuple[Callable[..., Any], type[nn.Module]]] = [
    (F.mse_loss, nn.MSELoss),
    (F.l1_loss, nn.L1Loss),
    (F.smooth_l1_loss, nn.SmoothL1Loss),
    (F.cross_entropy, nn.CrossEntropyLoss),
    (F.nll_loss, nn.NLLLoss),
    (F.binary_cross_entropy, nn.BCELoss),
    (F.binary_cross_entropy_with_logits, nn.BCEWithLogitsLoss),
    (F.kl_div, nn.KLDivLoss),
]


@pytest.mark.parametrize(("function", "module"), LOSSES)
def test_unknown_reductions(run: Run, function: Callable[..., Any], module: type[nn.Module]) -> None:
    known = "use one of 'sum', 'mean', 'none'"
    with run.refuses(ValueError, f"{function.__name__}: unknown reduction 'average': {known}"):
        function(run.x.sigmoid(), run.x.sigmoid(), reduction="average")
    with run.refuses(ValueError, f"{module.__name__}: unknown reduction 'average': {known}"):
        module(reduction="average")


class TestTargetsOutOfRange:
    """Targets, indices and probabilities that cannot be."""

    @pytest.mark.parametrize(("wrong", "at"), [(3, 2), (-1, 0)])
    def test_classes(self, run: Run, wrong: int, at: int) -> None:
        targets = run.y.clone()
        targets[at] = wrong
        said = f"target[{at}] is {wrong}", "(6, 3) has 3 classes", "from 0 to 2"
        with run.refuses(IndexError, "cross_entropy", *said):
            F.cross_entropy(run.model(run.x), targets)
        with run.refuses(IndexError, "nll_loss", *said):
            F.nll_loss(run.model(run.x).log_softmax(1), targets)

    @pytest.mark.parametrize("wrong", [1.5, -1.0, np.nan])
    def test_yes_or_no(self, run: Run, wrong: float) -> None:
        scores = run.model(run.x)[:, 0]
        targets = tg.tensor([0.0, 1.0, wrong, 0.0, 1.0, 1.0])
        said = f"target[2] is {wrong}, which is not a probability"
        with run.refuses(ValueError, "binary_cross_entropy:", said):
            F.binary_cross_entropy(scores.sigmoid(), targets)
        with run.refuses(ValueError, "binary_cross_entropy_with_logits:", said):
            F.binary_cross_entropy_with_logits(scores, targets)

    def test_indices(self, run: Run) -> None:
        with run.refuses(IndexError, "num_embeddings=5, so indices go from 0 to 4", "index[1] is 5"):
            run.model.embed(tg.tensor([0, 5]))
        with run.refuses(ValueError, "one_hot: the index at [1] is 3, with num_classes=3"):
            F.one_hot(tg.tensor([0, 3]), 3)
        with run.refuses(IndexError, "getitem(float32[6, 4], 6)", "out of bounds for axis 0 with size 6"):
            run.x[6]


class TestEmptyBatches:
    """No samples: a sum is 0, a mean does not exist."""

    @pytest.mark.parametrize("function", [function for function, _ in LOSSES])
    def test_losses(self, run: Run, function: Callable[..., Any]) -> None:
        scores = run.model(run.x[:0])
        targets = run.y[:0] if function in (F.cross_entropy, F.nll_loss) else tg.zeros(0, 3)
        scores = scores.sigmoid() if function is F.binary_cross_entropy else scores
        assert function(scores, targets).item() == 0.0
        said = "reduction='mean' divides by zero: the batch is empty", "Skip such a batch, or use reduction='sum'"
        with run.refuses(ValueError, function.__name__, *said):
            function(scores, targets, reduction="mean")

    def test_every_target_ignored(self, run: Run) -> None:
        with run.refuses(ValueError, "divides by zero: every target is ignore_index"):
            F.cross_entropy(run.model(run.x), tg.full((6,), -100), reduction="mean")

    @pytest.mark.parametrize(
        ("samples", "said"),
        [
            (0, "must be positive. An empty batch has no mean: skip the step"),
            (-1, "must be positive"),
            (float("nan"), "a finite number, got nan"),
            (float("inf"), "a finite number, got inf"),
        ],
    )
    def test_step(self, run: Run, samples: float, said: str) -> None:
        with run.refuses(ValueError, f"Adam.step(samples={samples})", said):
            run.optimizer.step(samples=samples)

    def test_an_empty_batch_adds_nothing(self, run: Run) -> None:
        before = run.everything()
        F.cross_entropy(run.model(run.x[:0]), run.y[:0]).backward()
        np.testing.assert_equal(run.everything(), before)
        assert list(data.DataLoader(data.TensorDataset(run.x[:0]), batch_size=2, generator=tg.Generator())) == []

    def test_no_element_to_choose(self, run: Run) -> None:
        with run.refuses(ShapeError, "no element to choose from", "(0, 4)", "Skip empty input"):
            run.x[:0].max()


class TestLearningRates:
    """NaN learning rates, and others that make no step."""

    @pytest.mark.parametrize("lr", [float("nan"), float("inf"), -0.1, "fast", None])
    @pytest.mark.parametrize("kind", [optim.SGD, optim.Adam, optim.AdamW, optim.RMSprop, optim.Adagrad, optim.LBFGS])
    def test_at_the_start(self, run: Run, kind: Callable[..., Any], lr: Any) -> None:
        with run.refuses(ValueError, f"lr={lr!r}: the learning rate must be a finite number >= 0"):
            kind(run.model.parameters(), lr=lr)

    def test_later(self, run: Run) -> None:
        run.optimizer.param_groups[0]["lr"] = float("nan")
        with run.refuses(ValueError, "the learning rate of group 0 is nan", "No parameter was changed"):
            run.optimizer.step()
        run.optimizer.param_groups[0]["lr"] = 0.01

    def test_of_a_second_group(self, run: Run) -> None:
        with run.refuses(ValueError, "Adam, group 1", "lr=nan"):
            run.optimizer.add_param_group({"params": tg.ones(1, requires_grad=True), "lr": float("nan")})

    def test_a_count_in_the_place_of_the_closure(self, run: Run) -> None:
        with run.refuses(TypeError, "Adam.step(6): the first argument is a closure", "write step(samples=6)"):
            run.optimizer.step(6)  # type: ignore[arg-type]


class TestStates:
    """Wrong keys and shapes: nothing is loaded, not even what fits."""

    def test_keys(self, run: Run) -> None:
        state = {name: value + 1 for name, value in run.model.state_dict().items()}
        state["net.0.wieght"] = state.pop("net.0.weight")
        with run.refuses(
            StateError,
            "load_state_dict() into Reader: the state_dict does not fit, and nothing was loaded",
            "missing keys: 'net.0.weight'",
            "unexpected keys: 'net.0.wieght'",
            "strict=False",
        ):
            run.model.load_state_dict(state)

    @pytest.mark.parametrize("strict", [True, False])
    def test_shapes(self, run: Run, strict: bool) -> None:
        state = {name: value + 1 for name, value in run.model.state_dict().items()}
        state["net.2.weight"] = tg.zeros(3, 9)
        with run.refuses(
            StateError, "nothing was loaded", "net.2.weight: shape (3, 9) in the state_dict, (3, 8) in the module"
        ):
            run.model.load_state_dict(state, strict)

    def test_of_an_optimizer(self, run: Run) -> None:
        other = optim.Adam(run.model.net.parameters(), lr=0.5)
        with run.refuses(ValueError, "[5] parameters, those of the state [4]", "same groups before loading"):
            run.optimizer.load_state_dict(other.state_dict())
        state = run.optimizer.state_dict()
        state["state"][1]["exp_avg"] = tg.zeros(7)
        with run.refuses(ShapeError, "exp_avg", "(7,)", "nothing was loaded"):
            run.optimizer.load_state_dict(state)


class TestGraphs:
    """A second backward, an overwritten tensor, a graph that is not there."""

    def test_a_second_backward(self, run: Run) -> None:
        loss = F.cross_entropy(run.model(run.x), run.y)
        tg.autograd.grad(loss, run.model.net[0].weight)
        with run.refuses(GraphError, "a second time", "Pass retain_graph=True to the first backward()"):
            loss.backward()

    def test_an_overwritten_tensor(self, run: Run) -> None:
        hidden = run.model.net[:2](run.x)
        kept = hidden.detach()
        loss = F.cross_entropy(run.model.net[2](hidden), run.y)
        kept[0, 0] = 5.0  # the same memory
        with run.refuses(GraphError, "saved", "of shape (6, 8)", "overwritten in place", "Change a copy (x.clone())"):
            loss.backward()

    def test_a_step_between_forward_and_backward(self, run: Run) -> None:
        twin = Run()
        loss = F.cross_entropy(twin.model(twin.x), twin.y)
        twin.optimizer.step(samples=6)
        with twin.refuses(GraphError, "overwritten in place"):
            loss.backward()

    def test_nothing_that_requires_a_gradient(self, run: Run) -> None:
        with tg.no_grad():
            loss = F.cross_entropy(run.model(run.x), run.y)
        with run.refuses(GraphError, "shape () does not require a gradient", "look for no_grad() or detach()"):
            loss.backward()

    def test_a_leaf_changed_where_it_is_recorded(self, run: Run) -> None:
        weight = run.model.net[0].weight
        with run.refuses(GraphError, "+= on a leaf of shape (8, 4)", "with tg.no_grad():"):
            weight += 1.0


class TestNumPy:
    """NumPy's functions on a Tensor that this library does not have."""

    def test_functions(self, run: Run) -> None:
        way_out = "t.detach().numpy(), which gives no gradient"
        with run.refuses(TypeError, "np.unwrap of a Tensor is not supported", way_out):
            np.unwrap(run.x)
        with run.refuses(TypeError, "np.fft.fft of a Tensor is not supported", way_out):
            np.fft.fft(run.x)  # type: ignore[call-overload]
        with run.refuses(TypeError, "np.spacing of a Tensor is not supported", way_out):
            np.spacing(run.x)
        with run.refuses(TypeError, "np.add.accumulate of a Tensor is not supported", way_out):
            np.add.accumulate(run.x)

    def test_an_array_that_would_lose_the_gradient(self, run: Run) -> None:
        with run.refuses(GraphError, "use t.detach().numpy()"):
            np.asarray(run.model.net[0].weight)
