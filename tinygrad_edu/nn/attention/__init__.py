"""Attention, and the transformers that are made of it."""

from .multihead import *
from .transformer import *
from .transformer_layers import *
