"""A convolutional network reads handwritten digits.

    python examples/digits_cnn.py
    python examples/digits_cnn.py --resume      # after Ctrl-C

It learns from 4,000 images of MNIST, moved at random by up to two pixels, and is asked about 1,000 others. The picture
shows those that it gets wrong, and the training images that still pull hardest at its first filters.
"""

from __future__ import annotations

import sys
from pathlib import Path

from _digits import draw, load
from _session import Session, arguments, count

# ruff: isort: split
import tinygrad_edu as tg
from tinygrad_edu import data, nn, optim
from tinygrad_edu.nn import functional as F


def network(side: int) -> nn.Sequential:
    """Ten scores, one per digit, for each image of side × side pixels."""
    return nn.Sequential(
        nn.Conv2d(1, 16, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),  # half as high, and half as wide
        nn.Conv2d(16, 32, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32 * (side // 4) ** 2, 10),
    )


def moved(samples: list[tuple[tg.Tensor, tg.Tensor]]) -> tuple[tg.Tensor, tg.Tensor]:
    """A batch of samples, each image moved at random: what it shows does not depend on where it is.

    A loader calls this for each batch, with random numbers of that batch's own: the same seed moves the same images.
    """
    images, labels = data.default_collate(samples)
    n, _, side, _ = images.shape
    most = max(1, side // 14)  # two of 28 pixels
    padded = F.pad(images, (most, most, most, most))
    top, left = tg.randint(0, 2 * most + 1, (2, n, 1, 1))  # where in the padded image it is cut out
    rows, columns = top + tg.arange(side)[:, None], left + tg.arange(side)
    return padded[tg.arange(n)[:, None, None], 0, rows, columns][:, None], labels


def pulls(model: nn.Sequential, dataset: data.TensorDataset) -> tg.Tensor:
    """How hard each sample pulls at the filters of the first layer: the length of its own gradient."""
    norms = []
    for images, labels in data.DataLoader(dataset, batch_size=500):
        model.zero_grad()
        F.cross_entropy(model(images), labels, reduction="none").backward(per_sample=True)
        norms.append(model[0].weight.sample_grads.norms())
    return tg.cat(norms)


def main(argv: list[str] | None = None) -> float:
    """Train, say how many of the held-out images are read right, and draw; returns their share."""
    parser = arguments(__doc__ or "", checkpoint="digits_cnn.ckpt")
    parser.add_argument("--epochs", type=count, default=15, help="passes over the images (default: %(default)s)")
    parser.add_argument(
        "--output", type=Path, default=Path("digits_cnn.png"), help="the picture (default: %(default)s)"
    )
    options = parser.parse_args(argv)

    tg.manual_seed(options.seed)
    learn, held_out = load()
    dataset = data.TensorDataset(*learn)
    loader = data.DataLoader(dataset, batch_size=64, shuffle=True, collate_fn=moved)
    model = network(side=learn.images.shape[-1])
    optimizer = optim.Adam(model.parameters())
    steps = options.epochs * len(loader)
    schedule = optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.01, total_steps=steps)  # up, then down to nothing

    session = Session(options, steps, model=model, optimizer=optimizer, scheduler=schedule, loader=loader)
    for _ in session.epochs(options.epochs):
        for images, labels in session.track(loader):
            loss = F.cross_entropy(model(images), labels)  # the sum over the batch
            optimizer.zero_grad()
            loss.backward()
            optimizer.step(samples=len(images))  # divided here, and only here
            schedule.step()
            session.show(loss=loss.item() / len(images))

    with tg.no_grad():
        guesses = model(held_out.images).argmax(1)
    right = guesses == held_out.labels
    score = right.float().mean().item()
    print(f"{right.sum().item()} of {len(right)} held-out images are read right: {score:.1%}")

    wrong = tg.nonzero(~right)[:, 0]
    norms = pulls(model, dataset)
    hardest = norms.argsort(descending=True)[:10]
    draw(
        options.output,
        (
            f"{len(wrong)} of {len(right)} held-out images are misread: truth → guess",
            held_out.images[wrong],
            [f"{held_out.labels[i].item()} → {guesses[i].item()}" for i in wrong],
        ),
        (
            f"The training images that pull hardest at the first filters (median {norms.median().item():.3f})",
            learn.images[hardest],
            [f"{learn.labels[i].item()}: {norms[i].item():.1f}" for i in hardest],
        ),
    )
    print(f"The picture is {options.output}.")
    return score


if __name__ == "__main__":
    main(sys.argv[1:])
