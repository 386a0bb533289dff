"""Switching recording off and on, and back whatever happens."""

from __future__ import annotations

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
