"""A convolutional network learns to read handwritten digits.

    python examples/digits_cnn.py             train, score, draw
    python examples/digits_cnn.py --resume    continue where Ctrl-C stopped

It trains on 4,000 images of MNIST, each moved by up to two pixels, and is tested on 1,000 that it has never seen. The
cost is the sum of -log p(the right digit) over the images of a batch: log(10), about 2.3, for each image before
training. The picture shows the images that it misreads, and the training images that still pull hardest at its filters.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from _digits import Digits, draw, load, picture_file
from _session import Session, arguments, count

import tinygrad_edu as tg
from tinygrad_edu import data, nn, optim
from tinygrad_edu.nn import functional as F

BATCH_SIZE = 64
RATE = 0.01  # the highest learning rate; training begins with less, and ends with almost 0


def network(side: int) -> nn.Sequential:
    """From images of side × side pixels to scores for the ten digits, higher for what is more likely."""
    return nn.Sequential(
        nn.Conv2d(1, 16, kernel_size=3, padding=1),  # sixteen filters of 3 × 3 pixels
        nn.ReLU(),
        nn.MaxPool2d(2),  # half as high, and half as wide
        nn.Conv2d(16, 32, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32 * (side // 4) ** 2, 10),
    )


def moved(samples: list[tuple[tg.Tensor, tg.Tensor]]) -> tuple[tg.Tensor, tg.Tensor]:
    """Make a batch of samples, with each image moved at random: a digit stays the same wherever it is.

    The loader calls this for every batch, with random numbers that belong to the batch: they are the same for the same
    seed, also in a run that was interrupted.
    """
    images, labels = data.default_collate(samples)
    n, _, side, _ = images.shape
    most = max(1, side // 14)  # two of 28 pixels
    padded = F.pad(images, (most, most, most, most))
    top, left = tg.randint(0, 2 * most + 1, (2, n, 1, 1))  # where in the padded image to cut out the new one
    rows, columns = top + tg.arange(side)[:, None], left + tg.arange(side)
    return padded[tg.arange(n)[:, None, None], 0, rows, columns][:, None], labels


def main(argv: Sequence[str] | None = None) -> float:
    """Train the model, print the score, draw; returns the accuracy on the held-out images."""
    options = parse(argv)
    tg.manual_seed(options.seed)

    learnt, held_out = load()
    train = data.TensorDataset(*learnt)
    loader = data.DataLoader(train, BATCH_SIZE, shuffle=True, collate_fn=moved)
    steps = options.epochs * len(loader)

    model = network(side=learnt.images.shape[-1])
    optimizer = optim.Adam(model.parameters())
    scheduler = optim.lr_scheduler.OneCycleLR(optimizer, RATE, steps)

    session = Session(options, steps, model=model, optimizer=optimizer, scheduler=scheduler, loader=loader)
    for images, labels in session.track(loader):  # one epoch after the other
        cost = F.cross_entropy(model(images), labels)  # a sum over the images of the batch
        optimizer.zero_grad()
        cost.backward()
        optimizer.step(samples=len(images))  # the mean is taken only here, over so many images
        scheduler.step()
        session.show(nats=cost.item() / len(images))

    with tg.no_grad():
        guesses = model(held_out.images).argmax(1)
    right = guesses == held_out.labels
    score = right.sum().item() / len(right)
    print(f"\nheld out: {score:.1%} of {len(right)} images are read right, after {session.seconds:.0f} s")
    picture(options.output, held_out, guesses, learnt, pulls(model, train))
    print(f"Misread images, and those that pull hardest: {options.output}")
    return score


def pulls(model: nn.Sequential, dataset: data.TensorDataset) -> tg.Tensor:
    """How hard each sample pulls at the filters of the first layer: the norm of its own term of the gradient."""
    lengths = []
    for images, labels in data.DataLoader(dataset, batch_size=500):
        model.zero_grad()
        F.cross_entropy(model(images), labels, reduction="none").backward(per_sample=True)
        lengths.append(model[0].weight.sample_grads.norms())
    return tg.cat(lengths)


def picture(path: Path, held_out: Digits, guesses: tg.Tensor, learnt: Digits, pulls: tg.Tensor) -> None:
    """Draw the held-out images that are misread, and the ten training images that pull hardest."""
    wrong = tg.nonzero(guesses != held_out.labels)[:, 0]
    shown = wrong[:50]  # the picture must not become too long
    hardest = pulls.argsort(descending=True)[:10]
    median = pulls.median().item()
    draw(
        path,
        (
            f"Misread: {len(wrong)} of {len(guesses)} held-out images (truth → guess)",
            held_out.images[shown],
            [f"{truth} → {guess}" for truth, guess in zip(held_out.labels[shown].tolist(), guesses[shown].tolist())],
        ),
        (
            f"Training images that pull hardest at the first filters, and how hard (median: {median:.2g})",
            learnt.images[hardest],
            [f"{label}: {pull:.1f}" for label, pull in zip(learnt.labels[hardest].tolist(), pulls[hardest].tolist())],
        ),
    )


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The options."""
    parser = arguments(__doc__, checkpoint="digits_cnn.ckpt")
    parser.add_argument("--epochs", type=count, default=15, help="epochs (default: %(default)s)")
    parser.add_argument(
        "--output", type=picture_file, default="digits_cnn.png", help="the picture (default: %(default)s)"
    )
    return parser.parse_args(argv)


if __name__ == "__main__":
    main()
