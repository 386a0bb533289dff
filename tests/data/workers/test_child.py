"""What a worker process makes of the program's main module, and of orders that come too late."""

from pathlib import Path

from worker_programs import finish, start

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


def run(folder: Path, text: str):
    script = folder / "program.py"
    script.write_text(text)
    return finish(start(script))


def test_what_a_script_defines_is_found(tmp_path):
    assert run(tmp_path, DEFINITIONS + GUARD + "    loop()") == (EXPECTED, "")


def test_a_script_that_guards_nothing_is_told_to(tmp_path):
    out, err = run(tmp_path, DEFINITIONS + "loop()")
    assert out == ""
    said = err.rstrip().splitlines()[-1]
    assert said.startswith("RuntimeError: DataLoader: a worker process imports ")
    assert 'Put what the program does under `if __name__ == "__main__":`' in said
    assert 'worker_type="thread"' in said


def test_a_script_that_exits_when_it_is_imported_ends_no_other_process(tmp_path):
    out, err = run(tmp_path, DEFINITIONS + GUARD + "    loop()\nelse:\n    raise SystemExit(3)")
    assert out == ""
    assert "got SystemExit: 3" in err


def test_what_is_defined_in_the_guarded_part_is_not_found_and_that_is_said(tmp_path):
    inside = GUARD + "    class Squares(Dataset):\n        def __getitem__(self, i):\n            return i\n"
    inside += "        def __len__(self):\n            return 2\n    loop()"
    out, err = run(tmp_path, DEFINITIONS.replace("class Squares", "class Other") + inside)
    assert out == ""
    said = err.rstrip().splitlines()[-1]
    assert said.startswith("RuntimeError: DataLoader: a worker process cannot put together what it was sent")
    assert "'Squares'" in said


def test_what_is_typed_in_is_refused_before_a_process_is_started():
    _, err = finish(start("-", stdin=-1), DEFINITIONS + "loop()\n")
    said = err.rstrip().splitlines()[-1]
    assert said.startswith("TypeError: DataLoader: dataset, a __main__.Squares,")
    assert "notebook" in said
