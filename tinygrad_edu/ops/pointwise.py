"""How most ops are declared: each works element by element, and its rules make new arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ParamSpec

from ..engine.op import Cases, Rule
from ..engine.primitives import primitive
from ..sample_rules.families import elementwise

if TYPE_CHECKING:
    from ..engine.typing import Tensor


P = ParamSpec("P")


def pointwise(
    *,
    vjps: Sequence[Rule | None],
    saves: Sequence[str],
    numpy: Callable[..., Any] | tuple[Callable[..., Any], ...] = (),
    domain: tuple[float, float] = (-2.0, 2.0),
    cases: Cases | None = None,
    single: bool = False,
) -> Callable[[Callable[P, Any]], Callable[P, Tensor]]:
    """`primitive` with ``fresh=True`` and the sample rule `elementwise`."""
    return primitive(
        vjps=vjps,
        saves=saves,
        fresh=True,
        numpy=numpy,
        domain=domain,
        cases=cases,
        single=single,
        samples=elementwise,
    )
