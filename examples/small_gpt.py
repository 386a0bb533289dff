"""A small GPT learns to write like Python's documentation, one character after the other.

    python examples/small_gpt.py                              train, score, write
    python examples/small_gpt.py --resume                     continue where Ctrl-C stopped
    python examples/small_gpt.py --resume --temperature 0.5   later: let the trained model write again

Instead of carrying a state from character to character, each character attends to all those before it, in four layers.
All characters of a window are computed at once. The cost is the same as in character_lstm.py: the sum of
-log p(the character that did come next) over all characters of a batch.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence

from _session import Session, arguments, count, positive
from _text import Alphabet, Array, documentation, split, windows

import tinygrad_edu as tg
from tinygrad_edu import data, nn, optim
from tinygrad_edu.nn import functional as F

LAYERS = 4
HEADS = 4
WIDTH = 128
LENGTH = 64  # characters that it can look back to
BATCH_SIZE = 12  # windows
RATE = 4e-3  # the highest learning rate


class CausalSelfAttention(nn.Module):
    """Causal self-attention: in each head, every character takes a weighted mean over itself and those before it."""

    def __init__(self) -> None:
        super().__init__()
        self.query_key_value = nn.Linear(WIDTH, 3 * WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        """The output, (N, length, WIDTH), for x of the same shape."""
        parts = self.query_key_value(x).unflatten(-1, (3, HEADS, WIDTH // HEADS))
        query, key, value = parts.permute(2, 0, 3, 1, 4)  # each of shape (N, HEADS, length, WIDTH / HEADS)
        found = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        return self.out(found.transpose(1, 2).flatten(-2))


class Block(nn.Module):
    """Attention, then an MLP. Both are added to x, so that it reaches the end through any number of layers."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(WIDTH)
        self.attention = CausalSelfAttention()
        self.norm2 = nn.LayerNorm(WIDTH)
        # GPT-2 uses GELU here, which takes NumPy a dozen passes over the numbers; ReLU takes one.
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.ReLU(), nn.Linear(4 * WIDTH, WIDTH))

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        """The output has the shape of x, (N, length, WIDTH)."""
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class SmallGPT(nn.Module):
    """From characters to scores for the next one, higher for what is more likely."""

    def __init__(self, characters: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(characters, WIDTH)
        self.places = nn.Embedding(LENGTH, WIDTH)  # attention alone does not know the order
        self.blocks = nn.Sequential(*[Block() for _ in range(LAYERS)])
        self.norm = nn.LayerNorm(WIDTH)
        self.scores = nn.Linear(WIDTH, characters, bias=False)

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        """Scores (N, length, characters) for numbers (N, length)."""
        where = tg.arange(x.shape[1])
        return self.scores(self.norm(self.blocks(self.embedding(x) + self.places(where))))


def main(argv: Sequence[str] | None = None) -> float:
    """Train the model, print the score and a sample; returns the cost per held-out character in nats."""
    options = parse(argv)
    tg.manual_seed(options.seed)

    text = documentation()
    alphabet = Alphabet(text)
    learnt, held_out = (alphabet.encode(part) for part in split(text))
    train = windows(learnt, LENGTH)
    # Steps are counted, not epochs: a window begins at each character, and windows overlap.
    order = data.RandomSampler(train, num_samples=options.steps * BATCH_SIZE)
    loader = data.DataLoader(train, batch_size=BATCH_SIZE, sampler=order)

    model = SmallGPT(len(alphabet))
    optimizer = optim.Adam(model.parameters())
    # The learning rate rises for a tenth of the steps, then falls to almost 0; Adam's momentum does the opposite.
    scheduler = optim.lr_scheduler.OneCycleLR(optimizer, RATE, options.steps, pct_start=0.1)

    session = Session(options, len(loader), model=model, optimizer=optimizer, scheduler=scheduler, loader=loader)
    for x, y in session.track(loader):
        cost = F.cross_entropy(model(x).mT, y)  # a sum over the characters of all windows
        optimizer.zero_grad()
        cost.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0 * y.numel())  # a norm of 1 for the mean is this for the sum
        optimizer.step(samples=y.numel())  # the mean is taken only here, over so many characters
        scheduler.step()
        session.show(nats=cost.item() / y.numel())

    score = held_out_cost(model, held_out)
    print(f"\nheld out: {score:.3f} nats per character ({score / math.log(2):.3f} bits), after {session.seconds:.0f} s")
    print(f"\nWritten by the model, at temperature {options.temperature:g}:\n")
    print(written(model, alphabet, "\n", 400, options.temperature))
    return score


def held_out_cost(model: SmallGPT, numbers: Array) -> float:
    """The cost per held-out character."""
    x, y = windows(numbers, LENGTH, step=LENGTH).tensors
    with tg.no_grad():
        return F.cross_entropy(model(x).mT, y).item() / y.numel()


def written(model: SmallGPT, alphabet: Alphabet, beginning: str, length: int, temperature: float) -> str:
    """Let the model continue a text. The lower the temperature, the fewer risks it takes."""
    numbers = alphabet.encode(beginning).tolist()
    with tg.no_grad():
        for _ in range(length):
            scores = model(tg.tensor([numbers[-LENGTH:]]))[0, -1]
            numbers.append(tg.multinomial(tg.softmax(scores / temperature, 0), 1).item())
    return alphabet.decode(numbers).strip()


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The options."""
    parser = arguments(__doc__, checkpoint="small_gpt.ckpt")
    parser.add_argument(
        "--steps", type=count, default=1500, help="training steps, each on one batch (default: %(default)s)"
    )
    parser.add_argument(
        "--temperature",
        type=positive,
        default=0.7,
        help="sampling temperature of the text it writes (default: %(default)s)",
    )
    return parser.parse_args(argv)


if __name__ == "__main__":
    main()
