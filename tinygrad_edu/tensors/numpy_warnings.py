"""NumPy's warnings about numbers (a division by zero, an overflow), reported for the user's line, not ours.

NumPy reports the line that called it, which is a line of this library. Changing that in the ops would cost time in
every step. So it is done in the filter of warnings, which runs only when there is a warning.

A filter that a program makes after the import comes before this one, and is asked first. If it lets the warning pass
("always", "default") or makes it an error, as within `pytest.warns` or `warnings.catch_warnings` with
`simplefilter("always")`, NumPy's own text and a line of this library are what is shown. `tinygrad_edu`'s pytest plugin
puts the filter in front again before each test, so that the filters of a whole run do not hide it.
"""

from __future__ import annotations

import os
import re
import sys
import warnings
from types import FrameType
from typing import Any

from ..engine import backprop, recording
from ..engine.callsite import PACKAGE, beyond_numpy, users_frame, warn
from ..engine.graph import Node
from ..engine.op import Primitive

# NumPy's whole text: a warning that is issued again here is longer, and does not match.
_ABOUT_NUMBERS = re.compile(
    r"((divide by zero|overflow|underflow|invalid value) encountered in \w+"
    r"|Mean of empty slice\.?|Degrees of freedom <= 0 for slice\.?)$"
)
_OPTIM = os.path.join(PACKAGE, "optim")


class _Hook:
    """In the place of a filter's pattern: matches a warning from inside the library, and gives it again."""

    def match(self, text: str) -> bool:
        """Whether it was handled."""
        if not _ABOUT_NUMBERS.match(text):
            return False
        frame = beyond_numpy(sys._getframe(1))
        if frame is None or not frame.f_code.co_filename.startswith(PACKAGE) or users_frame(frame) is None:
            return False
        warn(f"{text} ({_where(frame)})", RuntimeWarning)
        return True


def _where(frame: FrameType | None) -> str:
    """Which op, or step of an optimizer, runs in a frame of the library."""
    found = ""
    while frame is not None and frame.f_code.co_filename.startswith(PACKAGE):
        file, values = frame.f_code.co_filename, frame.f_locals.values()
        if file == backprop.__file__:
            for node in values:
                if isinstance(node, Node):
                    return f"in the backward of {node.op.name}"
        elif not found and file == recording.__file__:
            found = next((f"in the op {op.name}" for op in values if isinstance(op, Primitive)), "")
        elif not found and file.startswith(_OPTIM) and frame.f_code.co_name == "step":
            found = f"in {type(frame.f_locals[frame.f_code.co_varnames[0]]).__name__}.step()"
        frame = beyond_numpy(frame.f_back)
    return found or "in tinygrad_edu"


def install() -> None:
    """Put the filter in front of all others, if it is not there already; later ones come before it."""
    entries: Any = warnings.filters
    if not (entries and isinstance(entries[0][1], _Hook)):
        others = [entry for entry in entries if not isinstance(entry[1], _Hook)]
        entries[:] = [("ignore", _Hook(), RuntimeWarning, None, 0), *others]
