"""Exceptions that travel."""

import traceback
from dataclasses import dataclass

import pytest
from worker_datasets import Stubborn, be_stubborn, fail

import tinygrad_edu as tg
from tinygrad_edu.data.workers.failures import Failure
from tinygrad_edu.data.workers.shared_memory import pack, unpack


def told(call, *arguments):
    """The exception that `call` raises, as another process gets it."""
    with pytest.raises(BaseException) as caught:  # noqa: PT011
        call(*arguments)
    return unpack(pack(Failure(caught.value))).exception()


@pytest.mark.parametrize(
    "error",
    [ValueError("bad", 3), KeyError("k"), tg.ShapeError("shape"), FileNotFoundError(2, "no", "file"), SystemExit(3)],
)
def test_an_exception_is_what_it_was(error):
    error.add_note("where it was")
    back = told(fail, error)
    assert (type(back), back.args, str(back)) == (type(error), error.args, str(error))
    assert back.__notes__ == ["where it was"]


def test_its_cause_is_the_traceback():
    shown = "".join(traceback.format_exception(told(fail, ValueError("bad"))))
    assert "raise error" in shown.split("The above exception was the direct cause")[0]
    assert shown.rstrip().endswith("ValueError: bad")


class Odd(Exception):
    """Pickle loses what it says."""

    def __str__(self):
        return f"odd {getattr(self, 'what', 'nothing')}"

    def __reduce__(self):
        return Odd, ()


def odd():
    error = Odd()
    error.what = "matter"
    raise error


def local():
    class Local(Exception):
        pass

    raise Local("in a function")


class Speechless(Exception):
    """Neither says what it is, nor can be pickled."""

    def __str__(self):
        raise ValueError("no words")

    def __reduce__(self):
        raise SystemExit(3)


@dataclass(frozen=True)
class Frozen(Exception):
    temperature: int


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: fail(Frozen(-5)), "Frozen, which cannot be pickled, was raised in a worker: -5"),
        (lambda: be_stubborn("a", "b"), "Stubborn, which cannot be pickled, was raised in a worker: a because b"),
        (odd, "Odd, which cannot be pickled, was raised in a worker: odd matter"),
        (local, "local.<locals>.Local, which cannot be pickled, was raised in a worker: in a function"),
        (
            lambda: fail(Speechless()),
            "Speechless, which cannot be pickled, was raised in a worker: <exception str() failed>",
        ),
    ],
)
def test_what_cannot_travel_is_described(call, said):
    back = told(call)
    assert type(back) is RuntimeError
    assert str(back) == said
    assert call.__name__ in str(back.__cause__) or Stubborn.__name__ in str(back.__cause__)
