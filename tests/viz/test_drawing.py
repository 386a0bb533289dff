"""`draw_graph`: what it takes, what it says of what it cannot draw, and how a drawing shows itself."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.viz import GraphDrawing, draw_graph, graphviz


def expression() -> tuple[tg.Tensor, tg.Tensor, tg.Tensor]:
    a = tg.tensor(3.0, requires_grad=True)
    b = a + a
    return a, b, b * b


def test_a_model_is_drawn_with_the_names_of_its_parameters() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    out = model(tg.ones(2, 3))
    drawings = [
        draw_graph(out, names=names) for names in (model.named_parameters(), model, dict(model.named_parameters()))
    ]
    assert len({drawing.text for drawing in drawings}) == 1
    for name, p in model.named_parameters():
        assert f"{name}: leaf" in drawings[0].text
        assert str(p.shape) in drawings[0].text


def test_names_of_tensors_that_are_not_in_the_graph_are_ignored() -> None:
    a, b, c = expression()
    other, constant = tg.ones(2, requires_grad=True), tg.ones(2)
    names = {"a": a, "b": b, "c": c}
    assert draw_graph(c, names={**names, "other": other, "constant": constant}).text == draw_graph(c, names=names).text


def test_two_names_of_a_tensor_are_both_shown() -> None:
    a, _, c = expression()
    assert "a, same: leaf" in draw_graph(c, names={"a": a, "same": a}).text


def test_several_tensors_in_one_drawing() -> None:
    a, b, c = expression()
    text = draw_graph([c, a.exp()], names={"a": a, "b": b, "c": c}).text
    assert text.startswith("Graph with 3 ops and 1 leaf:")
    assert "exp" in text


def test_a_leaf_alone_is_a_graph_too() -> None:
    assert draw_graph(tg.ones(2, requires_grad=True)).text.splitlines() == [
        "Graph with 0 ops and 1 leaf:",
        "leaf 1  (2,)",
    ]


def test_notes_and_marks_by_name_or_by_tensor() -> None:
    a, b, c = expression()
    names = {"a": a, "b": b, "c": c}
    by_name = draw_graph(c, names=names, notes={"b": "6 + 6"}, marked={"b": "active", "c": "done"})
    by_tensor = draw_graph(c, names=names, notes={b: "6 + 6"}, marked={b: "active", c: "done"})
    assert by_name.text == by_tensor.text
    assert "✓ c = mul" in by_name.text
    assert "▶ b = add  from a, a  [6 + 6]" in by_name.text
    assert draw_graph(c, names=names, marked=["b"]).text == draw_graph(c, names=names, marked=b).text
    assert "▶ b" in draw_graph(c, names=names, marked="b").text


def test_values_are_written_of_single_numbers_that_are_known() -> None:
    a, b, c = expression()
    c.backward()
    text = draw_graph(c, names={"a": a, "b": b}, values=True).text
    assert "[value 3, grad 24]" in text
    assert "[value 6]" in text
    assert "[value 36]" in text  # that of the root, which has no name


@pytest.mark.parametrize(
    ("tensors", "error", "message"),
    [
        (
            tg.ones(2),
            tg.GraphError,
            r"no graph: the tensor, of shape \(2,\), was not computed from a .*Set requires_grad",
        ),
        ([tg.ones(1, requires_grad=True), tg.ones(3)], tg.GraphError, r"no graph: tensor 1, of shape \(3,\)"),
        ([], ValueError, "the sequence of tensors is empty"),
        (3, TypeError, "expected a tensor or a sequence of tensors, got int"),
        ([3], TypeError, "tensor 0 must be a Tensor, got int"),
    ],
)
def test_what_cannot_be_drawn(tensors: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=rf"draw_graph\(\): {message}"):
        draw_graph(tensors)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"names": 3}, TypeError, 'names=int, it must be like {"x": x, "loss": loss}'),
        ({"names": {"x": 3}}, TypeError, "names has str: int"),
        ({"notes": {"z": "?"}}, ValueError, r"notes is for 'z', which is none of the names= \(none\)"),
        ({"marked": ["z"]}, ValueError, "marked is for 'z'"),
        ({"marked": [tg.ones(2)]}, tg.GraphError, r"marked is for a tensor of shape \(2,\) without a graph"),
        ({"marked": {"z": "red"}}, ValueError, "marked has the mark 'red', it must be"),
        ({"limit": 0}, ValueError, "limit=0, it must be at least 1"),
        ({"layout": "neato"}, ValueError, "layout='neato', it must be"),
    ],
)
def test_options_that_make_no_sense(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=rf"draw_graph\(\): {message}"):
        draw_graph(expression()[2], **options)


def test_without_graphviz_there_is_a_layout_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphviz, "program", lambda: None)
    c = expression()[2]
    assert draw_graph(c).svg == draw_graph(c, layout="layers").svg
    with pytest.raises(RuntimeError, match="needs Graphviz, whose program 'dot' was not found: install it"):
        draw_graph(c, layout="dot")


def test_with_graphviz_its_layout_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def by_dot(sizes: Any, edges: Any, dot: str) -> None:
        asked.append((len(sizes), edges, dot))

    monkeypatch.setattr(graphviz, "program", lambda: "/bin/dot")
    monkeypatch.setattr(graphviz, "by_dot", by_dot)
    c = expression()[2]
    assert draw_graph(c).svg == draw_graph(c, layout="layers").svg  # it failed: the other one
    assert asked == [(3, {(0, 1): 2, (1, 2): 2}, "/bin/dot")]


def test_a_notebook_shows_the_picture_and_print_the_list() -> None:
    drawing = draw_graph(expression()[2])
    assert drawing.svg in drawing._repr_html_()
    assert drawing._repr_svg_() == drawing.svg
    assert str(drawing) == repr(drawing) == drawing.text


def test_files(tmp_path: Path) -> None:
    drawing = draw_graph(expression()[2])
    for name in ("graph.svg", "graph.txt", "graph.dot", "graph.GV"):
        drawing.save(tmp_path / name)
    assert (tmp_path / "graph.svg").read_text(encoding="utf-8").startswith("<svg")
    assert (tmp_path / "graph.txt").read_text(encoding="utf-8") == f"{drawing.text}\n"
    assert (tmp_path / "graph.GV").read_text(encoding="utf-8") == f"{drawing.dot}\n"
    with pytest.raises(ValueError, match=r"graph\.png' must end in \.svg, \.txt, \.dot or \.gv"):
        drawing.save(tmp_path / "graph.png")
    assert not (tmp_path / "graph.png").exists()


def test_a_drawing_keeps_no_graph_alive() -> None:
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    y = (x * x).exp()
    saved = weakref.ref(y.source.out)  # type: ignore[union-attr]
    drawing: GraphDrawing = draw_graph(y)
    del y
    gc.collect()
    assert saved() is None
    assert "exp" in drawing.text


@pytest.mark.parametrize("layout", ["layers", "auto"])
def test_names_and_notes_of_all_kinds_are_a_whole_picture(layout: Any) -> None:
    a = tg.tensor(3.0, requires_grad=True)
    odd = (
        "<script>alert('1')</script> \"&amp;\" \x00\x1b[31m \ud800 \ufffe \N{NO-BREAK SPACE}重み 🎉 \n$x$ " + "n" * 5000
    )
    drawing = draw_graph(a * a, names={odd: a}, notes={a: odd}, layout=layout)
    texts = [element.text or "" for element in ElementTree.fromstring(drawing.svg).iter() if element.tag[-4:] == "text"]
    assert any("<script>alert('1')</script> \"&amp;\"" in text for text in texts)
    assert "<script" not in drawing._repr_html_()
    assert len(drawing.text.splitlines()) == 3
    assert drawing.text.encode()


def test_a_note_may_be_anything_that_can_be_written_and_have_several_lines() -> None:
    a, b, c = expression()
    drawing = draw_graph(c, notes={a: 0, b: "one\ntwo", c: None})  # type: ignore[dict-item]
    assert drawing.text.splitlines()[1:] == [
        "1 = mul  from 2, 2",
        "2 = add  from leaf 1, leaf 1  [one]  [two]",
        "leaf 1  [0]",
    ]
    assert drawing.svg.count("<text") == 6


def test_a_note_is_not_taken_for_a_shape() -> None:
    a, _, c = expression()
    assert draw_graph(c, notes={a: "(first)"}).text.splitlines()[-1] == "leaf 1  [(first)]"


def test_odd_names_are_names() -> None:
    a, b, c = expression()
    assert draw_graph(c, names={"7": c}).text.startswith("Graph of 7 with")
    assert draw_graph(c, names={"": a, " ": b}).text == draw_graph(c).text
    assert "from a b, a b" in draw_graph(c, names={"a\nb": a}).text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"notes": ["a"]}, "notes=list, it must be like"),
        ({"notes": 3}, "notes=int, it must be like"),
        ({"marked": 5}, "marked=int, it must be a sequence"),
        ({"marked": [["a"]]}, "marked=list, it must be a sequence"),
        ({"limit": 2.5}, "integer"),
        ({"limit": "3"}, "integer"),
    ],
)
def test_options_of_other_types(options: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        draw_graph(expression()[2], **options)


def test_a_drawing_can_be_copied_and_sent() -> None:
    drawing = draw_graph(expression()[2], layout="layers")
    for other in (copy.deepcopy(drawing), pickle.loads(pickle.dumps(drawing))):
        assert (other.text, other.svg) == (drawing.text, drawing.svg)
