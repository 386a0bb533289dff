"""The batch size that reaches a target soonest, from a property of the machine and a property of the data.

A step of B samples costs t(B) = a + b·B. The steps to a target fall as S(B) = Smin·(1 + N/B), where N is the gradient
noise scale (McCandlish et al., "An Empirical Model of Large-Batch Training", 2018). So the time to the target is

    T(B) = Smin·(a + b·B)·(1 + N/B) = Smin·(a + b·N + b·B + a·N/B),

whose last two terms are equal where their sum is least: at B* = √(N·a/b).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..problem.sizes import powers_of_two

HALF_WAY = 0.6  # octaves from B*: the formula cannot tell such a size from one 0.4 away on the other side


def optimum(noise: float, balance: float) -> float:
    """B* = √(N·a/b).

    Args:
        noise: N, the noise scale.
        balance: a/b, the batch size at which a step's overhead and its arithmetic cost the same.

    >>> optimum(noise=75, balance=243)
    135.0
    """
    return math.sqrt(noise * balance)


def relative_time(batch_size: float, noise: float, balance: float) -> float:
    """T(B) in units of Smin·b: (a/b + B)(1 + N/B).

    >>> relative_time(10, noise=10, balance=10)
    40.0
    """
    return (balance + batch_size) * (1 + noise / batch_size)


def excess(batch_size: float, noise: float, balance: float, least: float = 0.0, most: float = math.inf) -> float:
    """T(B)/T(best), 1 or more: how much longer it takes than with B*, or with the nearest possible batch size.

    Args:
        batch_size: B.
        noise: N, the noise scale.
        balance: a/b.
        least, most: the smallest and the largest possible batch.

    >>> excess(10, noise=10, balance=10), excess(20, noise=10, balance=10)
    (1.0, 1.125)
    """
    best = min(max(optimum(noise, balance), least), most)
    return relative_time(batch_size, noise, balance) / relative_time(best, noise, balance)


def within(
    share: float, noise: float, balance: float, least: float = 0.0, most: float = math.inf
) -> tuple[float, float]:
    """The lowest and highest B with T(B) ≤ (1 + share)·T(best), where the best is B*, or the nearest possible size.

    B + (N·a/b)/B is then the sum of the two ends, and N·a/b is their product.

    Args:
        share: how much longer than with the best.
        noise: N, the noise scale.
        balance: a/b.
        least, most: the smallest and the largest possible batch. The ends may lie beyond.

    >>> low, high = within(0.125, noise=10, balance=10)
    >>> round(low, 9), round(high, 9)
    (5.0, 20.0)
    """
    best = min(max(optimum(noise, balance), least), most)
    total = (1 + share) * relative_time(best, noise, balance) - balance - noise
    high = (total + math.sqrt(max(total * total - 4 * noise * balance, 0.0))) / 2
    return noise * balance / high, high


def near_sizes(best: float, count: int, allowed: Sequence[int] | None = None) -> list[int]:
    """The power of two, or the allowed size, nearest to B*; and the next one if B* is about half-way between them.

    T(B) depends on B through B/B* + B*/B alone: so nearness is measured by the ratio. Beyond the data it is the full
    batch.

    >>> near_sizes(135.0, 1000), near_sizes(185.0, 1000), near_sizes(5000.0, 1437)
    ([128], [256, 128], [1437])
    >>> near_sizes(135.0, 1000, [32, 96, 512])
    [96]
    """
    if not allowed and best >= count:
        return [count]
    sizes = list(allowed) if allowed else powers_of_two(count)
    far = {size: abs(math.log2(size / best)) for size in sizes if size <= count}
    nearest, *others = sorted(far, key=far.__getitem__)
    return [nearest, *[size for size in others if far[size] <= HALF_WAY]]
