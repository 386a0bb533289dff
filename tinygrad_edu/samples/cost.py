"""Cost: what per-sample gradients take, in words and bytes."""

from __future__ import annotations

from dataclasses import dataclass

from .results import size_in_words

FULL = "full gradients"  # what is kept where there is nothing to save, or where it was asked for


@dataclass(frozen=True)
class Cost:
    """What the per-sample gradients of one parameter cost.

    Attributes:
        kept: what is kept, one entry for each kind: "outer products" (their factors), "rows of a table",
            "full gradients" or "norms".
        uses: how often the parameter is used in the graph.
        route: what norms are computed from: "factors"; "blocks" of full gradients, computed and dropped one after
            the other; or "norms", where these were kept.
        bytes: the memory of what is kept, most of which an ordinary backward pass uses as well.
        dense_bytes: the memory of the full gradients of all samples, as `materialize` returns them.
        seeded: why a small backward pass for each sample is needed; empty if none is.

    >>> import tinygrad_edu as tg
    >>> w = tg.ones(2, requires_grad=True)
    >>> (tg.ones(3, 2) @ w).backward(per_sample=True)
    >>> print(w.sample_grads.cost())
    kept: outer products, 60 bytes (full gradients: 24 bytes); uses: 1; norms from factors
    """

    kept: tuple[str, ...]
    uses: int
    route: str
    bytes: int
    dense_bytes: int
    seeded: str = ""

    def __str__(self) -> str:
        kept = f"{', '.join(self.kept) or 'nothing'}, {size_in_words(self.bytes)}"
        if self.kept != (FULL,):
            kept += f" ({FULL}: {size_in_words(self.dense_bytes)})"
        route = "" if self.route == "norms" else f"norms from {self.route}"
        return "; ".join(filter(None, [f"kept: {kept}", f"uses: {self.uses}", route, self.seeded]))
