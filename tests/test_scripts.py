"""Users' files: loaded as if they were run, with nothing left behind."""

from __future__ import annotations

import sys

import pytest

from tinygrad_edu.scripts import ScriptError, loaded, named, split


def test_a_file_may_import_its_neighbours_and_leaves_nothing_behind(tmp_path):
    (tmp_path / "neighbour_of_script.py").write_text("VALUE = 7\n")
    path = tmp_path / "script_of_mine.py"
    path.write_text("from neighbour_of_script import VALUE\nclass Box:\n    inner = VALUE\n")
    before = list(sys.path)
    with loaded(path) as module:
        assert named(module, path, "Box.inner", []) == 7
        assert sys.modules["script_of_mine"] is module
    assert sys.path == before
    assert "script_of_mine" not in sys.modules
    sys.modules.pop("neighbour_of_script")


def test_a_file_named_like_a_module_that_is_loaded_hides_nothing(tmp_path):
    path = tmp_path / "json.py"
    path.write_text("MINE = True\n")
    before = sys.modules["json"]
    with loaded(path) as module:
        assert module.MINE
    assert sys.modules["json"] is before


def test_an_error_of_the_file_names_its_line(tmp_path):
    path = tmp_path / "broken.py"
    path.write_text("x = 1\ny = 1 / 0\n")
    with (
        pytest.raises(ScriptError, match=r"broken\.py cannot be imported: ZeroDivisionError.*\(line 2\)"),
        loaded(path),
    ):
        pass
    with pytest.raises(ScriptError, match=r"its name must end in \.py"), loaded(tmp_path / "data.txt"):
        pass


@pytest.mark.parametrize("target", ["net.py", "Net", ":Net", "net.py:"])
def test_a_target_without_file_or_name_says_the_form(target):
    with pytest.raises(ScriptError, match=r"write it as path\.py:name"):
        split(target)


def test_a_name_that_is_missing_lists_what_there_is(tmp_path):
    path = tmp_path / "nets.py"
    path.write_text("Net = 1\n")
    with loaded(path) as module, pytest.raises(ScriptError, match="has no 'Nett': it has Net"):
        named(module, path, "Nett", ["Net"])
    with pytest.raises(ScriptError, match="there is no file"):
        split(f"{tmp_path}/none.py:Net")
