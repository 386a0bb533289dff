"""Rules for the learning rate: from the rate of one batch size to those of the others."""

from __future__ import annotations

import math

RULES = ("tune", "constant", "sqrt", "linear")


def scaled(rule: str, rate: float, found_at: int, batch_size: int) -> float:
    """The learning rate that a rule gives for a batch size.

    "linear" is what a loss summed over the batch does when its rate stays fixed (Goyal et al., "Accurate, Large
    Minibatch SGD", 2017); "sqrt" keeps the noise of a step the same (Krizhevsky, "One weird trick", 2014).

    Args:
        rule: "constant", "sqrt" or "linear".
        rate: the known rate.
        found_at: the batch size of that rate.
        batch_size: the one to find a rate for.

    >>> [scaled(rule, 0.1, 64, 256) for rule in ("constant", "sqrt", "linear")]
    [0.1, 0.2, 0.4]
    """
    ratio = batch_size / found_at
    return rate * {"constant": 1.0, "sqrt": math.sqrt(ratio), "linear": ratio}[rule]


def rule_in_words(rule: str, rate: float, found_at: int) -> str:
    """The rule in words.

    >>> rule_in_words("linear", 0.1, 64)
    '0.1 · B/64, tuned at 64'
    """
    if rule == "tune":
        return "tuned at each batch size"
    factor = {"constant": "", "sqrt": f" · √(B/{found_at})", "linear": f" · B/{found_at}"}[rule]
    return f"{rate:.3g}{factor}, tuned at {found_at}"
