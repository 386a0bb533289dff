"""Cost: what per-sample gradients take, in words and bytes."""

from __future__ import annotations

from dataclasses import dataclass

from .results import size_in_words


@dataclass(frozen=True)
class Cost:
    """What the per-sample gradients of one parameter cost.

    Attributes:
        kept: what is kept: a few words for each kind of factor.
        uses: at how many places the samples meet the parameter.
        route: how norms are computed: "factors", or "blocks" of gradients written out and let go of again.
        bytes: the memory of what is kept, most of which a plain backward pass has as well.
        dense_bytes: the memory of all gradients written out, as `materialize` returns them.
        seeded: whether it takes a small backward pass for each sample, and why; empty if not.

    >>> import tinygrad_edu as tg
    >>> w = tg.ones(2, requires_grad=True)
    >>> (tg.ones(3, 2) @ w).backward(per_sample=True)
    >>> w.sample_grads.cost().route
    'factors'
    """

    kept: tuple[str, ...]
    uses: int
    route: str
    bytes: int
    dense_bytes: int
    seeded: str = ""

    def __str__(self) -> str:
        kept = ", ".join(self.kept) or "nothing"
        note = f"; {self.seeded}" if self.seeded else ""
        return (
            f"kept: {kept} ({size_in_words(self.bytes)}; written out: {size_in_words(self.dense_bytes)}); "
            f"uses: {self.uses}; norms from {self.route}{note}"
        )
