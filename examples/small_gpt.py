"""A small GPT learns to write like Python's documentation, one character after the other.

    python examples/small_gpt.py                              learn, score, write
    python examples/small_gpt.py --resume                     go on where Ctrl-C stopped
    python examples/small_gpt.py --resume --temperature 0.5   later: let the trained model write again

In place of a memory that is carried from character to character, each character looks at all those before it, in four
layers, one on top of the other. All characters of a window are computed at once. The cost is that of the LSTM
next door: the sum of -log p(what did come next) over all characters of a batch.
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
LENGTH = 64  # characters that it can look back at
BATCH_SIZE = 12  # windows
RATE = 4e-3  # the highest


class CausalSelfAttention(nn.Module):
    """Each character asks those before it, and itself, and takes a mean of what they answer: one in each head."""

    def __init__(self) -> None:
        super().__init__()
        self.query_key_value = nn.Linear(WIDTH, 3 * WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        """What was found, (N, length, WIDTH), for x of the same shape."""
        parts = self.query_key_value(x).unflatten(-1, (3, HEADS, WIDTH // HEADS))
        query, key, value = parts.permute(2, 0, 3, 1, 4)  # each of shape (N, HEADS, length, WIDTH / HEADS)
        found = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        return self.out(found.transpose(1, 2).flatten(-2))


class Block(nn.Module):
    """Look around, then think. Both are added to x, which so reaches the end however many layers there are."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(WIDTH)
        self.attention = CausalSelfAttention()
        self.norm2 = nn.LayerNorm(WIDTH)
        # GPT-2 has a GELU here, for which NumPy goes through the numbers a dozen times; for a ReLU once.
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.ReLU(), nn.Linear(4 * WIDTH, WIDTH))

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        """Of shape (N, length, WIDTH), as x."""
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class SmallGPT(nn.Module):
    """From characters to scores for the next one, higher for what is more likely."""

    def __init__(self, characters: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(characters, WIDTH)
        self.places = nn.Embedding(LENGTH, WIDTH)  # attention does not see the order by itself
        self.blocks = nn.Sequential(*[Block() for _ in range(LAYERS)])
        self.norm = nn.LayerNorm(WIDTH)
        self.scores = nn.Linear(WIDTH, characters, bias=False)

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        """Scores (N, length, characters) for numbers (N, length)."""
        where = tg.arange(x.shape[1])
        return self.scores(self.norm(self.blocks(self.embedding(x) + self.places(where))))


def main(argv: Sequence[str] | None = None) -> float:
    """Train the model, print the score and a sample; returns the cost of a held-out character in nats."""
    options = parse(argv)
    tg.manual_seed(options.seed)

    text = documentation()
    alphabet = Alphabet(text)
    learnt, held_out = (alphabet.encode(part) for part in split(text))
    train = windows(learnt, LENGTH)
    # The steps are counted, not the passes: one window begins at each character, and they overlap.
    order = data.RandomSampler(train, num_samples=options.steps * BATCH_SIZE)
    loader = data.DataLoader(train, batch_size=BATCH_SIZE, sampler=order)

    model = SmallGPT(len(alphabet))
    optimizer = optim.Adam(model.parameters())
    # The rate rises for a tenth of the steps, then it falls to nearly nothing; Adam's momentum does the opposite.
    scheduler = optim.lr_scheduler.OneCycleLR(optimizer, RATE, options.steps, pct_start=0.1)

    session = Session(options, len(loader), model=model, optimizer=optimizer, scheduler=scheduler, loader=loader)
    for x, y in session.track(loader):
        cost = F.cross_entropy(model(x).mT, y)  # a sum over the characters of all windows
        optimizer.zero_grad()
        cost.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0 * y.numel())  # 1 for the mean is so much for the sum
        optimizer.step(samples=y.numel())  # a mean only here: over so many characters
        scheduler.step()
        session.show(nats=cost.item() / y.numel())

    score = held_out_cost(model, held_out)
    print(f"\nheld out: {score:.3f} nats a character ({score / math.log(2):.3f} bits), after {session.seconds:.0f} s")
    print(f"\nWritten by the model, at temperature {options.temperature:g}:\n")
    print(written(model, alphabet, "\n", 400, options.temperature))
    return score


def held_out_cost(model: SmallGPT, numbers: Array) -> float:
    """What a character costs that the model has not learnt from."""
    x, y = windows(numbers, LENGTH, step=LENGTH).tensors
    with tg.no_grad():
        return F.cross_entropy(model(x).mT, y).item() / y.numel()


def written(model: SmallGPT, alphabet: Alphabet, beginning: str, length: int, temperature: float) -> str:
    """Let the model go on from a beginning. The lower the temperature, the fewer risks it takes."""
    numbers = alphabet.encode(beginning).tolist()
    with tg.no_grad():
        for _ in range(length):
            scores = model(tg.tensor([numbers[-LENGTH:]]))[0, -1]
            numbers.append(tg.multinomial(tg.softmax(scores / temperature, 0), 1).item())
    return alphabet.decode(numbers).strip()


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The options."""
    parser = arguments(__doc__, checkpoint="small_gpt.ckpt")
    parser.add_argument("--steps", type=count, default=1500, help="batches to learn from (default: %(default)s)")
    parser.add_argument("--temperature", type=positive, default=0.7, help="of what it writes (default: %(default)s)")
    return parser.parse_args(argv)


if __name__ == "__main__":
    main()
