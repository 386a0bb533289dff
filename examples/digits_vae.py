"""A variational autoencoder learns to write digits.

    python examples/digits_vae.py             train, score, draw
    python examples/digits_vae.py --resume    continue where Ctrl-C stopped

It encodes an image as 20 numbers, the code, adds noise, and decodes the image again. Codes that do not look like draws
from the standard normal distribution cost extra: so draws from it can be decoded into new images. Both costs are sums
over the images of a batch; together they are a bound on -log p(image). The picture shows reconstructed and new images.
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

CODE = 20  # numbers in a code
WIDTH = 400  # units of the hidden layers
BATCH_SIZE = 64
RATE = 0.003  # the highest learning rate; training begins with less, and ends with almost 0


class Autoencoder(nn.Module):
    """From images of side × side pixels to normal distributions of codes, and from codes to images."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side
        self.reader = nn.Sequential(nn.Flatten(), nn.Linear(side * side, WIDTH), nn.ReLU())
        self.mean = nn.Linear(WIDTH, CODE)
        self.log_variance = nn.Linear(WIDTH, CODE)
        self.writer = nn.Sequential(nn.Linear(CODE, WIDTH), nn.ReLU(), nn.Linear(WIDTH, side * side))

    def encode(self, images: tg.Tensor) -> tuple[tg.Tensor, tg.Tensor]:
        """The mean of each image's code, (N, 20), and the logarithm of its variance."""
        hidden = self.reader(images)
        return self.mean(hidden), self.log_variance(hidden)

    def decode(self, codes: tg.Tensor) -> tg.Tensor:
        """Images (N, 1, side, side) from codes (N, 20): for each pixel the logit of being black."""
        return self.writer(codes).unflatten(1, (1, self.side, self.side))

    def forward(self, images: tg.Tensor) -> tg.Tensor:
        """The cost of the images, summed over them."""
        mean, log_variance = self.encode(images)
        codes = mean + tg.exp(log_variance / 2) * tg.randn_like(mean)  # a draw through which gradients can pass
        lost = F.binary_cross_entropy_with_logits(self.decode(codes), images)
        strange = (mean**2 + tg.exp(log_variance) - 1 - log_variance).sum() / 2  # KL divergence from the normal
        return lost + strange


def main(argv: Sequence[str] | None = None) -> float:
    """Train the model, print the score, draw; returns the cost per held-out image in nats."""
    options = parse(argv)
    tg.manual_seed(options.seed)

    learnt, held_out = load()
    loader = data.DataLoader(data.TensorDataset(learnt.images), BATCH_SIZE, shuffle=True)
    steps = options.epochs * len(loader)

    model = Autoencoder(side=learnt.images.shape[-1])
    optimizer = optim.Adam(model.parameters())
    scheduler = optim.lr_scheduler.OneCycleLR(optimizer, RATE, steps)

    session = Session(options, steps, model=model, optimizer=optimizer, scheduler=scheduler, loader=loader)
    for (images,) in session.track(loader):  # one epoch after the other
        cost = model(images)
        optimizer.zero_grad()
        cost.backward()
        optimizer.step(samples=len(images))  # the mean is taken only here, over so many images
        scheduler.step()
        session.show(nats=cost.item() / len(images))

    with tg.no_grad():
        score = model(held_out.images).item() / len(held_out.images)
    print(f"\nheld out: {score:.1f} nats per image, after {session.seconds:.0f} s")
    picture(options.output, model, held_out)
    print(f"Reconstructed images, and new ones: {options.output}")
    return score


def picture(path: Path, model: Autoencoder, held_out: Digits) -> None:
    """Draw a held-out image of each digit, its reconstruction, and images of random codes."""
    labels = held_out.labels.tolist()
    some = held_out.images[[labels.index(digit) for digit in range(10)]]
    with tg.no_grad():
        codes, _ = model.encode(some)
        again = tg.sigmoid(model.decode(codes))
        new = tg.sigmoid(model.decode(tg.randn(50, CODE)))
    draw(
        path,
        ("Held-out images", some, []),
        (f"Reconstructed, each from {CODE} numbers", again, []),
        ("New images, from random codes", new, []),
    )


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The options."""
    parser = arguments(__doc__, checkpoint="digits_vae.ckpt")
    parser.add_argument("--epochs", type=count, default=40, help="epochs (default: %(default)s)")
    parser.add_argument(
        "--output", type=picture_file, default="digits_vae.png", help="the picture (default: %(default)s)"
    )
    return parser.parse_args(argv)


if __name__ == "__main__":
    main()
