"""Module: a part of a model, made of parameters, buffers and other modules."""
