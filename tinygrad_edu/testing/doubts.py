"""Why a check is inconclusive: neither right nor wrong."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..dtypes import Array
from .report import Finding

_KINK = "the slopes on both sides differ, as at a kink or a tie"
_ROUGH = "the function is too rough there for differences, or not defined nearby"


def reasons(findings: Sequence[Finding]) -> str:
    """Why elements are inconclusive, in words.

    >>> import numpy as np
    >>> from tinygrad_edu.testing import GradcheckError, gradcheck_vjp
    >>> try:
    ...     gradcheck_vjp(lambda x: (x + 1e12) - 1e12, lambda g, x: g, np.array([0.3, 0.4]))
    ... except GradcheckError as error:
    ...     print(error.report.verdict, reasons(error.report.findings), sep=": ")
    inconclusive: rounding inside the function is about ...: its derivative is known to ...
    """
    texts = []
    blurred, noisy, kinks = (_of(findings, kind) for kind in ("blurred", "noise", "kinks"))
    for finding, mask in zip(findings, noisy, strict=True):
        mask &= ~np.broadcast_to(finding.blurred, mask.shape)
    if any(mask.any() for mask in noisy):
        noise = max([float(f.noise[mask].max(initial=0.0)) for f, mask in zip(findings, noisy, strict=True)])
        known = _digits(findings, noisy)
        texts.append(f"rounding inside the function is about {noise:.0e}: its derivative is known to {known}")
    if any(mask.any() for mask in blurred):
        noise = max([float(f.noise[mask].max(initial=0.0)) for f, mask in zip(findings, blurred, strict=True)])
        texts.append(f"rounding inside the gradient is about {noise:.0e}, enough to explain what it is off by")
    if any(mask.any() for mask in kinks):
        texts.append(_KINK)
    masks = zip(findings, blurred, noisy, kinks, strict=True)
    if any((f.inconclusive & ~(b | n | k)).any() for f, b, n, k in masks):
        texts.append(_ROUGH)
    return "; ".join(texts)


def _of(findings: Sequence[Finding], kind: str) -> list[Array]:
    """For each finding the inconclusive elements of a kind."""
    return [f.inconclusive & (np.broadcast_to(getattr(f, kind), f.inconclusive.shape) != 0) for f in findings]


def _digits(findings: Sequence[Finding], masks: Sequence[Array]) -> str:
    """How many digits of derivatives are known."""
    parts = zip(findings, masks, strict=True)
    shares = np.concatenate([(8 * f.error[mask] / (np.abs(f.numeric[mask]) + 1e-300)) for f, mask in parts])
    share = float(np.median(shares))
    digits = 0 if not math.isfinite(share) or share >= 1 else math.floor(-math.log10(share))
    return f"{digits} digit{'s' * (digits > 1)}" if digits else "no digit"
