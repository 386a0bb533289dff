"""Normalization: within each sample, or over a batch."""

from .batch_norm import *
from .instance_norm import *
from .within_samples import *
