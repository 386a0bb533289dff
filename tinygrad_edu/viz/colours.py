"""The colours of drawings, each at a contrast of 3 or more to white and to black: none is the only sign of anything."""

from __future__ import annotations

BLUE, ORANGE, GREEN, GREY = "#3b82d6", "#d0741c", "#2f9e6e", "#808080"
