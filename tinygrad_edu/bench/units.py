"""How numbers are written: with readable units, and with no more digits than are meaningful."""

from __future__ import annotations

import math

NOTHING = "–"  # for a missing number

SECONDS = ((1e-9, "ns"), (1e-6, "µs"), (1e-3, "ms"), (1.0, "s"), (60.0, "min"), (3600.0, "h"))
BYTES = ((1, "B"), (2**10, "KiB"), (2**20, "MiB"), (2**30, "GiB"), (2**40, "TiB"))
LARGE = ((1e6, "M"), (1e9, "G"), (1e12, "T"))


def number(value: float | None, digits: int = 3) -> str:
    """A number with that many significant digits; digits before the point are never dropped.

    >>> number(0.123456), number(12345.6), number(3.0), number(float("nan"))
    ('0.123', '12,346', '3', '–')
    """
    if value is None or math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if value and not 1e-4 <= abs(value) < 1e15:
        return f"{value:.{digits}g}"
    places = 0 if not value else max(0, digits - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def amount(value: float | None) -> str:
    """A large number in short form.

    >>> amount(950.0), amount(45678.0), amount(1.5e6)
    ('950', '45,678', '1.5 M')
    """
    if value is None or not math.isfinite(value) or abs(value) < 1e6:
        return number(value)
    return _scaled(value, LARGE)


def seconds(value: float | None) -> str:
    """A time in a suitable unit.

    >>> seconds(4.3e-7), seconds(1.05e-4), seconds(0.0123), seconds(0.0), seconds(75.0), seconds(600.0)
    ('0.43 µs', '105 µs', '12.3 ms', '0 s', '75 s', '10 min')
    """
    if value is None or not math.isfinite(value):
        return number(value)
    size = abs(value)
    if not size:
        return "0 s"
    if 1e-7 <= size < 1e-6:
        return f"{number(value / 1e-6)} µs"
    units = SECONDS[:-2] if size < 120 else SECONDS[:-1] if size < 7200 else SECONDS
    return _scaled(value, units)


def about(value: float | None) -> str:
    """A large number with three digits, for use in sentences.

    >>> about(841622.0), about(21199077), about(12.0)
    ('842,000', '21.2 M', '12')
    """
    return amount(float(f"{value:.3g}") if value is not None and math.isfinite(value) else value)


def short(value: float) -> str:
    """A count in little space, as on an axis.

    >>> short(1024.0), short(16384.0), short(300000.0), short(2.5e6), short(0.5)
    ('1024', '16.4k', '300k', '2.5M', '0.5')
    """
    if abs(value) < 1e4:
        return number(value).replace(",", "")
    scaled = _scaled(value, ((1e3, "k"), (1e6, "M"), (1e9, "G"), (1e12, "T")))
    return scaled.replace(" ", "")


def batch(value: float | None) -> str:
    """A batch size, or a noise scale: rounded from 10 on, with a comma from five digits on.

    >>> batch(1024), batch(135.3), batch(60.3), batch(7.25), batch(16384), batch(None)
    ('1024', '135', '60', '7.2', '16,384', '–')
    """
    if value is None or not math.isfinite(value):
        return number(value)
    if abs(value) < 10:
        return number(value, 2)
    return f"{value:.0f}" if abs(value) < 9999.5 else f"{value:,.0f}"


def bytes_(value: float | None) -> str:
    """A size of memory.

    >>> bytes_(300), bytes_(1536), bytes_(5 * 2**20)
    ('300 B', '1.5 KiB', '5 MiB')
    """
    return number(value) if value is None or not math.isfinite(value) else _scaled(value, BYTES)


def percent(share: float | None) -> str:
    """A share as a percentage.

    >>> percent(0.0734), percent(float("nan"))
    ('7.3 %', '–')
    """
    return NOTHING if share is None or math.isnan(share) else f"{number(100 * share, 2)} %"


def rate(value: float | None) -> str:
    """A learning rate.

    >>> rate(0.05), rate(0.0123456), rate(3e-05)
    ('0.05', '0.0123', '3e-05')
    """
    return number(value)


def log_ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers from `low` to `high` for a logarithmic axis.

    Args:
        low: greater than 0.
        high: greater than `low`.
        most: about how many.

    >>> log_ticks(0.8, 120.0), log_ticks(1.2, 3.4)
    ([1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0], [1.5, 2.0, 2.5, 3.0])
    """
    if high < 3 * low:
        return _even(low, high, most)
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    for steps in ((1, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,)):
        ticks = [float(f"{m}e{k}") for k in range(first, last + 1) for m in steps]
        ticks = [tick for tick in ticks if low <= tick <= high]
        if len(ticks) <= most + 1:
            break
    return ticks[:: -(-len(ticks) // (most + 1))]


def powers_of_two(low: float, high: float, most: int = 6) -> list[float]:
    """Powers of two from `low` to `high`; powers of 4, 16 or 1024 if there are more than `most`.

    These are round in KiB, MiB and GiB too.

    >>> powers_of_two(0.9, 40.0), powers_of_two(1.0, 1024.0), powers_of_two(1.0, 1024.0, 4)
    ([1.0, 2.0, 4.0, 8.0, 16.0, 32.0], [1.0, 4.0, 16.0, 64.0, 256.0, 1024.0], [1.0, 16.0, 256.0])
    """
    first, last = math.ceil(math.log2(low)), math.floor(math.log2(high))
    ticks: list[float] = []
    for every in (1, 2, 4, 10):
        ticks = [2.0**k for k in range(first, last + 1) if k % every == 0]
        if len(ticks) <= most:
            break
    return ticks


def _even(low: float, high: float, most: int) -> list[float]:
    """Round numbers, evenly spaced."""
    unit = math.floor(math.log10((high - low) / most))
    for factor in (1, 2, 5, 10, 20):
        first, last = math.ceil(low / factor / 10.0**unit), math.floor(high / factor / 10.0**unit)
        if last - first <= most:
            break
    ticks = [float(f"{k * factor}e{unit}") for k in range(first, last + 1)]
    return [tick for tick in ticks if low <= tick <= high]


def _scaled(value: float, units: tuple[tuple[float, str], ...]) -> str:
    """The value in the largest unit that it contains at least once."""
    size, unit = units[0]
    for larger, name in units[1:]:
        if abs(value) >= larger * 0.9995:  # what would otherwise be written as 1,000 of the smaller unit
            size, unit = larger, name
    return f"{number(value / size)} {unit}"
