"""An LSTM learns to write like Python's documentation, one character after the other.

    python examples/character_lstm.py                              train, score, write
    python examples/character_lstm.py --resume                     continue where Ctrl-C stopped
    python examples/character_lstm.py --resume --temperature 0.5   later: let the trained model write again

It reads one character at a time, remembers in 128 hidden units and as many cells, and predicts how likely each
character is to come next. The cost is the sum of -log p(the character that did come next) over all characters of a
batch. Before training, each of about a hundred characters is equally likely, which costs log(100), about 4.6 nats per
character.
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

WIDTH = 128  # hidden units of the LSTM
LENGTH = 64  # characters in a window: gradients go back that far
BATCH_SIZE = 32  # windows
RATE = 4e-3  # the highest learning rate
LONG = 1000  # characters at a time in the test: without gradients, the state can be carried on

State = tuple[tg.Tensor, tg.Tensor]  # the state of an LSTM: hidden state and cell state


class CharacterLSTM(nn.Module):
    """From characters to scores for the next one, higher for what is more likely."""

    def __init__(self, characters: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(characters, WIDTH)
        self.lstm = nn.LSTM(WIDTH, WIDTH, batch_first=True)
        self.scores = nn.Linear(WIDTH, characters)

    def forward(self, x: tg.Tensor, state: State | None = None) -> tuple[tg.Tensor, State]:
        """Scores (N, length, characters) for numbers (N, length), and the state after the last of them."""
        remembered, state = self.lstm(self.embedding(x), state)
        return self.scores(remembered), state


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

    model = CharacterLSTM(len(alphabet))
    optimizer = optim.Adam(model.parameters())
    # The learning rate rises for a tenth of the steps, then falls to almost 0; Adam's momentum does the opposite.
    scheduler = optim.lr_scheduler.OneCycleLR(optimizer, RATE, options.steps, pct_start=0.1)

    session = Session(options, len(loader), model=model, optimizer=optimizer, scheduler=scheduler, loader=loader)
    for x, y in session.track(loader):
        scores, _ = model(x)
        cost = F.cross_entropy(scores.mT, y)  # a sum over the characters of all windows
        optimizer.zero_grad()
        cost.backward()
        optimizer.step(samples=y.numel())  # the mean is taken only here, over so many characters
        scheduler.step()
        session.show(nats=cost.item() / y.numel())

    score = held_out_cost(model, held_out)
    print(f"\nheld out: {score:.3f} nats per character ({score / math.log(2):.3f} bits), after {session.seconds:.0f} s")
    print(f"\nWritten by the model, at temperature {options.temperature:g}:\n")
    print(written(model, alphabet, "\n", 400, options.temperature))
    return score


def held_out_cost(model: CharacterLSTM, numbers: Array) -> float:
    """The cost per held-out character, read in long sections."""
    x, y = windows(numbers, LONG, step=LONG).tensors
    with tg.no_grad():
        scores, _ = model(x)
        return F.cross_entropy(scores.mT, y).item() / y.numel()


def written(model: CharacterLSTM, alphabet: Alphabet, beginning: str, length: int, temperature: float) -> str:
    """Let the model continue a text. The lower the temperature, the fewer risks it takes."""
    numbers = alphabet.encode(beginning).tolist()
    x, state = tg.tensor([numbers]), None
    with tg.no_grad():
        for _ in range(length):
            scores, state = model(x, state)
            x = tg.multinomial(tg.softmax(scores[:, -1] / temperature, 1), 1)  # of shape (1, 1), as read next
            numbers.append(x.item())
    return alphabet.decode(numbers).strip()


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The options."""
    parser = arguments(__doc__, checkpoint="character_lstm.ckpt")
    parser.add_argument(
        "--steps", type=count, default=2000, help="training steps, each on one batch (default: %(default)s)"
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
