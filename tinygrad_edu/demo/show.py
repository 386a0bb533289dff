"""What the demo prints: live in a terminal, plain in a file."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .digits import CLASSES, HIDDEN, SIDE, Epoch, Training
from .opened import OpenedGradient
from .settings import Settings

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


GOAL = 0.97  # the test accuracy that the default settings reach
LINES = 5  # about how many epochs get a line
FILE_WIDTH = 80  # the width when printing to a file
WIDE = 80  # what the whole table may need
TEXT_WIDTH = 96  # longer lines are hard to read

# Paragraphs; their line ends are spaces.
TASK = """
{train} images of {side} × {side} pixels for training, {test} others for testing. Layers of {inputs}, {hidden} and
{classes} units: {weights} weights. Optimizer {optimizer}, learning rate {rate:g}, batch size {batch_size}, seed {seed}.
"""
TOO_FEW = """
The default settings reach {goal:.0%}. More epochs may help, or another --lr (for {optimizer} the default is
{usual:g}).
"""
UNEVEN = """
{samples} = {full} × {batch_size} + {rest}: the last batch of each epoch held {rest} images, not
{batch_size}. Nothing was dropped or reweighted: the cost of a batch is a sum, so its gradient is one, and
optimizer.step(samples={rest}) divided it by {rest}.
"""
EVEN = """
{samples} images make {full} batches of {batch_size}, the last one as full as the others. A smaller one
would need no special care: optimizer.step(samples=n) divides each batch's sum by its own n.
"""
ONE_BATCH = """
Each step used all {samples} images at once: the cost is the sum over them, and
optimizer.step(samples={samples}) divided its gradient by {samples}.
"""
WHICH_WEIGHT = """
The batch has ten test images: for each digit, the one that the model finds hardest. The weight is the one of the
last layer at which they pull hardest: from hidden unit {unit} to the output for {output}. Its gradient is a sum with
one term for each image:
"""
WHERE_FROM = """
x is the output of unit {unit} for an image. δ is the derivative of that image's own cost with respect to the layer's
output. backward(per_sample=True) keeps both; weight.sample_grads.explain(({output}, {unit})) shows them. For
cross-entropy, δ is p({output}), the probability that the model gives to {output}, minus 1 if the image shows
{article} {output}.
"""
ALL_ZERO = """
Every term is zero: no unit of the hidden layer is active for these images any more. Steps that are too large cause
this, and then nothing more is learned. Try a smaller --lr.
"""
WHICH_IMAGE = """
A positive term asks for a smaller weight, a negative one for a larger weight. The image of {article} {digit} alone
is {share:.0%} of the total pull. The sum does not show that.
"""


class Screen:
    """Writes to standard output through rich."""

    console: Console

    def __init__(self) -> None:
        from rich.console import Console

        self.console = Console(highlight=False)
        if not self.console.is_terminal:
            self.console = Console(highlight=False, width=FILE_WIDTH)

    def title(self, text: str, style: str = "bold") -> None:
        """Print a line that stands out."""
        self.console.print(text, style=style)

    def line(self, text: str = "") -> None:
        """Print a line as it is."""
        self.console.print(text, markup=False, soft_wrap=True)

    def paragraph(self, text: str, **fields: Any) -> None:
        """Print a text with its fields filled in, wrapped to a readable width."""
        self.line(textwrap.fill(text.format(**fields).strip(), min(self.console.width, TEXT_WIDTH)))

    def introduce(self, training: Training) -> None:
        """Say what comes next."""
        settings = training.settings
        self.title("Learning to read handwritten digits")
        self.paragraph(
            TASK,
            train=len(training.train),
            test=len(training.test_digits),
            side=SIDE,
            inputs=SIDE * SIDE,
            hidden=HIDDEN,
            classes=CLASSES,
            weights=sum(p.array.size for p in training.model.parameters()),
            optimizer=settings.optimizer,
            rate=settings.rate,
            batch_size=min(settings.batch_size, len(training.train)),
            seed=settings.seed,
        )
        self.line()

    @contextmanager
    def progress(self, epochs: int) -> Iterator[Callable[[Epoch], None]]:
        """Show a progress bar, and a line for some epochs; yields the function to call after each epoch."""
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        every = -(-epochs // LINES)
        columns = (TextColumn("  epoch"), MofNCompleteColumn(), BarColumn(24), TimeElapsedColumn())
        latest = TextColumn("{task.description}")
        terminal = self.console.is_terminal
        self.line("  epoch   cost per image   test accuracy")
        with Progress(*columns, latest, console=self.console, transient=True, disable=not terminal) as bar:
            task = bar.add_task("", total=epochs)

            def report(epoch: Epoch) -> None:
                cost, accuracy = f"{epoch.cost:.4f}", f"{epoch.accuracy:.1%}"
                bar.update(task, completed=epoch.number, description=f"{cost}  {accuracy}")
                if epoch.number in (1, epochs) or epoch.number % every == 0:
                    self.line(f"{epoch.number:7d} {cost:>16} {accuracy:>15}")

            yield report

    def conclude(self, training: Training, epoch: Epoch) -> None:
        """Say how good the model is, and what happened to the last batch."""
        settings = training.settings
        good = epoch.accuracy >= GOAL
        self.line()
        self.title(
            f"{epoch.right} of {epoch.tested} test images are read right: {epoch.accuracy:.1%}",
            "bold green" if good else "bold yellow",
        )
        if not good:
            self.paragraph(TOO_FEW, goal=GOAL, optimizer=settings.optimizer, usual=settings.usual_rate)
        self.paragraph(last_batch(len(training.train), settings.batch_size))
        self.line()

    def open(self, opened: OpenedGradient) -> None:
        """Show a gradient as a sum, and where its parts come from."""
        self.title("Opening a gradient")
        self.paragraph(WHICH_WEIGHT, unit=opened.unit, output=opened.output)
        self.console.print(gradient_table(opened, self.console.width))
        article = _article(opened.output)
        self.paragraph(WHERE_FROM, unit=opened.unit, output=opened.output, article=article)
        sizes = np.abs(opened.terms)
        if sizes.any():
            most = sizes.argmax()
            digit, share = opened.digits[most], sizes[most] / sizes.sum()
            self.paragraph(WHICH_IMAGE, article=_article(digit), digit=digit, share=share)
        else:
            self.paragraph(ALL_ZERO)
        self.line()

    def suggest(self, settings: Settings) -> None:
        """Say what to try next."""
        batch_size = 8 if settings.batch_size != 8 else 64
        optimizer = "sgd" if settings.optimizer != "sgd" else "adam"
        program = program_name()
        suggestions = {
            f"{program} demo --batch-size {batch_size}": "other batches, other steps",
            f"{program} demo --optimizer {optimizer}": "another optimizer",
            f"{program} demo --seed {settings.seed + 1}": "other images to test with",
            "README.md": "a model of your own, in 15 lines",
            "docs/gradient-of-a-batch.md": "the whole story, in running code",
        }
        self.title("What next?")
        width = max(map(len, suggestions))
        for what, why in suggestions.items():
            self.line(f"  {what:{width}}  {why}")


def gradient_table(opened: OpenedGradient, width: int = WIDE) -> Table:
    """A table with a row per sample; below them, the sum of their terms and the gradient from backward().

    In a narrow terminal it has fewer columns, so that no number is cut off.
    """
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, show_footer=True, pad_edge=False)
    wide = width >= WIDE
    name = f"sum of x·δ\nweight.grad[{opened.output}, {opened.unit}]" if wide else "sum\n.grad"
    table.add_column("image of", footer=name)
    for heading in (f"p({opened.output})", "x", "δ") if wide else ("x", "δ"):
        table.add_column(heading, justify="right")
    both = f"{_number(opened.total)}\n{_number(opened.gradient)}"
    table.add_column("x·δ", justify="right", footer=both)
    if wide:
        table.add_column("sum so far", justify="right")
    sums, sizes = np.cumsum(opened.terms), np.abs(opened.terms)
    for m, term in enumerate(opened.terms):
        numbers = [_number(opened.x[m], sign=""), _number(opened.delta[m]), _number(term)]
        if wide:
            numbers = [f"{opened.probabilities[m]:.4f}", *numbers, _number(sums[m])]
        table.add_row(
            str(opened.digits[m]),
            *numbers,
            style="bold" if 0 < sizes[m] == sizes.max() else "",
        )
    return table


def last_batch(samples: int, batch_size: int) -> str:
    """What the last batch of an epoch held, and why that is fine."""
    full, rest = divmod(samples, batch_size)
    text = ONE_BATCH if batch_size >= samples else UNEVEN if rest else EVEN
    return text.format(samples=samples, batch_size=batch_size, full=full, rest=rest)


def program_name() -> str:
    """The command that starts this program: its name if the shell finds it, else the path it was started with."""
    name = "tinygrad-edu"
    if shutil.which(name):
        return name
    return sys.argv[0] if Path(sys.argv[0]).stem == name else "python -m tinygrad_edu"


def _number(value: float, sign: str = "+") -> str:
    """A number in at most eleven characters."""
    value = round(float(value), 4) + 0.0  # no negative zero
    return f"{value:{sign}.4f}" if abs(value) < 1e5 else f"{value:{sign}.4e}"


def _article(digit: int) -> str:
    return "an" if digit == 8 else "a"
