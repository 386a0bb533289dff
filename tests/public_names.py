"""What users are shown of the library: its public packages, and the names in each."""

from __future__ import annotations

import inspect
from types import ModuleType
from typing import Any

import tinygrad_edu as tg


def packages(package: ModuleType = tg) -> list[ModuleType]:
    """The package, and those that `dir` shows in it and in these."""
    inner = [value for value in names(package).values() if inspect.ismodule(value)]
    return [package, *(found for value in inner for found in packages(value))]


def names(package: ModuleType) -> dict[str, Any]:
    """What `dir` shows of a package."""
    return {name: getattr(package, name) for name in dir(package)}
