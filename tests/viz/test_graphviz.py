"""Graphviz: its layout is read as it writes it, and a drawing is written as it reads it."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

import tinygrad_edu as tg
from tinygrad_edu.viz import graphviz

PLAIN = """graph 1 2 3
node 0 1 2.5 1 0.5 "" solid box black lightgrey
node 1 1 0.5 1 0.5 "" solid box black lightgrey
edge 0 1 4 1 2.25 1 1.5 1 1.25 1 0.75 solid black
stop
"""
SIZES = [(72.0, 36.0), (72.0, 36.0)]


def answering(answer: Any) -> Any:
    def run(command: list[str], **options: Any) -> Any:
        if isinstance(answer, Exception):
            raise answer
        assert command == ["dot", "-Tplain"]
        assert "0 [width=1.0000 height=0.5000]" in options["input"]
        assert options["input"].count("0 -> 1") == 2
        return subprocess.CompletedProcess(command, 0, answer, "")

    return run


def test_places_are_in_points_and_counted_from_the_top(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", answering(PLAIN))
    found = graphviz.by_dot(SIZES, {(0, 1): 2}, "dot")
    assert found is not None
    assert (found.width, found.height) == (144.0, 216.0)
    assert found.middles == [(72.0, 36.0), (72.0, 180.0)]
    assert found.arrows == [[(72.0, 54.0), (72.0, 108.0), (72.0, 126.0), (72.0, 162.0)]]


@pytest.mark.parametrize(
    "error",
    [
        OSError("gone"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid"),
        subprocess.TimeoutExpired("dot", 20),
        subprocess.CalledProcessError(1, "dot"),
    ],
)
def test_a_program_that_fails_is_no_error(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", answering(error))
    assert graphviz.by_dot(SIZES, {(0, 1): 2}, "dot") is None


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "usage: dot FILE\n",
        "graph 1 2 3\n\nnode 0 1 2.5 1 0.5\nstop\n",
        "graph 1 2 3\nnode 0 1 2.5\nnode 1 x y\n",
        "graph 1\nstop",
    ],
)
def test_another_program_of_that_name_is_no_error(answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", answering(answer))
    assert graphviz.by_dot(SIZES, {(0, 1): 2}, "dot") is None


def test_the_program_is_not_asked_where_it_would_take_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", answering(AssertionError("it was asked")))
    n = 100
    edges = {(i, i + 1): 1 for i in range(n)} | {(i, n): 1 for i in range(n - 1)}
    assert graphviz.by_dot([(40.0, 20.0)] * (n + 1), edges, "dot") is None


@pytest.mark.skipif(graphviz.program() is None, reason="Graphviz is not installed")
def test_the_real_program() -> None:
    found = graphviz.by_dot(SIZES, {(0, 1): 2}, graphviz.program() or "")
    assert found is not None
    assert len(found.arrows) == 2
    assert found.middles[0][1] < found.middles[1][1]
    for curve in found.arrows:
        assert len(curve) % 3 == 1
        assert abs(curve[-1][1] - (found.middles[1][1] - 18)) < 1


def test_the_language_of_graphviz() -> None:
    a = tg.tensor([1.0, 2.0], requires_grad=True)
    b = a * a
    dot = tg.viz.draw_graph(b, names={'a "quoted" \\': a, "b": b}, marked=["b"]).dot
    assert dot.startswith("digraph {")
    assert '0 [shape=box penwidth=3 label="▶ b = mul\\n(2,)"]' in dot
    assert '1 [shape=box style=rounded label="a \\"quoted\\" \\\\\\n(2,)"]' in dot
    assert dot.count("0 -> 1") == 2
    assert "a &amp;lt; b" in tg.viz.draw_graph(b, names={"a &lt; b": b}).dot


@pytest.mark.skipif(graphviz.program() is None, reason="Graphviz is not installed")
def test_the_program_understands_it() -> None:
    x = tg.tensor(1.0, requires_grad=True)
    dot = tg.viz.draw_graph(tg.stack([x] * 7).sum(), names={"<x>": x}, limit=5).dot
    assert "7 ×" in dot
    subprocess.run([graphviz.program() or "", "-Tsvg"], input=dot, text=True, check=True, capture_output=True)
