"""Numeric derivatives, and the routes by which gradients are compared with them."""
