"""The colours of figures and pages, in light and in dark mode."""

from __future__ import annotations

# Each has a role and becomes a CSS variable, so no two may be the same.
INK, SOFT, GRID, PAPER = "#1f2430", "#667085", "#e4e7ec", "#fefefe"
ACCENT, SECOND, THIRD = "#2563c9", "#c2570c", "#4b8b6f"
ROLES = {
    INK: "--ink",
    SOFT: "--soft",
    GRID: "--grid",
    PAPER: "--paper",
    ACCENT: "--accent",
    SECOND: "--second",
    THIRD: "--third",
}
LIGHT = {name: colour for colour, name in ROLES.items()}
DARK = {
    "--ink": "#e8eaee",
    "--soft": "#99a1b0",
    "--grid": "#2f3541",
    "--paper": "#171a20",
    "--accent": "#7fadf8",
    "--second": "#f0a05c",
    "--third": "#7cc4a3",
}
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
