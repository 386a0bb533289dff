"""Module: a part of a model, made of parameters, buffers and other modules."""

from .module import Module as Module
