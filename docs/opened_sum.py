"""Draw the picture at the top of README.md: the gradient of one weight, as the sum of what 64 images contribute.

    python docs/opened_sum.py

Needs matplotlib and scikit-learn. Writes docs/_static/opened-sum-light.svg and opened-sum-dark.svg.
"""

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_digits

import tinygrad_edu as tg
from tinygrad_edu import data, nn, optim
from tinygrad_edu.samples import Explanation

FOLDER = Path(__file__).parent / "_static"
INK = {"light": "#1f2328", "dark": "#f0f6fc"}  # GitHub's
WEIGHT = 8, 11  # from pixel 11 to the output for an 8


def opened_sum() -> tuple[Explanation, np.ndarray]:
    """The gradient of a weight after five epochs, opened for a batch of 64 other images; and these images."""
    digits = load_digits()
    x, y = tg.tensor(digits.data / 16, dtype=tg.float32), tg.tensor(digits.target)
    tg.manual_seed(0)
    model = nn.Linear(64, 10)
    optimizer = optim.SGD(model.parameters(), lr=0.5)
    loader = data.DataLoader(data.TensorDataset(x[64:], y[64:]), batch_size=64, shuffle=True)
    for _ in range(5):
        for inputs, labels in loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(inputs), labels).backward()
            optimizer.step(samples=len(labels))
    model.zero_grad()
    nn.functional.cross_entropy(model(x[:64]), y[:64], reduction="none").backward(per_sample=True)
    names = [f"a {digit}" for digit in digits.target[:64]]
    return model.sample_grads()["weight"].explain(WEIGHT, labels=names), digits.images[:64]


def main() -> None:
    terms, images = opened_sum()
    print(terms)
    for theme, ink in INK.items():
        style = dict.fromkeys(["text.color", "axes.labelcolor", "xtick.color", "ytick.color"], ink)
        with matplotlib.rc_context({**style, "font.size": 11, "svg.hashsalt": "opened sum"}):
            figure = Figure(figsize=(5.4, 4.6), layout="constrained")
            tg.viz.sum_bars(terms, images=images, limit=8, ax=figure.add_subplot())
            path = FOLDER / f"opened-sum-{theme}.svg"
            figure.savefig(path, transparent=True, metadata={"Date": None})


if __name__ == "__main__":
    main()
