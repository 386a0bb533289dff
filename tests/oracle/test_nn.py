"""The modules against PyTorch's: values, gradients by inputs and by parameters, and what they look like."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from twins import Call, close, compare, numbers, twins

import tinygrad_edu as tg
from tinygrad_edu import nn

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.oracle


@pytest.mark.parametrize("shape", [(4, 3), (3,), (2, 4, 3), (0, 3)])
@pytest.mark.parametrize("bias", [True, False])
def test_linear(bias: bool, shape: tuple[int, ...]) -> None:
    compare(*twins("Linear", 3, 2, bias=bias), numbers(*shape))


def test_bilinear() -> None:
    compare(*twins("Bilinear", 3, 4, 2), numbers(5, 3), numbers(5, 4, seed=1))


@pytest.mark.parametrize("padding_idx", [None, 0, 2, -1])
def test_embedding(padding_idx: int | None) -> None:
    compare(*twins("Embedding", 5, 3, padding_idx=padding_idx), np.array([[0, 2, 2], [4, 0, 1]]))


@pytest.mark.parametrize("shape", [(4, 6), (2, 3, 6), (6,)])
@pytest.mark.parametrize("options", [{}, {"eps": 0.3}, {"bias": False}, {"elementwise_affine": False}])
def test_layer_norm(options: dict[str, Any], shape: tuple[int, ...]) -> None:
    compare(*twins("LayerNorm", 6, **options), numbers(*shape))


def test_layer_norm_over_two_axes() -> None:
    compare(*twins("LayerNorm", (3, 2)), numbers(4, 3, 2))


@pytest.mark.parametrize("options", [{}, {"eps": 0.3}, {"elementwise_affine": False}])
def test_rms_norm(options: dict[str, Any]) -> None:
    compare(*twins("RMSNorm", 6, **options), numbers(4, 6))


ACTIVATIONS: list[tuple[str, dict[str, Any]]] = [
    ("ReLU", {}),
    ("ReLU6", {}),
    ("LeakyReLU", {"negative_slope": 0.2}),
    ("ELU", {"alpha": 1.3}),
    ("SELU", {}),
    ("CELU", {"alpha": 2.0}),  # PyTorch rounds 1 / alpha to float32
    ("GELU", {}),
    ("GELU", {"approximate": "tanh"}),
    ("SiLU", {}),
    ("Mish", {}),
    ("Sigmoid", {}),
    ("LogSigmoid", {}),
    ("Tanh", {}),
    ("Softplus", {"beta": 2.0, "threshold": 5.0}),
    ("Softmax", {"dim": 1}),
    ("Softmax", {"dim": 0}),
    ("LogSoftmax", {"dim": -1}),
    ("Softmin", {"dim": 1}),
    ("Softsign", {}),
    ("Hardtanh", {"min_val": -0.5, "max_val": 2.0}),
    ("Hardsigmoid", {}),
    ("Hardswish", {}),
    ("Hardshrink", {"lambd": 0.7}),
    ("Softshrink", {"lambd": 0.7}),
    ("Tanhshrink", {}),
    ("Threshold", {"threshold": 0.4, "value": -7.0}),
    ("GLU", {"dim": 1}),
    ("GLU", {"dim": 0}),
    ("PReLU", {}),
    ("PReLU", {"num_parameters": 6}),
]


@pytest.mark.parametrize(("name", "options"), ACTIVATIONS)
def test_activation(name: str, options: dict[str, Any]) -> None:
    ours, theirs = twins(name, **options)
    if name == "Hardsigmoid":  # PyTorch rounds its 1 / 6 to float32
        x = numbers(4, 6)
        np.testing.assert_allclose(ours(tg.tensor(x)).numpy(), theirs(torch.tensor(x)).numpy(), atol=1e-7)
    else:
        compare(ours, theirs, numbers(4, 6))


@pytest.mark.parametrize("name", ["relu", "relu6", "elu", "selu", "celu", "silu", "mish", "hardtanh", "hardsigmoid"])
def test_functions_take_inplace(name: str) -> None:
    x = numbers(5)
    tensor = tg.tensor(x)
    close(getattr(nn.functional, name)(tensor, inplace=True), getattr(torch.nn.functional, name)(torch.tensor(x)))
    assert (tensor.numpy() == x).all()


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("Linear", (4, 8)),
        ("Linear", (4, 8, False)),
        ("Bilinear", (2, 3, 4)),
        ("Embedding", (5, 3)),
        ("Embedding", (5, 3, 0)),
        ("Dropout", (0.25,)),
        ("Flatten", ()),
        ("Unflatten", (1, (2, 3))),
        ("Identity", ()),
        ("RMSNorm", (4,)),
        ("LayerNorm", (4,)),
        ("LayerNorm", ((2, 4), 1e-3, True, False)),
        ("ReLU", (True,)),
        ("ELU", (1.0, True)),
        *[(name, tuple(options.values())) for name, options in ACTIVATIONS if name not in ("Softplus", "PReLU", "GLU")],
    ],
)
def test_text_is_pytorchs(name: str, args: tuple[Any, ...]) -> None:
    ours, theirs = repr(getattr(nn, name)(*args)), repr(getattr(torch.nn, name)(*args))
    if name in ("Hardshrink", "Softshrink", "GLU"):
        theirs = theirs.replace("(", "(lambd=")
    assert ours.replace(" ", "") == theirs.replace(" ", "")


def test_text_of_a_model_is_pytorchs() -> None:
    def model(library: Any) -> Any:
        block = library.Sequential(library.Linear(2, 2), library.Tanh())
        return library.Sequential(block, library.ModuleList([library.ReLU(), library.ReLU(), library.Tanh()]))

    assert repr(model(nn)) == repr(model(torch.nn))


def test_state_dict_has_pytorchs_keys() -> None:
    def model(library: Any) -> Any:
        net = library.Sequential(library.Linear(2, 3), library.LayerNorm(3), library.Embedding(4, 2))
        net.add_module("heads", library.ModuleDict({"a": library.Linear(3, 1, bias=False), "b": library.PReLU()}))
        return net

    ours, theirs = model(nn), model(torch.nn)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict({name: value.numpy() for name, value in theirs.state_dict().items()})
    for name, value in ours.state_dict().items():
        assert (value.numpy() == theirs.state_dict()[name].numpy()).all()


def test_whole_model() -> None:
    def model(library: Any) -> Any:
        return library.Sequential(
            library.Flatten(),
            library.Linear(6, 8),
            library.LayerNorm(8),
            library.GELU(),
            library.Dropout(0.5),
            library.Linear(8, 3),
        )

    ours, theirs = model(nn).double().eval(), model(torch.nn).double().eval()
    theirs.load_state_dict({name: torch.tensor(value.numpy()) for name, value in ours.state_dict().items()})
    compare(ours, theirs, numbers(5, 2, 3))


@pytest.mark.parametrize(
    ("mode", "widths", "shape"),
    [
        *[("constant", widths, (2, 3, 4, 5)) for widths in [(1, 2), (1, 0, 2, 1), (-1, 2), (0, 0, 1, 1, 2, 2)]],
        *[(mode, (1, 2), (3, 4, 5)) for mode in ("reflect", "replicate", "circular")],
        *[(mode, (1, 0, 2, 1), (2, 3, 4, 5)) for mode in ("reflect", "replicate", "circular")],
        *[(mode, (2, -3), (3, 4, 5)) for mode in ("constant", "reflect", "replicate", "circular")],
        *[(mode, (-1, 2, 2, -2), (2, 3, 4, 5)) for mode in ("constant", "reflect", "replicate", "circular")],
    ],
)
def test_pad(mode: str, widths: tuple[int, ...], shape: tuple[int, ...]) -> None:
    x = numbers(*shape)
    tensor, other = tg.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    out, expected = nn.functional.pad(tensor, widths, mode), torch.nn.functional.pad(other, widths, mode)
    close(out, expected)
    seed = numbers(*out.shape, seed=2)
    out.backward(seed)
    expected.backward(torch.tensor(seed))
    close(tensor.grad, other.grad)


@pytest.mark.parametrize(
    ("name", "options", "inputs"),
    [
        ("normalize", {}, 1),
        ("normalize", {"p": 1.0, "dim": 0}, 1),
        ("cosine_similarity", {}, 2),
        ("cosine_similarity", {"dim": 0}, 2),
        ("pairwise_distance", {}, 2),
        ("pairwise_distance", {"p": 1.0, "keepdim": True}, 2),
        ("layer_norm", {"normalized_shape": (4,)}, 1),
        ("rms_norm", {"normalized_shape": (4,)}, 1),
    ],
)
def test_function(name: str, options: dict[str, Any], inputs: int) -> None:
    arrays = [numbers(3, 4, seed=i) for i in range(inputs)]
    compare(Call(getattr(nn.functional, name), options), Call(getattr(torch.nn.functional, name), options), *arrays)


@pytest.mark.parametrize("norm_type", [1.0, 2.0, 3.0, float("inf")])
@pytest.mark.parametrize("max_norm", [0.5, 100.0])
def test_clip_grad_norm(max_norm: float, norm_type: float) -> None:
    ours, theirs = twins("Linear", 4, 3)
    compare(ours, theirs, numbers(5, 4))
    total = nn.utils.clip_grad_norm_(ours.parameters(), max_norm, norm_type)
    expected = torch.nn.utils.clip_grad_norm_(theirs.parameters(), max_norm, norm_type)
    close(total, expected)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        close(p.grad, q.grad)


@pytest.mark.parametrize(
    "name", ["linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu", "selu", "conv_transpose1d"]
)
def test_gain(name: str) -> None:
    assert nn.init.calculate_gain(name) == pytest.approx(torch.nn.init.calculate_gain(name), rel=1e-15)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("xavier_uniform_", {"gain": 2.0}),
        ("xavier_normal_", {}),
        ("kaiming_uniform_", {"a": 0.5}),
        ("kaiming_uniform_", {"mode": "fan_out", "nonlinearity": "relu"}),
        ("kaiming_normal_", {"mode": "fan_out"}),
        ("trunc_normal_", {"mean": 1.0, "std": 2.0, "a": 0.0, "b": 2.5}),
        ("trunc_normal_", {"mean": 0.0, "std": 1.0, "a": 2.0, "b": 4.0}),
        ("normal_", {"mean": 0.5, "std": 2.0}),
        ("uniform_", {"a": -1.0, "b": 3.0}),
    ],
)
def test_starting_values_are_distributed_as_pytorchs(name: str, options: dict[str, Any]) -> None:
    torch.manual_seed(0)
    ours = np.sort(getattr(nn.init, name)(tg.zeros(60, 80, 5), **options).numpy().ravel())
    theirs = np.sort(getattr(torch.nn.init, name)(torch.zeros(60, 80, 5), **options).numpy().ravel())
    scale = theirs.std()
    middle = slice(len(ours) // 50, -(len(ours) // 50))  # the extremes of a normal sample vary
    np.testing.assert_allclose(ours[middle] / scale, theirs[middle] / scale, atol=0.08)
    assert ours.std() == pytest.approx(scale, rel=0.02)


@pytest.mark.parametrize("name", ["Linear", "Bilinear"])
def test_layers_start_as_pytorchs(name: str) -> None:
    sizes = (64, 500) if name == "Linear" else (16, 9, 500)
    ours, theirs = getattr(nn, name)(*sizes), getattr(torch.nn, name)(*sizes)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert float(p.detach().abs().max()) == pytest.approx(float(q.detach().abs().max()), rel=0.02)
        assert p.array.std() == pytest.approx(float(q.detach().std()), rel=0.1)


@pytest.mark.parametrize("dim", [0, 1, 2, -1, -2])
def test_cosines_after_broadcasting(dim: int) -> None:
    ours, theirs = nn.functional.cosine_similarity, torch.nn.functional.cosine_similarity
    for shapes in [((1, 2, 3), (2, 1, 3)), ((3,), (2, 2, 3)), ((2, 2, 1), (2, 2, 3))]:
        arrays = [numbers(*shape, seed=i) for i, shape in enumerate(shapes)]
        compare(Call(ours, {"dim": dim}), Call(theirs, {"dim": dim}), *arrays)
