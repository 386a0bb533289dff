"""The command `tinygrad-edu`: `demo`, `check` and `bench`."""

from .command import main as main
