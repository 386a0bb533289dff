"""A variational autoencoder learns to write digits.

    python examples/digits_vae.py
    python examples/digits_vae.py --resume      # after Ctrl-C

It squeezes an image of MNIST into 20 numbers, and makes the image of them again. The numbers are noisy, and few as they
are they must look like those of a normal distribution: so whatever is drawn from that becomes an image, too. The picture
shows both.
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

CODE = 20  # the numbers that an image is squeezed into


class Autoencoder(nn.Module):
    """From an image to a normal distribution of codes, and from a code to an image."""

    def __init__(self, side: int, hidden: int = 400) -> None:
        super().__init__()
        self.side = side
        self.read = nn.Sequential(nn.Flatten(), nn.Linear(side * side, hidden), nn.ReLU())
        self.mean = nn.Linear(hidden, CODE)
        self.log_variance = nn.Linear(hidden, CODE)
        self.write = nn.Sequential(nn.Linear(CODE, hidden), nn.ReLU(), nn.Linear(hidden, side * side))

    def encode(self, images: tg.Tensor) -> tuple[tg.Tensor, tg.Tensor]:
        """The mean of the codes of each image, and the logarithm of their variance."""
        hidden = self.read(images)
        return self.mean(hidden), self.log_variance(hidden)

    def decode(self, codes: tg.Tensor) -> tg.Tensor:
        """For each pixel the logit of the probability that it is black."""
        return self.write(codes).unflatten(1, (1, self.side, self.side))

    def forward(self, images: tg.Tensor) -> tg.Tensor:
        """What the images cost, summed over them: a bound on -log p(image), in nats."""
        mean, log_variance = self.encode(images)
        codes = mean + tg.exp(log_variance / 2) * tg.randn_like(mean)  # a draw through which gradients flow
        lost = F.binary_cross_entropy_with_logits(self.decode(codes), images)
        divergence = (mean**2 + tg.exp(log_variance) - log_variance - 1).sum() / 2  # from the standard normal
        return lost + divergence


def main(argv: list[str] | None = None) -> float:
    """Train, say what the held-out images cost, and draw; returns their cost in nats per image."""
    parser = arguments(__doc__ or "", checkpoint="digits_vae.ckpt")
    parser.add_argument("--epochs", type=count, default=40, help="passes over the images (default: %(default)s)")
    parser.add_argument(
        "--output", type=Path, default=Path("digits_vae.png"), help="the picture (default: %(default)s)"
    )
    options = parser.parse_args(argv)

    tg.manual_seed(options.seed)
    (learn, _), (held_out, _) = load()
    loader = data.DataLoader(data.TensorDataset(learn), batch_size=64, shuffle=True)
    model = Autoencoder(side=learn.shape[-1])
    optimizer = optim.Adam(model.parameters())
    steps = options.epochs * len(loader)
    schedule = optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.003, total_steps=steps)  # up, then down to nothing

    session = Session(options, steps, model=model, optimizer=optimizer, scheduler=schedule, loader=loader)
    for _ in session.epochs(options.epochs):
        for (images,) in session.track(loader):
            loss = model(images)  # the sum over the batch
            optimizer.zero_grad()
            loss.backward()
            optimizer.step(samples=len(images))  # divided here, and only here
            schedule.step()
            session.show(loss=loss.item() / len(images))

    tg.manual_seed(options.seed)
    with tg.no_grad():
        score = model(held_out).item() / len(held_out)
        some = held_out[tg.arange(10) * len(held_out) // 10]  # one of each digit
        again = tg.sigmoid(model.decode(model.encode(some)[0]))
        new = tg.sigmoid(model.decode(tg.randn(50, CODE)))
    print(f"A held-out image costs {score:.1f} nats.")
    draw(
        options.output,
        ("Held-out images", some, []),
        (f"The same, made again of {CODE} numbers each", again, []),
        ("New ones, made of random numbers", new, []),
    )
    print(f"The picture is {options.output}.")
    return score


if __name__ == "__main__":
    main(sys.argv[1:])
