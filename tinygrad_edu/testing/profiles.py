"""How many examples a property tries."""

from __future__ import annotations

import os
import sys
from typing import NamedTuple


class Profile(NamedTuple):
    """How thorough a property is.

    Attributes:
        max_examples: how many examples it tries.
        derandomize: whether these are the same in every run.
    """

    max_examples: int
    derandomize: bool = False


PROFILES = {"quick": Profile(25), "ci": Profile(100, derandomize=True), "deep": Profile(1000)}
"""The profiles by name."""


def current_profile() -> str:
    """The profile of the current pytest run; without one, "ci" if the environment variable CI is set.

    >>> current_profile() in PROFILES
    True
    """
    chosen = getattr(sys.modules.get("_tinygrad_edu_pytest"), "profile", None)
    return chosen or ("ci" if os.environ.get("CI") else "quick")
