"""The pytest plugin by another name, for where the package is used without being installed:

    pytest -p tinygrad_edu.testing.pytest_plugin

Installing the package makes pytest load `_tinygrad_edu_pytest` by itself, as the plugin `tinygrad_edu`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Load the plugin under the name that it has when it is installed, so that it is never loaded twice."""
    import _tinygrad_edu_pytest

    if not pluginmanager.has_plugin("tinygrad_edu"):
        pluginmanager.register(_tinygrad_edu_pytest, "tinygrad_edu")
