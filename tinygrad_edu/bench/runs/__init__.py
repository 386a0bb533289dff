"""Training runs to a target, and learning rates for them."""
