"""No test of the benchmark reads a real clock."""

from ticking import ticking as ticking
