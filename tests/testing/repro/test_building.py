"""building: modules made anew in a program."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.testing.repro.building import instance_of, made_of_nothing, plan_for
from tinygrad_edu.testing.repro.program import Program


class Plain(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(2, 2)

    def forward(self, x: Any) -> Any:
        return self.inner(x)


class Sized(nn.Module):
    """Keeps its arguments under their names, in its way."""

    def __init__(self, width: int, depth: int = 2, *, act: Any = tg.tanh, eps: float = 1e-5) -> None:
        super().__init__()
        self.width, self._depth, self.act, self.eps = width, depth, act, eps
        self.layers = nn.ModuleList([nn.Linear(width, width) for _ in range(depth)])


class Around(nn.Module):
    """Takes another module, and anything else, which it leaves out."""

    def __init__(self, inner: nn.Module, *rest: Any, **more: Any) -> None:
        super().__init__()
        self.inner = inner


class Forgetful(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(tg.ones(width))


class Misleading(nn.Module):
    """Its attribute is not its argument."""

    def __init__(self, width: int = 3) -> None:
        super().__init__()
        self.width = 2 * width
        self.weight = nn.Parameter(tg.ones(self.width))


class Counts(Plain):
    def __init__(self) -> None:
        super().__init__()
        self.calls = 0


class Raises(nn.Module):
    made = 0

    def __init__(self) -> None:
        super().__init__()
        Raises.made += 1
        if Raises.made > 1:
            raise RuntimeError("only one")


HELD = Forgetful(3)


def text_of(module: nn.Module) -> str | None:
    plan = plan_for(module)
    return None if plan is None else plan.text(Program())


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (Plain, "Plain()"),
        (lambda: Sized(2), "Sized(2)"),
        (lambda: Sized(2, 3, eps=0.5), "Sized(2, depth=3, eps=0.5)"),
        (lambda: Sized(2, act=tg.sin), "Sized(2, act=tg.sin)"),
        (lambda: Around(nn.Tanh()), "Around(tg.nn.Tanh())"),
        (lambda: Around(Around(Plain()), 3, key=4), "Around(Around(Plain()))"),
        (lambda: nn.Sequential(nn.Tanh(), Plain()), "tg.nn.Sequential(tg.nn.Tanh(), Plain())"),
        (lambda: Misleading(3), "Misleading()"),
    ],
)
def test_classes_that_can_be_imported(make: Any, text: str) -> None:
    module, program = make(), Program()
    program.bind("model", module)
    assert text_of(module) == text
    assert f"model = {text}\n" in program.text()
    scope: dict[str, Any] = {"__name__": "elsewhere"}
    exec(compile(program.text(), "<program>", "exec", dont_inherit=True), scope)
    made = scope["model"]
    assert type(made) is type(module)
    for name, value in module.state_dict().items():
        np.testing.assert_array_equal(made.state_dict()[name].array, value.array)


def changed(module: Any, **attributes: Any) -> Any:
    for name, value in attributes.items():
        setattr(module, name, value)
    return module


class Local:
    class Inner(Plain):
        pass


def local() -> nn.Module:
    class Here(Plain):
        pass

    return Here()


@pytest.mark.parametrize(
    "make",
    [
        lambda: Forgetful(4),
        lambda: Misleading(2),
        lambda: changed(Counts(), calls=3),
        lambda: changed(Plain(), inner=nn.Linear(2, 3)),
        lambda: changed(Plain(), inner=nn.Sequential(nn.Linear(2, 2))),
        lambda: changed(Plain(), extra=1),
        lambda: Around(local()),
        lambda: nn.Sequential(nn.Tanh(), local()),
        local,
        Raises,
    ],
    ids=[
        "argument",
        "other",
        "state",
        "shape",
        "part",
        "attribute",
        "local part",
        "in a Sequential",
        "local",
        "raises",
    ],
)
def test_what_would_not_be_the_same_is_not_made(make: Any) -> None:
    assert plan_for(make()) is None


def test_hooks_cannot_be_made() -> None:
    module = nn.Linear(2, 2)
    handle = module.register_forward_hook(lambda module, args, out: out * 2)
    assert plan_for(module) is None
    handle.remove()
    assert plan_for(module) is not None


def test_a_class_within_a_class() -> None:
    program = Program()
    program.bind("model", Local.Inner())
    assert "from" in program.text()
    assert "Inner = Local.Inner\n" in program.text()
    assert "model = Inner()\n" in program.text()


def test_an_instance_that_can_be_imported() -> None:
    assert instance_of(HELD) == (__name__, "HELD")
    assert instance_of(Forgetful(3)) is None
    program = Program()
    program.bind("model", HELD)
    assert f"from {__name__} import HELD as model\n" in program.text()
    assert "model = copy.deepcopy(model)\nmodel.load_state_dict({\n" in program.text()


def test_a_large_instance_that_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    large = Forgetful(100)
    monkeypatch.setattr(sys.modules[__name__], "LARGE", large, raising=False)
    program = Program()
    program.bind("LARGE", large)
    assert f"from {__name__} import LARGE\n" in program.text()
    assert "LARGE = copy.deepcopy(LARGE)  # with the parameters of the import\n" in program.text()


def test_frozen_parameters_and_the_mode() -> None:
    module = Plain().eval()
    module.inner.bias.requires_grad = False
    program = Program()
    program.bind("model", module)
    scope: dict[str, Any] = {"__name__": "elsewhere"}
    exec(compile(program.text(), "<program>", "exec", dont_inherit=True), scope)
    assert [p.requires_grad for p in scope["model"].parameters()] == [True, False]
    assert not scope["model"].training


def test_no_random_numbers_are_used_up() -> None:
    module, before, numpy = Sized(2), tg.get_rng_state(), np.random.get_state()  # noqa: NPY002
    plan_for(module)
    np.testing.assert_equal(tg.get_rng_state(), before)
    np.testing.assert_equal(np.random.get_state(), numpy)  # noqa: NPY002


class Keeps:
    def __init__(self, n: int = 3) -> None:
        self.n = n


def test_objects_made_of_nothing() -> None:
    assert made_of_nothing(Keeps())
    assert not made_of_nothing(Keeps(4))
    assert not made_of_nothing(Forgetful(2))
    assert not made_of_nothing(local())
