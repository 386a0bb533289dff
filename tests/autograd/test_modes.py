"""Switching recording off and on, and back whatever happens."""

from __future__ import annotations

import threading

import pytest

import tinygrad_edu as tg


def records() -> bool:
    return (tg.tensor([1.0], requires_grad=True) * 2).requires_grad


def test_no_grad_and_enable_grad_nest() -> None:
    assert records()
    with tg.no_grad():
        assert not records()
        with tg.enable_grad():
            assert records()
            with tg.set_grad_enabled(False):
                assert not records()
            assert records()
        assert not records()
    assert records()


def test_the_state_comes_back_after_an_error() -> None:
    with pytest.raises(ZeroDivisionError), tg.no_grad():
        _ = 1 / 0
    assert records()


def test_as_decorators() -> None:
    @tg.no_grad()
    def inside() -> bool:
        return records() or tg.is_grad_enabled()

    assert not inside()
    assert not inside()
    assert records()


def test_as_decorators_without_parentheses() -> None:
    @tg.no_grad
    def inside(x: int, *, y: int) -> tuple[int, bool]:
        """What it does."""
        return x + y, records()

    assert inside(1, y=2) == (3, False)
    assert (inside.__name__, inside.__doc__) == ("inside", "What it does.")
    assert tg.inference_mode(records)() is False
    assert tg.autograd.enable_grad(records)() is True
    with tg.no_grad():
        assert tg.enable_grad(records)() is True
    assert records()


def test_one_object_used_twice_and_within_itself() -> None:
    off = tg.no_grad()
    with off:
        with off:
            assert not records()
        assert not records()
    assert records()


def test_inference_mode_is_no_grad() -> None:
    with tg.inference_mode():
        assert not records()


def test_a_generator_keeps_its_mode_to_itself() -> None:
    @tg.no_grad()
    def steps(first):
        try:
            received = yield first, records()
            yield received, records()
        except ValueError:
            yield "caught", records()
        return "end"

    running = steps("a")
    assert next(running) == ("a", False)
    assert records()
    assert running.send("b") == ("b", False)
    assert records()
    assert running.throw(ValueError()) == ("caught", False)
    with pytest.raises(StopIteration) as stop:
        next(running)
    assert stop.value.value == "end"
    abandoned = steps("c")
    next(abandoned)
    abandoned.close()
    assert records()


def test_one_decorator_in_two_threads() -> None:
    entered, leave = threading.Event(), threading.Event()

    @tg.no_grad()
    def inside(wait: bool) -> None:
        if wait:
            entered.set()
            leave.wait(5)

    after = []

    def first() -> None:
        inside(True)
        after.append(records())

    def second() -> None:
        with tg.no_grad():  # what was before differs from thread to thread
            entered.wait(5)
            inside(False)
            leave.set()
            after.append(not records())

    threads = [threading.Thread(target=f) for f in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert after == [True, True]


def test_set_grad_enabled_as_a_function_holds_from_then_on() -> None:
    tg.set_grad_enabled(False)
    try:
        assert not records()
    finally:
        tg.set_grad_enabled(True)
    assert records()

    @tg.set_grad_enabled(False)
    def inside() -> bool:
        return records()

    assert records()
    assert not inside()
    with tg.set_grad_enabled(False) as nothing:
        assert nothing is None
        assert not records()
    assert records()


@pytest.mark.parametrize("wrong", ["no", None, 1, lambda: True])
def test_it_is_on_or_off(wrong: object) -> None:
    with pytest.raises(TypeError, match=r"set_grad_enabled\(\) takes True or False, got"):
        tg.set_grad_enabled(wrong)
    assert tg.is_grad_enabled()


@pytest.mark.parametrize("kind", [tg.no_grad, tg.enable_grad, tg.inference_mode])
@pytest.mark.parametrize("wrong", [1, False, tg.ones(2)])
def test_what_is_no_function_is_refused(kind, wrong) -> None:
    with pytest.raises(TypeError, match=rf"^{kind.__name__}\(.*takes nothing, or the function that it decorates"):
        kind(wrong)


def test_a_subclass_may_take_arguments_of_its_own() -> None:
    class Named(tg.no_grad):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    with Named("evaluation") as _:
        assert not records()
    assert records()
