"""The programs of `examples/` and the same programs in PyTorch: their results and times.

    python benchmarks/example_peers.py small_gpt
    OPENBLAS_NUM_THREADS=2 OMP_NUM_THREADS=2 python benchmarks/example_peers.py small_gpt

Both start with the same weights and get the same batches, in float32. PyTorch's program is written in the usual way
there: with means over the batch instead of sums. Only rounding differs, and it grows with the steps.
"""

from __future__ import annotations

import argparse
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
import torch
from _peer_models import TorchAutoencoder, TorchGPT, TorchLSTM, torch_network
from torch.nn.functional import cross_entropy

sys.path.insert(0, str(Path(__file__).parent.parent / "examples"))
import character_lstm
import digits_cnn
import digits_vae
import small_gpt
from _digits import load
from _text import Alphabet, documentation, split, windows

import tinygrad_edu as tg


@dataclass
class Side:
    """One of the two programs: a step on a batch, which returns its mean loss, and the final score."""

    step: Callable[[Any, Any], float]
    held_out: Callable[[], float]


@dataclass
class Pair:
    """A program here, its peer, and the batches for both."""

    loader: tg.data.DataLoader
    ours: Side
    theirs: Side


def lstm_pair(steps: int) -> Pair:
    """The LSTM."""
    example = character_lstm
    alphabet = Alphabet(documentation())
    ours, theirs = example.CharacterLSTM(len(alphabet)), TorchLSTM(len(alphabet), example.WIDTH)
    return language_pair(example, ours, lambda x: ours(x)[0], theirs, example.LONG, steps)


def gpt_pair(steps: int) -> Pair:
    """The GPT, with gradient clipping."""
    example = small_gpt
    alphabet = Alphabet(documentation())
    ours = example.SmallGPT(len(alphabet))
    theirs = TorchGPT(len(alphabet), example.WIDTH, example.LENGTH, example.LAYERS, example.HEADS)
    return language_pair(example, ours, ours, theirs, example.LENGTH, steps, clip=1.0)


def language_pair(
    example: Any, ours: Any, our_scores: Any, theirs: Any, stretch: int, steps: int, clip: float | None = None
) -> Pair:
    """Both programs for text; they differ in the model, in clipping and in the test."""
    text = documentation()
    learnt, held_out = (Alphabet(text).encode(part) for part in split(text))
    alike(ours, theirs)

    def our_cost(x: Any, y: Any) -> Any:
        return tg.nn.functional.cross_entropy(our_scores(x).mT, y)

    def their_cost(x: Any, y: Any) -> Any:
        return cross_entropy(theirs(x).mT, y)

    def their_score() -> float:
        x, y = (torch.tensor(part.numpy()) for part in windows(held_out, stretch, step=stretch).tensors)
        with torch.no_grad():
            return their_cost(x, y).item()

    how = {"rate": example.RATE, "steps": steps, "count": lambda y: y.numel(), "clip": clip, "pct_start": 0.1}
    return Pair(
        batches(windows(learnt, example.LENGTH), example.BATCH_SIZE, steps),
        Side(stepper(tg, ours, our_cost, **how), lambda: example.held_out_cost(ours, held_out)),
        Side(stepper(torch, theirs, their_cost, **how), their_score),
    )


def cnn_pair(steps: int) -> Pair:
    """The convolutional network; its score is the share of misread images."""
    learnt, held_out = load()
    side = learnt.images.shape[-1]
    ours, theirs = alike(digits_cnn.network(side), torch_network(side))
    unseen, truth = (torch.tensor(part.numpy()) for part in held_out)

    def our_score() -> float:
        with tg.no_grad():
            return (ours(held_out.images).argmax(1) != held_out.labels).float().mean().item()

    def their_score() -> float:
        with torch.no_grad():
            return (theirs(unseen).argmax(1) != truth).float().mean().item()

    how = {"rate": digits_cnn.RATE, "steps": steps, "count": len}
    return Pair(
        batches(tg.data.TensorDataset(*learnt), digits_cnn.BATCH_SIZE, steps, collate_fn=digits_cnn.moved),
        Side(stepper(tg, ours, lambda x, y: tg.nn.functional.cross_entropy(ours(x), y), **how), our_score),
        Side(stepper(torch, theirs, lambda x, y: cross_entropy(theirs(x), y), **how), their_score),
    )


def vae_pair(steps: int) -> Pair:
    """The autoencoder; its score is the cost per held-out image. Each side draws its own noise."""
    learnt, held_out = load()
    side = learnt.images.shape[-1]
    peer = TorchAutoencoder(side, digits_vae.WIDTH, digits_vae.CODE)
    ours, theirs = alike(digits_vae.Autoencoder(side), peer)
    unseen = torch.tensor(held_out.images.numpy())

    def our_score() -> float:
        with tg.no_grad():
            return ours(held_out.images).item() / len(unseen)

    def their_score() -> float:
        with torch.no_grad():
            return theirs(unseen).item() / len(unseen)

    how = {"rate": digits_vae.RATE, "steps": steps, "count": len}
    return Pair(
        batches(tg.data.TensorDataset(*learnt), digits_vae.BATCH_SIZE, steps),
        Side(stepper(tg, ours, lambda x, _: ours(x), **how), our_score),
        Side(stepper(torch, theirs, lambda x, _: theirs(x) / len(x), **how), their_score),
    )


def alike(ours: tg.nn.Module, theirs: torch.nn.Module) -> tuple[tg.nn.Module, torch.nn.Module]:
    """Both models, with our weights."""
    theirs.load_state_dict({name: torch.tensor(value.numpy()) for name, value in ours.state_dict().items()})
    return ours, theirs


def batches(dataset: Any, size: int, steps: int, **options: Any) -> tg.data.DataLoader:
    """As many batches as steps, over as many epochs as needed."""
    order = tg.data.RandomSampler(dataset, num_samples=steps * size)
    return tg.data.DataLoader(dataset, size, sampler=order, **options)


def stepper(
    library: Any, model: Any, cost: Any, rate: float, steps: int, count: Any, clip: float | None = None, **schedule: Any
) -> Callable[[Any, Any], float]:
    """A step in one of the libraries. The cost is a sum over `count` items here, and their mean there."""
    parameters = list(model.parameters())
    optimizer = library.optim.Adam(parameters)
    scheduler = library.optim.lr_scheduler.OneCycleLR(optimizer, rate, steps, **schedule)

    def step(x: Any, y: Any) -> float:
        if library is torch:
            x, y = torch.from_numpy(x.numpy()), torch.from_numpy(y.numpy())
        terms = 1 if library is torch else count(y)
        loss = cost(x, y)
        optimizer.zero_grad()
        loss.backward()
        if clip is not None:
            library.nn.utils.clip_grad_norm_(parameters, clip * terms)
        optimizer.step(**({} if library is torch else {"samples": terms}))
        scheduler.step()
        return loss.item() / terms

    return step


PAIRS = {"character_lstm": lstm_pair, "small_gpt": gpt_pair, "digits_cnn": cnn_pair, "digits_vae": vae_pair}


def own_steps(name: str) -> int:
    """The default number of steps of the program."""
    program = sys.modules[name]
    options = program.parse([])
    return options.steps if "steps" in options else options.epochs * -(-len(load()[0].labels) // program.BATCH_SIZE)


def trained(side: Side, batches: list[Any]) -> tuple[float, list[float]]:
    """The time of one side for these batches, and their losses."""
    losses = []
    begin = time.perf_counter()
    for x, y in batches:
        losses.append(side.step(x, y))
    return time.perf_counter() - begin, losses


def compare(name: str, steps: int, seed: int) -> None:
    """Train both sides of one program in turn, a tenth of the steps at a time, and print a line for each tenth."""
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
