"""The colours of drawings are seen on light and on dark pages."""

from __future__ import annotations

import pytest

from tinygrad_edu.viz import colours


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("name", ["BLUE", "ORANGE", "GREEN", "GREY"])
@pytest.mark.parametrize("page", ["#ffffff", "#131416"])
def test_contrast_to_the_page(name: str, page: str) -> None:
    low, high = sorted([luminance(getattr(colours, name)), luminance(page)])
    assert (high + 0.05) / (low + 0.05) >= 3
