"""What a worker process makes of the program's main module, and of orders that come too late."""

import sys
from pathlib import Path
from types import ModuleType

import pytest
from worker_programs import finish, start

from tinygrad_edu.data.workers import child

DEFINITIONS = """
from collections import namedtuple
from tinygrad_edu.data import DataLoader, Dataset

Pair = namedtuple("Pair", "number square")

class OwnError(Exception):
    pass

class Squares(Dataset):
    def __len__(self):
        return 4
    def __getitem__(self, i):
        if i == 3:
            raise OwnError("three")
        return Pair(i, i * i)

def loop():
    try:
        for batch in DataLoader(Squares(), batch_size=None, num_workers=2, worker_type="process"):
            print(batch, flush=True)
    except OwnError as error:
        print("OwnError", str(error).splitlines()[0])
"""
GUARD = '\nif __name__ == "__main__":\n'
EXPECTED = "".join(f"Pair(number={i}, square={i * i})\n" for i in range(3)) + "OwnError three\n"


def be_main(monkeypatch, script: Path, text: str):
    """Let this process be one that runs a script: so workers are forked from a server that is there already."""
    script.write_text(text)
    main = ModuleType("__main__")
    main.__file__ = str(script)
    for name in ("__main__", child.MAIN_OF_WORKERS):
        monkeypatch.setitem(sys.modules, name, main)
    exec(compile(text, script, "exec"), vars(main))


def test_what_a_script_defines_is_found(tmp_path):
    script = tmp_path / "program.py"
    script.write_text(DEFINITIONS + GUARD + "    loop()")
    assert finish(start(script)) == (EXPECTED, "")


def test_a_script_that_guards_nothing_is_told_to(monkeypatch, tmp_path):
    with pytest.raises(RuntimeError, match=r"a worker process imports .*program\.py") as caught:
        be_main(monkeypatch, tmp_path / "program.py", DEFINITIONS + "loop()")
    assert 'Put what the program does under `if __name__ == "__main__":`' in str(caught.value)
    assert 'worker_type="thread"' in str(caught.value)


def test_a_script_that_exits_when_it_is_imported_ends_no_other_process(monkeypatch, tmp_path):
    with pytest.raises(RuntimeError, match="got SystemExit: 3"):
        be_main(
            monkeypatch, tmp_path / "program.py", DEFINITIONS + GUARD + "    loop()\nelse:\n    raise SystemExit(3)"
        )


def test_what_is_defined_in_the_guarded_part_is_not_found_and_that_is_said(monkeypatch, tmp_path):
    inside = GUARD + "    class Squares(Dataset):\n        def __getitem__(self, i):\n            return i\n"
    inside += "        def __len__(self):\n            return 2\n    loop()"
    with pytest.raises(RuntimeError, match=r"a worker process cannot put together what it was sent .*'Squares'"):
        be_main(monkeypatch, tmp_path / "program.py", DEFINITIONS.replace("class Squares", "class Other") + inside)


def test_what_is_typed_in_is_refused_before_a_process_is_started():
    _, err = finish(start("-", stdin=-1), DEFINITIONS + "loop()\n")
    said = err.rstrip().splitlines()[-1]
    assert said.startswith("TypeError: DataLoader: dataset, a __main__.Squares,")
    assert "notebook" in said
