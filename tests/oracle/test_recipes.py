"""The recipes for gradients of other libraries: right ones pass as the page has them, wrong ones are found."""

from __future__ import annotations

import importlib.metadata
import re
from pathlib import Path
from typing import Any

import pytest

from tinygrad_edu.testing import GradcheckError

PAGE = Path(__file__).parents[2] / "docs" / "test-gradients-written-by-hand.md"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
RECIPES = {
    library: next(code for code in BLOCKS if re.search(rf"^(import|from) {library}\b", code, re.MULTILINE))
    for library in ("torch", "jax", "autograd")
}


def made_by(library: str, code: str) -> list[Any]:
    """The tests that a recipe makes."""
    try:
        importlib.metadata.version(library)  # a folder of tests has the name of a library, too
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"{library} is not installed")
    scope: dict[str, Any] = {"__name__": f"recipe_for_{library}"}
    exec(compile(code, f"recipe for {library}", "exec"), scope)
    return [value for name, value in scope.items() if name.startswith("test_")]


@pytest.mark.parametrize("library", RECIPES)
def test_recipes_pass(library: str) -> None:
    assert library in RECIPES[library]
    (test,) = made_by(library, RECIPES[library])
    test()


@pytest.mark.parametrize("library", RECIPES)
@pytest.mark.parametrize(
    "mistake", [("3 * x**2 * g", "2 * x**2 * g"), ("3 * x**2 * g", "3 * x * abs(x) * g")], ids=["factor", "sign"]
)
def test_recipes_find_a_mistake(library: str, mistake: tuple[str, str]) -> None:
    code = RECIPES[library]
    assert code.count(mistake[0]) == 1
    (test,) = made_by(library, code.replace(*mistake))
    with pytest.raises(GradcheckError, match="the gradient is wrong"):
        test()
