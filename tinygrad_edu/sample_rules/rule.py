"""Sample rules: how the samples of a batch stay apart in an op.

A sample rule answers one question about a call of an op above all: if each element of the result belongs to one
sample, to which sample does each element of the arguments belong?
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any, TypeAlias

from ..engine.graph import Node
from .contributions import Contribution
from .ids import SampleIds, Use

__all__ = ["Makes", "SampleRule", "value_of"]

Found: TypeAlias = "SampleIds | Use | None"


class Makes(Enum):
    """What an op makes of its arguments.

    Attributes:
        NUMBERS: new numbers.
        ARRAYS: it puts arrays together, or takes one apart.
        FORM: it gives one array another form.
    """

    NUMBERS = "numbers"
    ARRAYS = "arrays"
    FORM = "form"


class SampleRule:
    """The family of an op. `ids_of(node, ids)` gives the ids of each argument, or how it is used.

    Attributes:
        mixing: whether samples may meet in such an op, so that its calls keep the line that made them.
        through: whether its contributions are `Through` another argument: they are taken after the vjp rules then.
        makes: what the op makes: where it is just an array of others, samples may be together, but have met elsewhere.
        instead: what to do where samples meet in it, if there is more to say than of any op.
    """

    mixing = True
    through = False
    makes = Makes.NUMBERS
    instead = ""

    def ids_of(self, node: Node, ids: Any) -> Sequence[Found]:
        """For each argument its ids, or a `Use`; None where it has no gradient.

        `ids` are those of the result, a tuple of them (or None) for an op with several results.
        """
        raise NotImplementedError

    def exactly(self, node: Node, ids: Any) -> Sequence[Found]:
        """As `ids_of`, which may take more for a sample's own, or for shared, than is: if it is simpler.

        Elements that several samples use may belong to the `CROWD`, instead of making all of them `SHARED`.
        """
        return self.ids_of(node, ids)

    def mixed_data(self, node: Node, ids: Any) -> Any:
        """An argument that it takes across samples although no gradient goes there, which `ids_of` would show; or None.

        What is data for all of a graph is taken as it stands. This is for an op that is known for mixing samples.
        """
        return None

    def permutes(self, node: Node) -> bool:
        """Whether each element of the result is an element of the first argument, and no two are the same one."""
        return False

    def reorders(self, node: Node) -> tuple[int, ...] | None:
        """The axes of the first argument in the order that the result has them, if that is all there is to it."""
        return None

    def looks_up(self, node: Node) -> bool:
        """Whether it reads rows at places that are named one by one, so that a row may be read several times."""
        return False

    def contribution(self, node: Node, argument: int, ids: Any, g: Any, args: Sequence[Any]) -> Contribution | None:
        """What an argument that samples share gets of the gradient `g` of the result; None if that is not known.

        Args:
            node: the call.
            argument: the number of the argument.
            ids: as for `ids_of`.
            g: an array, or a Tensor where derivatives of the gradients are wanted.
            args: the arguments that the vjp rules read, as arrays or Tensors.
        """
        return None


def value_of(node: Node, name: str) -> Any:
    """The argument `name` of a call."""
    return node.args[node.op.parameters.index(name)]  # type: ignore[index]
