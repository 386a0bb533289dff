"""What cannot be pickled is named; and where a worker finds the program's main module."""

import functools
import sys
import threading
import types

import numpy as np
import pytest
from worker_datasets import Holding, Squares, refuse

import tinygrad_edu as tg
from tinygrad_edu.data import Subset
from tinygrad_edu.data.workers.job import Job
from tinygrad_edu.data.workers.pickling import main_module, not_found, pack_job
from tinygrad_edu.data.workers.shared_memory import unpack


def job(dataset, collate_fn=None, worker_init_fn=None):
    return Job(dataset, collate_fn, batched=False, worker_init_fn=worker_init_fn)


def local(i):
    def inner():
        return i

    return inner


def test_a_job_comes_back():
    numbers = np.arange(1000.0)
    parts, main = pack_job(job(Holding(numbers), worker_init_fn=refuse))
    assert main is None
    back = unpack(parts)
    assert back.worker_init_fn is refuse
    assert back.dataset.held.tolist() == numbers.tolist()


class Owner:
    def __init__(self):
        self.lock = threading.Lock()

    def method(self, samples):
        return samples


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (job(Squares(3), lambda s: s), "collate_fn is a lambda, "),
        (job(Squares(3), worker_init_fn=local(1)), "worker_init_fn is the function local.<locals>.inner, "),
        (job(Holding(lambda: 1)), "dataset.held is a lambda, "),
        (job(Subset(Holding([1, {"a": (local(1),)}]), [0])), "dataset.dataset.held[1]['a'][0] is the function local."),
        (job(Holding(open)), None),
        (job(Holding(threading.Lock())), "dataset.held is a _thread.lock, "),
        (job(Squares(3), Owner().method), "collate_fn.__self__.lock is a _thread.lock, "),
        (job(Squares(3), functools.partial(refuse, 1, key=lambda: 2)), "collate_fn.keywords['key'] is a lambda, "),
        (job(Holding(tg.ones(1, requires_grad=True) * 2)), "use .detach()"),
        (job(i for i in range(3)), "dataset is a generator, "),
    ],
)
def test_what_cannot_be_pickled_is_named(made, said):
    if said is None:
        pack_job(made)
        return
    with pytest.raises(TypeError, match=r'^DataLoader: .*worker_type="thread"') as caught:
        pack_job(made)
    assert said in str(caught.value)


def test_something_that_holds_itself_is_no_endless_search():
    ring = Holding(None)
    ring.held = [ring, lambda: 1]
    with pytest.raises(TypeError, match=r"dataset\.held\[1\] is a lambda"):
        pack_job(job(ring))


@pytest.fixture
def main(monkeypatch):
    module = types.ModuleType("__main__")
    module.__spec__ = None
    monkeypatch.setitem(sys.modules, "__main__", module)
    exec("class Typed:\n    pass\ndef typed(samples):\n    return samples", module.__dict__)
    return module


def test_what_is_typed_into_a_session_is_named(main):
    assert main_module() is None
    for made, said in ((job(main.Typed()), "dataset, a __main__.Typed"), (job(range(3), main.typed), "collate_fn")):
        with pytest.raises(TypeError, match=rf'{said}.* is defined in a notebook .*worker_type="thread"'):
            pack_job(made)
    assert pack_job(job(Squares(3)))[1] is None  # nothing of the session is needed


def test_a_script_is_found_by_its_path_and_a_module_by_its_name(main, tmp_path):
    script = tmp_path / "script.py"
    main.__file__ = str(script)
    assert main_module() is None  # "<stdin>", for one
    script.write_text("")
    assert main_module() == ("path", str(script))
    assert pack_job(job(main.Typed()))[1] == ("path", str(script))
    main.__spec__ = types.SimpleNamespace(name="package.program")
    assert main_module() == ("module", "package.program")


def test_a_name_that_is_not_found_is_explained():
    text = str(not_found(AttributeError("Can't get attribute 'Typed' on <module '__main__'>")))
    assert "'Typed'" in text
    assert 'worker_type="thread"' in text
