"""Checkpoints: what is in them, what may be left out, and that loading one does all or nothing."""

from __future__ import annotations

import copy
import io
import os
import re
import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu import data, nn, optim
from tinygrad_edu.optim.lr_scheduler import LambdaLR, StepLR


class Counter:
    """Something that is no module, and has a state."""

    def __init__(self, count: int = 0) -> None:
        self.count = count

    def state_dict(self) -> dict[str, int]:
        return {"count": self.count}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.count = state["count"]
        if self.count < 0:
            raise ValueError(f"a count of {self.count}")


def trained(width: int = 3, seed: int = 0, steps: int = 2) -> dict[str, Any]:
    """The parts of a run, after some steps and a backward pass whose gradients wait."""
    tg.manual_seed(seed)
    model = nn.Sequential(nn.Linear(2, width), nn.BatchNorm1d(width), nn.Dropout(0.5), nn.Linear(width, 1))
    optimizer = optim.Adam(model.parameters(), lr=0.1)
    scheduler = StepLR(optimizer, 1, 0.5)
    for _ in range(steps):
        optimizer.zero_grad()
        (model(tg.randn(4, 2)) ** 2).sum().backward()
        optimizer.step(samples=4)
        scheduler.step()
    (model(tg.randn(4, 2)) ** 2).sum().backward()
    loader = data.DataLoader(range(9), batch_size=2, shuffle=True, generator=tg.Generator().manual_seed(seed))
    loader.loop = iter(loader)  # which runs
    for _ in range(steps):
        next(loader.loop)
    return {"model": model, "optimizer": optimizer, "scheduler": scheduler, "loader": loader}


def saved(**parts: Any) -> io.BytesIO:
    file = io.BytesIO()
    tg.save_checkpoint(file, **parts)
    file.seek(0)
    return file


def altered(file: io.BytesIO, change: Any) -> io.BytesIO:
    """The same checkpoint with something else in it."""
    contents = tg.load(file)
    change(contents)
    other = io.BytesIO()
    tg.save(contents, other)
    other.seek(0)
    return other


def everything(parts: dict[str, Any]) -> bytes:
    """All that a checkpoint holds, and the gradients whether they wait or not."""
    states = {name: part.state_dict() for name, part in parts.items()}
    gradients = [p.grad for p in parts["model"].parameters()]
    modes = [module.training for module in parts["model"].modules()]
    file = io.BytesIO()
    tg.save([states, gradients, modes, tg.get_rng_state()], file)
    return file.getvalue()


def test_all_parts_come_back():
    first, second = trained(), trained(seed=1)
    file = saved(**first, epoch=3, losses=[0.5, float("inf")], best={"at": (1, None)})
    assert everything(first) != everything(second)
    tg.manual_seed(2)
    extra = tg.load_checkpoint(file, **second)
    assert extra == {"epoch": 3, "losses": [0.5, float("inf")], "best": {"at": (1, None)}}
    random = tg.randn(3)
    file.seek(0)
    tg.load_checkpoint(file, **first)
    assert tg.equal(tg.randn(3), random)
    assert everything(first) == everything(second)


def test_a_file_is_written_and_read(tmp_path):
    parts = trained()
    tg.save_checkpoint(tmp_path / "run.ckpt", **parts)
    before = everything(parts)
    parts["model"].apply(lambda m: nn.init.zeros_(m.weight) if isinstance(m, nn.Linear) else None)
    assert tg.load_checkpoint(str(tmp_path / "run.ckpt"), **parts) == {}
    assert everything(parts) == before
    assert os.listdir(tmp_path) == ["run.ckpt"]


def test_what_is_in_a_file_can_be_looked_at():
    contents = tg.load(saved(model={"g": Counter(1), "d": Counter(2)}, optimizer=[Counter(3)], note="late"))
    assert contents.pop("generator") == tg.get_rng_state()
    assert contents == {
        "checkpoint": 1,
        "states": {"model['g']": {"count": 1}, "model['d']": {"count": 2}, "optimizer[0]": {"count": 3}},
        "gradients": {},
        "extra": {"note": "late"},
    }


@pytest.mark.parametrize("many", [list, tuple, lambda parts: {"g": parts[0], 1: parts[1]}])
def test_several_parts_of_a_kind(many):
    file = saved(model=many([Counter(1), Counter(2)]), loader=many([Counter(3), Counter(4)]))
    models, loaders = [Counter(), Counter()], [Counter(), Counter()]
    tg.load_checkpoint(file, model=many(models), loader=many(loaders))
    assert [part.count for part in (*models, *loaders)] == [1, 2, 3, 4]


def test_of_a_dict_some_may_be_left_out_and_of_a_list_none():
    g, first = Counter(), Counter()
    tg.load_checkpoint(saved(model={"g": Counter(1), "d": Counter(2)}), model={"g": g})
    assert g.count == 1
    with pytest.raises(tg.StateError, match=r"there is no model with 1 entries in it, it has model\[0\], model\[1\]"):
        tg.load_checkpoint(saved(model=[Counter(1), Counter(2)]), model=[first])
    assert first.count == 0


def test_a_model_alone_leaves_random_numbers_and_gradients_alone():
    parts, other = trained(), trained(seed=1)
    file = saved(**parts)
    model = other["model"].eval()
    gradients = [p.grad for p in model.parameters()]
    random = tg.get_rng_state()
    tg.load_checkpoint(file, model=model)
    assert tg.get_rng_state() == random
    assert all(p.grad is gradient for p, gradient in zip(model.parameters(), gradients, strict=True))
    assert not any(module.training for module in model.modules())
    for name, value in parts["model"].state_dict().items():
        assert tg.equal(model.state_dict()[name], value)


@pytest.mark.parametrize("kind", ["optimizer", "scheduler", "loader"])
def test_random_numbers_go_on_where_training_goes_on(kind):
    file = saved(**{kind: Counter(1)})
    random = tg.get_rng_state()
    tg.manual_seed(5)
    tg.load_checkpoint(file, **{kind: Counter()})
    assert tg.get_rng_state() == random


def test_a_file_without_parts_gives_what_else_was_saved():
    tg.manual_seed(5)
    file = saved(note="none")
    tg.manual_seed(6)
    assert tg.load_checkpoint(file) == {"note": "none"}
    assert tg.get_rng_state() == tg.manual_seed(6).get_state()


def test_the_gradients_are_those_of_the_checkpoint():
    parts = trained()
    waiting = [p.grad.array.copy() for p in parts["model"].parameters()]
    file = saved(**parts)
    parts["optimizer"].step(samples=4)
    used = saved(**parts)
    tg.load_checkpoint(file, **parts)
    for p, gradient in zip(parts["model"].parameters(), waiting, strict=True):
        assert np.array_equal(p.grad.array, gradient)
    tg.load_checkpoint(used, **parts)
    assert all(p.grad is None for p in parts["model"].parameters())


def test_a_gradient_waits_for_one_of_two_optimizers():
    model = nn.Linear(1, 1, bias=False)
    first, second = (optim.SGD(model.parameters(), lr=0.1) for _ in "12")
    first.step()
    model(tg.ones(1, 1)).backward()
    second.step()
    for order in ({"a": first, "b": second}, {"b": second, "a": first}):
        file = saved(model=model, optimizer=order)
        model.zero_grad()
        tg.load_checkpoint(file, model=model, optimizer=order)
        assert model.weight.grad.tolist() == [[1.0]]


def test_a_lazy_model_gets_its_shapes():
    made = nn.Sequential(nn.LazyLinear(2), nn.LazyBatchNorm1d())
    made(tg.randn(4, 3)).sum().backward()
    optimizer = optim.Adam(made.parameters())
    optimizer.step(samples=4)
    lazy = nn.Sequential(nn.LazyLinear(2), nn.LazyBatchNorm1d())
    other = optim.Adam(lazy.parameters())
    tg.load_checkpoint(saved(model=made, optimizer=optimizer), model=lazy, optimizer=other)
    np.testing.assert_equal(other.state_dict(), optimizer.state_dict())
    assert lazy[0].weight.shape == (2, 3)


# What is refused in saving


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"model": 3}, r"model is a int, which has no state_dict\(\) and load_state_dict\(\)"),
        ({"model": {"w": tg.zeros(2)}}, r"model\['w'\] is a Tensor, .* pass the object itself, not its state_dict\(\)"),
        ({"optimizer": [None]}, r"optimizer\[0\] is a NoneType"),
        (
            {"ema": nn.Linear(1, 1)},
            r"ema is a Linear: give ema=ema\.state_dict\(\), or .* model=\{'net': net, 'ema': ema",
        ),
        ({"epoch": {1, 2}}, r"save_checkpoint: checkpoint\['extra'\]\['epoch'\] is .*set"),
        ({"model": Counter(object())}, r"checkpoint\['states'\]\['model'\]\['count'\] is .*object"),
    ],
)
def test_what_cannot_be_saved_leaves_the_former_file(parts, message, tmp_path):
    path = tmp_path / "run.ckpt"
    path.write_text("former")
    with pytest.raises(TypeError, match=message):
        tg.save_checkpoint(path, **parts)
    assert path.read_text() == "former"
    assert os.listdir(tmp_path) == ["run.ckpt"]


def test_a_lazy_model_is_saved_after_its_first_call(tmp_path):
    with pytest.raises(tg.ShapeError, match=r"model: 0\.weight has no numbers before the first call: call the model"):
        tg.save_checkpoint(tmp_path / "run.ckpt", model=nn.Sequential(nn.LazyLinear(2)))
    assert os.listdir(tmp_path) == []


# What is refused in loading, and that nothing has changed then


def refused(file: Any, parts: dict[str, Any], message: str | None, error: type[Exception] = tg.StateError) -> None:
    """Check that loading is an error that changes nothing."""
    before = everything(parts)
    groups, gradients = list(parts["optimizer"].param_groups), [p.grad for p in parts["model"].parameters()]
    with pytest.raises(error, match=message):
        tg.load_checkpoint(file, **parts)
    assert everything(parts) == before
    assert all(now is then for now, then in zip(parts["optimizer"].param_groups, groups, strict=True))
    assert all(p.grad is then for p, then in zip(parts["model"].parameters(), gradients, strict=True))


def set_in(*keys: Any, to: Any) -> Any:
    """A change of what is in a checkpoint."""

    def change(contents: Any) -> None:
        for key in keys[:-1]:
            contents = contents[key]
        contents[keys[-1]] = to

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            set_in("states", "model", "0.weight", to=tg.zeros(7, 2)),
            r"model does not fit, (.|\n)*0\.weight: shape \(7, 2\)",
        ),
        (set_in("states", "model", "more", to=tg.zeros(1)), "unexpected keys: 'more'"),
        (set_in("states", "model", to=3), "model does not fit, .*needs a mapping"),
        (
            set_in("states", "optimizer", "state", 0, "exp_avg", to=np.zeros(3)),
            r"optimizer does not fit, .*shape \(3,\)",
        ),
        (set_in("states", "optimizer", "param_groups", 0, "lr", to=-1.0), "optimizer does not fit, .*lr=-1.0"),
        (set_in("states", "optimizer", to=None), "optimizer does not fit, .*NoneType"),
        (set_in("states", "scheduler", "more", to=1), "scheduler does not fit, .*the state has .*more"),
        (set_in("states", "scheduler", "base_lrs", to=[0.1, 0.1]), "scheduler does not fit, .*each of 1 groups"),
        (set_in("states", "loader", "count", to=-1), "loader does not fit, so nothing has changed: a count of -1"),
        (
            set_in("gradients", "optimizer", 0, to=(np.zeros(9), [0])),
            "optimizer does not fit, .*gradient of parameter 0",
        ),
        (set_in("gradients", "optimizer", 99, to=(np.zeros(9), [0])), "a gradient of parameter 99"),
        (set_in("gradients", "optimizer", 0, to=7), "optimizer does not fit"),
        (
            set_in("generator", "state", "bit_generator", to="MT19937"),
            "the state of the default generator does not fit",
        ),
        (set_in("generator", to={}), "the state of the default generator does not fit"),
    ],
)
def test_a_checkpoint_that_does_not_fit_changes_nothing(change, message):
    parts = {**trained(), "loader": Counter(3)}
    file = altered(saved(**parts), change)
    refused(file, {**trained(seed=1), "loader": Counter(5)}, message)


def test_a_checkpoint_of_a_larger_model_changes_nothing():
    refused(saved(**trained(width=4)), trained(seed=1), r"load_checkpoint\(the file\): model does not fit")


def test_the_file_and_what_is_missing_in_it_are_named(tmp_path):
    path = tmp_path / "run.ckpt"
    parts = trained()
    tg.save_checkpoint(path, model=parts["model"])
    message = rf"load_checkpoint\({re.escape(repr(str(path)))}\): there is no optimizer in it, it has model\. Nothing"
    refused(path, trained(seed=1), message)
    tg.save_checkpoint(path)
    refused(path, trained(seed=1), "there is no model in it, it has no parts")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (set_in("checkpoint", to=2), "the checkpoint is of version 2, this library reads 1"),
        (set_in("states", to=[]), "the checkpoint was altered: there is no 'states' in it"),
        (lambda contents: contents.pop("gradients"), "there is no 'gradients' in it"),
        (lambda contents: contents.pop("checkpoint"), r"not a checkpoint, but another file .* use tg\.load\(\)"),
    ],
)
def test_files_of_another_kind(change, message):
    refused(altered(saved(**trained()), change), trained(seed=1), message, tg.FileFormatError)


def test_a_file_that_was_saved_by_save_is_named():
    file = io.BytesIO()
    tg.save(tg.zeros(3), file)
    file.seek(0)
    refused(file, trained(), r"not a checkpoint, but another file written by tg\.save\(\)", tg.FileFormatError)


FILE = saved(**trained(steps=3), note="whole").getvalue()


@given(length=st.integers(0, len(FILE) - 1))
def test_a_file_that_is_cut_off_changes_nothing(length):
    refused(io.BytesIO(FILE[:length]), trained(seed=1), "^load_checkpoint: the file ", tg.FileFormatError)


@given(place=st.integers(0, len(FILE) - 1), bit=st.integers(0, 7))
def test_a_file_that_was_altered_changes_nothing_or_nothing_that_counts(place, bit):
    other = bytearray(FILE)
    other[place] ^= 1 << bit
    parts, whole = (trained(seed=1) for _ in range(2))
    before = everything(parts)
    try:
        tg.load_checkpoint(io.BytesIO(other), **parts)
    except (tg.FileFormatError, tg.StateError):
        assert everything(parts) == before
    else:  # of a zip archive not all bytes mean something
        loaded = everything(parts)
        tg.load_checkpoint(io.BytesIO(FILE), **whole)
        assert loaded == everything(whole)


def test_a_lazy_model_waits_again_after_an_error():
    made = nn.Sequential(nn.LazyLinear(2), nn.LazyBatchNorm1d())
    made(tg.randn(4, 3)).sum().backward()
    optimizer = optim.Adam(made.parameters())
    optimizer.step(samples=4)
    file = saved(model=made, optimizer=optimizer)
    lazy = nn.Sequential(nn.LazyLinear(2), nn.LazyBatchNorm1d())
    parameters = list(lazy.parameters())
    other = optim.Adam([parameters[0]])
    with pytest.raises(tg.StateError, match="optimizer does not fit"):
        tg.load_checkpoint(file, model=lazy, optimizer=other)
    assert lazy[0].has_uninitialized_params()
    assert lazy[1].has_uninitialized_params()
    assert [type(p) for p in lazy.parameters()] == [
        type(p) for p in nn.Sequential(nn.LazyLinear(2), nn.LazyBatchNorm1d()).parameters()
    ]
    lazy(tg.randn(4, 5)).sum().backward()
    assert all(now is then for now, then in zip(lazy.parameters(), parameters, strict=True))
    assert lazy[0].weight.grad.shape == (2, 5)


def test_ctrl_c_while_loading_changes_nothing():
    class Interrupted(Counter):
        def load_state_dict(self, state: Any) -> None:
            if state["count"] == 1:
                raise KeyboardInterrupt
            super().load_state_dict(state)

    file = saved(**{**trained(), "loader": Counter(1)})
    refused(file, {**trained(seed=1), "loader": Interrupted(5)}, None, KeyboardInterrupt)


def test_a_loader_that_does_not_fit_leaves_the_others_and_the_loop_that_runs():
    def loader(samples: int) -> data.DataLoader:
        return data.DataLoader(range(samples), batch_size=2, shuffle=True, generator=tg.Generator())

    first, second, third = loader(6), loader(8), loader(10)
    next(iter(first))
    file = saved(loader=[first, loader(8), loader(12)])
    twin, running = loader(6), iter(third)
    next(running)
    before = [part.state_dict() for part in (twin, second, third)]
    with pytest.raises(tg.StateError, match=r"loader\[2\] does not fit, .*samples is 12 in it, and 10 in this"):
        tg.load_checkpoint(file, loader=[twin, second, third])
    assert [part.state_dict() for part in (twin, second, third)] == before
    assert len(list(running)) == 4


def test_parts_that_cannot_be_copied_are_no_obstacle():
    class Locked(nn.Linear):
        def __init__(self) -> None:
            super().__init__(2, 1)
            self.lock = threading.Lock()

    class Constant:
        def __init__(self) -> None:
            self._lock = threading.Lock()

        def __call__(self, epoch: int) -> float:
            return 1.0

    model = Locked()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    scheduler = LambdaLR(optimizer, Constant())
    with pytest.raises(TypeError):
        copy.deepcopy(model)
    tg.load_checkpoint(saved(model=model, optimizer=optimizer, scheduler=scheduler), model=model, scheduler=scheduler)
