"""The programs of `examples/`, and the same in PyTorch: what they reach, and how long they take.

    python benchmarks/example_peers.py small_gpt
    OPENBLAS_NUM_THREADS=2 OMP_NUM_THREADS=2 python benchmarks/example_peers.py small_gpt

Both begin with the same weights and see the same batches, in float32. PyTorch's program is written as one would write
it there: means over the batch in place of sums. What differs in the end is rounding, which grows with the steps.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import _threads  # noqa: F401  first: it sets the number of threads

# ruff: isort: split
import _digit_peers
import torch
from torch import nn
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).parent.parent / "examples"))
import tinygrad_edu as tg


@dataclass
class Side:
    """One of the two programs: a step on a batch, which returns its mean loss, and what it reaches."""

    step: Callable[[Any, Any], float]
    held_out: Callable[[], float]


@dataclass
class Pair:
    """A program here and its peer, and the batches for both."""

    loader: Any
    ours: Side
    theirs: Side


class TorchLSTM(nn.Module):
    """`CharacterLSTM` of examples/character_lstm.py."""

    def __init__(self, characters: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(characters, width)
        self.lstm = nn.LSTM(width, width, batch_first=True)
        self.scores = nn.Linear(width, characters)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.scores(self.lstm(self.embedding(x))[0])


class TorchBlock(nn.Module):
    """`Block` of examples/small_gpt.py, with its attention."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width)
        self.attention = nn.Module()
        self.attention.query_key_value = nn.Linear(width, 3 * width)
        self.attention.out = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.ReLU(), nn.Linear(4 * width, width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        parts = self.attention.query_key_value(self.norm1(x)).unflatten(-1, (3, self.heads, -1))
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        found = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self.attention.out(found.transpose(1, 2).flatten(-2))
        return x + self.mlp(self.norm2(x))


class TorchGPT(nn.Module):
    """`SmallGPT` of examples/small_gpt.py."""

    def __init__(self, characters: int, width: int, length: int, layers: int, heads: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(characters, width)
        self.places = nn.Embedding(length, width)
        self.blocks = nn.Sequential(*[TorchBlock(width, heads) for _ in range(layers)])
        self.norm = nn.LayerNorm(width)
        self.scores = nn.Linear(width, characters, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.scores(self.norm(self.blocks(self.embedding(x) + self.places(torch.arange(x.shape[1])))))


def character_lstm(steps: int) -> Pair:
    """The LSTM."""
    import character_lstm as example

    def theirs(characters: int) -> nn.Module:
        return TorchLSTM(characters, example.WIDTH)

    return language_model(example, example.CharacterLSTM, theirs, steps, clip=None, stretch=example.LONG)


def small_gpt(steps: int) -> Pair:
    """The GPT, its gradient clipped."""
    import small_gpt as example

    def theirs(characters: int) -> nn.Module:
        return TorchGPT(characters, example.WIDTH, example.LENGTH, example.LAYERS, example.HEADS)

    return language_model(example, example.SmallGPT, theirs, steps, clip=1.0, stretch=example.LENGTH)


def language_model(
    example: Any,
    make_ours: Callable[[int], Any],
    make_theirs: Callable[[int], nn.Module],
    steps: int,
    clip: float | None,
    stretch: int,
) -> Pair:
    """Both programs for text; they differ in the model, in clipping and in how they are tested."""
    from _text import Alphabet, documentation, split, windows

    text = documentation()
    alphabet = Alphabet(text)
    learnt, held_out = (alphabet.encode(part) for part in split(text))
    train = windows(learnt, example.LENGTH)
    order = tg.data.RandomSampler(train, num_samples=steps * example.BATCH_SIZE)
    loader = tg.data.DataLoader(train, batch_size=example.BATCH_SIZE, sampler=order)

    model = make_ours(len(alphabet))
    peer = make_theirs(len(alphabet))
    peer.load_state_dict({name: torch.tensor(value.numpy()) for name, value in model.state_dict().items()})
    sides = []
    for library, net in ((tg, model), (torch, peer)):
        optim = library.optim
        parameters = list(net.parameters())
        optimizer = optim.Adam(parameters)
        scheduler = optim.lr_scheduler.OneCycleLR(optimizer, example.RATE, steps, pct_start=0.1)
        sides.append((net, parameters, optimizer, scheduler))

    def our_step(x: Any, y: Any) -> float:
        net, parameters, optimizer, scheduler = sides[0]
        scores = net(x)
        cost = tg.nn.functional.cross_entropy((scores[0] if isinstance(scores, tuple) else scores).mT, y)
        optimizer.zero_grad()
        cost.backward()
        if clip is not None:
            tg.nn.utils.clip_grad_norm_(parameters, clip * y.numel())
        optimizer.step(samples=y.numel())
        scheduler.step()
        return cost.item() / y.numel()

    def their_step(x: Any, y: Any) -> float:
        net, parameters, optimizer, scheduler = sides[1]
        loss = F.cross_entropy(net(torch.from_numpy(x.numpy())).mT, torch.from_numpy(y.numpy()))
        optimizer.zero_grad()
        loss.backward()
        if clip is not None:
            nn.utils.clip_grad_norm_(parameters, clip)
        optimizer.step()
        scheduler.step()
        return loss.item()

    def their_score() -> float:
        x, y = (torch.tensor(part.numpy()) for part in windows(held_out, stretch, step=stretch).tensors)
        with torch.no_grad():
            return F.cross_entropy(peer(x).mT, y).item()

    return Pair(loader, Side(our_step, lambda: example.held_out_cost(model, held_out)), Side(their_step, their_score))


def digits_cnn(steps: int) -> Pair:
    """The convolutional network."""
    loader, ours, theirs = _digit_peers.cnn(steps)
    return Pair(loader, Side(*ours), Side(*theirs))


def digits_vae(steps: int) -> Pair:
    """The autoencoder."""
    loader, ours, theirs = _digit_peers.vae(steps)
    return Pair(loader, Side(*ours), Side(*theirs))


PAIRS = {
    "character_lstm": character_lstm,
    "small_gpt": small_gpt,
    "digits_cnn": digits_cnn,
    "digits_vae": digits_vae,
}


def own_steps(name: str) -> int:
    """How many steps the program takes if it is not told."""
    options = importlib.import_module(name).parse([])
    return options.steps if "steps" in options else options.epochs * _digit_peers.epoch_length()


def trained(side: Side, batches: list[Any]) -> tuple[float, list[float]]:
    """How long a side took for these batches, and their losses."""
    losses = []
    begin = time.perf_counter()
    for x, y in batches:
        losses.append(side.step(x, y))
    return time.perf_counter() - begin, losses


def compare(name: str, steps: int, seed: int) -> None:
    """Train both sides of one program, a tenth of the steps each in turn, and print a line for each tenth."""
    tg.manual_seed(seed)
    torch.manual_seed(seed)
    pair = PAIRS[name](steps)
    batches = iter(pair.loader)
    part = max(1, steps // 10)
    seconds = {"ours": 0.0, "theirs": 0.0}
    print(f"{name}, {steps} steps\n  step    loss here   in PyTorch    ms/step here   in PyTorch   ratio")
    for begin in range(0, steps, part):
        chosen = list(islice(batches, part))
        here, ours = trained(pair.ours, chosen)
        there, theirs = trained(pair.theirs, chosen)
        seconds["ours"] += here
        seconds["theirs"] += there
        mean, other = sum(ours) / len(ours), sum(theirs) / len(theirs)
        each, peer = here / len(chosen) * 1e3, there / len(chosen) * 1e3
        texts = f"{begin + len(chosen):6} {mean:12.4f} {other:12.4f} {each:15.1f} {peer:12.1f} {here / there:7.2f}"
        print(texts, flush=True)
    mine, other = pair.ours.held_out(), pair.theirs.held_out()
    print(f"held out: {mine:.4f} here in {seconds['ours']:.0f} s, {other:.4f} in PyTorch in {seconds['theirs']:.0f} s")
    print(f"ratios: {mine / other:.3f} of the loss, {seconds['ours'] / seconds['theirs']:.2f} of the time\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", nargs="*", metavar="NAME", help=f"of {', '.join(PAIRS)} (default: all)")
    parser.add_argument("--steps", type=int, help="default: a tenth of the program's own")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    for name in options.programs or PAIRS:
        compare(name, options.steps or own_steps(name) // 10, options.seed)


if __name__ == "__main__":
    main()
