"""The cost of per-sample gradient norms: against a plain step, and against PyTorch's libraries for them.

    python benchmarks/per_sample.py
    python benchmarks/per_sample.py --batch-sizes 32 --rounds 11

Every step clears the gradients, and then runs forward, backward and the requested norms or products; a plain step is
`losses.backward()`. Goals: at most 1.15 times a plain step with the norms, 1.3 times with all inner products (`gram`)
at batch 256; faster than Opacus and BackPACK; 40 times as fast as `torch.func.vmap(grad)` at batch 256.

Opacus and BackPACK are left out where they are not installed: `pip install --group peers` (pip >= 25.1).
"""

from __future__ import annotations

import argparse
import importlib.util
import warnings
from typing import Any

import _threads  # noqa: F401  first: it sets the number of threads

# ruff: isort: split
import numpy as np
import torch
from _goals import against

import tinygrad_edu as tg
from tinygrad_edu.bench.timing import Clock, Step, ratio, side_by_side

RTOL = 1e-4  # float32, summed in a different order
SLOW_ROUNDS = 7  # for peers that store all per-sample gradients


# ---- the models: the same code makes them in both libraries


def mlp(library: Any) -> Any:
    nn = library.nn
    return nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))


def transformer_block(library: Any, approximate: str = "none", width: int = 128, heads: int = 4) -> Any:
    """Attention and MLP with residuals, each after a LayerNorm; the mean over the positions goes to 10 classes."""
    nn = library.nn

    class Block(nn.Module):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.q, self.k, self.v = (nn.Linear(width, width) for _ in range(3))
            self.out = nn.Linear(width, width)
            self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
            self.head = nn.Linear(width, 10)

        def forward(self, x: Any) -> Any:
            x = x + self.attend(self.norm1(x))
            x = x + self.down(nn.functional.gelu(self.up(self.norm2(x)), approximate=approximate))
            return self.head(x.mean(1))

        def attend(self, x: Any) -> Any:
            n, t, _ = x.shape
            q, k, v = (layer(x).reshape(n, t, heads, -1).transpose(1, 2) for layer in (self.q, self.k, self.v))
            scores = q @ k.transpose(-2, -1) * (width // heads) ** -0.5
            mixed = nn.functional.softmax(scores, dim=-1) @ v
            return self.out(mixed.transpose(1, 2).reshape(n, t, width))

    return Block()


def small_cnn(library: Any) -> Any:
    """Two convolutions over 28 x 28 digits, with pooling; smooth, so that rounding cannot cross a kink."""
    nn = library.nn
    return nn.Sequential(
        *(nn.Conv2d(1, 16, 3), nn.Tanh(), nn.AvgPool2d(2)),
        *(nn.Conv2d(16, 32, 3), nn.Tanh(), nn.AvgPool2d(2)),
        *(nn.Flatten(), nn.Linear(800, 10)),
    )


def tanh_block(library: Any) -> Any:
    return transformer_block(library, approximate="tanh")


def away_from_kinks(model: Any, x: np.ndarray) -> None:
    """Replace samples with a hidden unit so near 0 that the rounding of a library decides whether ReLU passes it."""
    near = np.abs(model[0](tg.from_numpy(x)).array).min(axis=1) < 1e-5
    x[near] = x[~near][: near.sum()]


class Task:
    """A model in both libraries, with the same parameters, and a batch."""

    def __init__(self, make: Any, shape: tuple[int, ...], seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        tg.manual_seed(seed)
        self.model = make(tg)
        self.other = make(torch)
        self.other.load_state_dict({n: torch.from_numpy(p.array.copy()) for n, p in self.model.named_parameters()})
        x = rng.normal(size=shape).astype(np.float32)
        y = rng.integers(0, 10, shape[0])
        if make is mlp:
            away_from_kinks(self.model, x)
        self.batch = tg.from_numpy(x), tg.from_numpy(y)
        self.other_batch = torch.from_numpy(x), torch.from_numpy(y)


# ---- this library


def losses_of(task: Task) -> tg.Tensor:
    task.model.zero_grad()
    x, y = task.batch
    return tg.nn.functional.cross_entropy(task.model(x), y, reduction="none")


def ours(task: Task) -> dict[str, Step]:
    """A plain step, and steps with more results."""

    def plain() -> object:
        return losses_of(task).backward()

    def norms() -> object:
        losses_of(task).backward(per_sample=True)
        return task.model.sample_grads().norms()

    def gram() -> object:
        losses_of(task).backward(per_sample=True)
        return task.model.sample_grads().gram()

    return {"plain": plain, "norms": norms, "gram": gram}


# ---- the peers: each a step that returns the norms


def all_gradients(task: Task) -> Any:
    """A function that returns all per-sample gradients, with `torch.func`."""
    model = task.other
    parameters = {name: p.detach() for name, p in model.named_parameters()}

    def loss(parameters: Any, row: Any, target: Any) -> Any:
        logits = torch.func.functional_call(model, parameters, (row[None],))
        return torch.nn.functional.cross_entropy(logits, target[None])

    each = torch.func.vmap(torch.func.grad(loss), (None, 0, 0))
    return lambda: each(parameters, *task.other_batch)


def with_vmap(task: Task) -> Step:
    gradients = all_gradients(task)
    return lambda: together([g.flatten(1).norm(dim=1) for g in gradients().values()])


def together(norms: list[Any]) -> Any:
    """The norms of the whole gradients, from those for each parameter."""
    return torch.stack(norms).norm(dim=0)


def with_ghost_norms(task: Task) -> Step:
    from opacus.grad_sample import GradSampleModuleFastGradientClipping as Ghost

    return _opacus(task, Ghost(task.other, loss_reduction="sum"), lambda model: model.get_norm_sample())


def with_opacus(task: Task) -> Step:
    from opacus.grad_sample import GradSampleModule

    def norms(model: Any) -> Any:
        found = together([p.grad_sample.flatten(1).norm(dim=1) for p in model.parameters()])
        for p in model.parameters():
            p.grad_sample = None
        return found

    return _opacus(task, GradSampleModule(task.other, loss_reduction="sum"), norms)


def _opacus(task: Task, model: Any, norms: Any) -> Step:
    x, y = task.other_batch

    def step() -> object:
        model.zero_grad()
        torch.nn.functional.cross_entropy(model(x), y, reduction="sum").backward()
        return norms(model)

    return step


def with_backpack(task: Task) -> Step:
    from backpack import backpack, extend
    from backpack.extensions import BatchL2Grad

    x, y = task.other_batch
    model, criterion = extend(task.other), extend(torch.nn.CrossEntropyLoss(reduction="sum"))

    def step() -> object:
        model.zero_grad()
        with backpack(BatchL2Grad()):
            criterion(model(x), y).backward()
        return torch.stack([p.batch_l2 for p in model.parameters()]).sum(0).sqrt()

    return step


# ---- measuring


def check_against_vmap(task: Task) -> float:
    """Compare norms, inner products and sums with explicit per-sample gradients; return the worst relative error."""
    steps = ours(task)
    rows = {name: g.flatten(1).double().numpy() for name, g in all_gradients(task)().items()}
    flat = np.concatenate(list(rows.values()), axis=1)
    expected = np.sqrt(np.square(flat).sum(1))
    norms = steps["norms"]().numpy()  # type: ignore[attr-defined]
    np.testing.assert_allclose(norms, expected, rtol=RTOL)
    scale = np.abs(expected).max()
    for name, p in task.model.named_parameters():
        assert p.grad is not None
        np.testing.assert_allclose(p.grad.array.reshape(-1), rows[name].sum(0), rtol=1e-3, atol=RTOL * scale)
    gram = steps["gram"]().numpy()  # type: ignore[attr-defined]
    np.testing.assert_allclose(gram, flat @ flat.T, rtol=RTOL, atol=RTOL * scale**2)
    return float(np.abs(norms / expected - 1).max())


def against_plain_steps(sizes: list[int], rounds: int) -> None:
    print("Against a plain step")
    print(
        f"{'model':24} {'batch':>5} {'plain':>10} {'norms':>10}  / plain (goal) {'gram':>10}  / plain (goal)   spread"
    )
    tasks = [("784-256-10", mlp, (size, 784)) for size in sizes]
    tasks += [
        ("transformer block", transformer_block, (16, 64, 128)),
        ("the same, tanh GELU", tanh_block, (16, 64, 128)),
        ("CNN 1-16-32, 3x3", small_cnn, (64, 1, 28, 28)),
    ]
    worst = 0.0
    for name, make, shape in tasks:
        task = Task(make, shape)
        worst = max(worst, check_against_vmap(task))
        timings = side_by_side(ours(task), clock=Clock(), rounds=rounds, turn=1e-2)
        plain, norms, gram = timings.values()
        micro = [t.median * 1e6 for t in (plain, norms, gram)]
        of_gram = against(ratio(gram, plain), 1.3) if shape == (256, 784) else f"{ratio(gram, plain):5.2f}"
        print(
            f"{name:24} {shape[0]:5} {micro[0]:7.0f} µs {micro[1]:7.0f} µs   {against(ratio(norms, plain), 1.15)}"
            f" {micro[2]:9.0f} µs   {of_gram:12}    {max(t.spread for t in timings.values()):5.1%}"
        )
    print(f"Norms are those of torch.func.vmap(grad) up to {worst:.0e}.\n")


VMAP = "torch.func.vmap(grad)"
PEERS = {
    "Opacus, ghost norms": ("opacus", with_ghost_norms),
    "BackPACK": ("backpack", with_backpack),
    "Opacus": ("opacus", with_opacus),
    VMAP: ("torch", with_vmap),
}
WRITING_OUT = ("Opacus", VMAP)


def against_peers(sizes: list[int], rounds: int) -> None:
    print("Against PyTorch's libraries, 784-256-10: forward, backward, norms")
    print(f"{'batch':>5} {'':22} {'theirs':>11} {'ours':>10}   theirs / ours (goal)   spread   norms differ by")
    missing = [module for module, _ in PEERS.values() if importlib.util.find_spec(module) is None]
    for module in dict.fromkeys(missing):
        print(f"      {module} is not installed, so it is left out: pip install --group peers")
    for size in sizes:
        for name, (module, make) in PEERS.items():
            if module not in missing and (name != VMAP or size == 256):
                against_peer(name, make, size, rounds)


def against_peer(name: str, make: Any, size: int, rounds: int) -> None:
    task = Task(mlp, (size, 784))
    steps = {"ours": ours(task)["norms"], "theirs": make(task)}
    found, expected = (steps[who]().detach().numpy() for who in ("ours", "theirs"))  # type: ignore[attr-defined]
    np.testing.assert_allclose(found, expected, rtol=RTOL)
    slow = name in WRITING_OUT
    rounds, turn = (min(rounds, SLOW_ROUNDS), 5e-2) if slow else (rounds, 1e-2)
    timings = side_by_side(steps, clock=Clock(), rounds=rounds, turn=turn)
    mine, theirs = timings["ours"], timings["theirs"]
    times, goal = ratio(theirs, mine), 40 if name == VMAP else 1
    print(
        f"{size:5} {name:22} {theirs.median * 1e6:8.0f} µs {mine.median * 1e6:7.0f} µs"
        f"   {times:7.1f} {'≥' if times >= goal else '<'} {goal:<10}   {max(mine.spread, theirs.spread):7.1%}"
        f"   {np.abs(found / expected - 1).max():.0e}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[32, 256, 1024])
    parser.add_argument("--rounds", type=int, default=31)
    options = parser.parse_args()
    torch.set_num_threads(1)
    # Opacus' hooks meet a model whose inputs want no gradient; PyTorch says so at every step.
    warnings.filterwarnings("ignore", message="Full backward hook is firing")
    print("Per-sample gradients, float32, one thread; losses are cross-entropy\n")
    against_plain_steps(options.batch_sizes, options.rounds)
    against_peers(options.batch_sizes, options.rounds)


if __name__ == "__main__":
    main()
