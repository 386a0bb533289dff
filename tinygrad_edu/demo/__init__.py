"""The demo: train a model on handwritten digits, then open one of its gradients."""

from __future__ import annotations

import math

from .settings import Settings

__all__ = ["Diverged", "Settings", "run"]


class Diverged(Exception):
    """The cost is no longer a finite number."""


def run(settings: Settings) -> None:
    """Train, show the progress, and open the gradient of one weight; prints to the terminal.

    Raises:
        Diverged: if the cost becomes infinite or NaN.
    """
    from . import digits, opened, show

    screen = show.Screen()
    training = digits.Training(settings)
    screen.introduce(training)
    with screen.progress(settings.epochs) as report:
        for epoch in training.epochs():
            if not math.isfinite(epoch.cost):
                raise Diverged(
                    f"the cost became {epoch.cost:g} in epoch {epoch.number}: the steps are too large. "
                    f"Try a smaller --lr than {settings.rate:g} (the default for {settings.optimizer} "
                    f"is {settings.usual_rate:g})"
                )
            report(epoch)
    screen.conclude(training, epoch)
    screen.open(opened.open_gradient(training.model, *training.hard_samples()))
    screen.suggest(settings)
