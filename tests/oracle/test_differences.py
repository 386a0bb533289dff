"""Differences from PyTorch: every line of that page's tables is tried in both libraries."""

from __future__ import annotations

import io
import itertools
import os
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg

torch = pytest.importorskip("torch")

PAGE = Path(__file__).parents[2] / "docs" / "differences-from-pytorch.md"


def functional(library: Any) -> Any:
    return library.nn.functional


def leaf(library: Any, numbers: Any) -> Any:
    return library.tensor(numbers, dtype=library.float64, requires_grad=True)


def loss(library: Any, **options: Any) -> Any:
    return functional(library).mse_loss(library.ones(4, 2), library.zeros(4, 2), **options).item()


def forgotten(library: Any) -> None:
    x = library.zeros(2, requires_grad=True)
    functional(library).mse_loss(x * library.ones(3, 2), library.ones(3, 2)).backward()
    library.optim.SGD([x], lr=0.1).step()


def unlike_triplet(library: Any) -> Any:
    return library.ones(3, 2), library.ones(3, 2), library.ones(1, 2)


def of_no_sign(library: Any, name: str, *inputs: Any) -> Any:
    return getattr(functional(library), name)(*inputs, library.zeros(1), reduction="sum").item()


def padded(library: Any) -> bool:
    """Whether the output at a padded position is 0 in evaluation."""
    layer = library.nn.TransformerEncoderLayer(4, 2, 6, 0.0, batch_first=True)
    encoder = library.nn.TransformerEncoder(layer, 1).eval()
    padding = library.tensor([[False, True]])
    with library.no_grad():
        out = encoder(library.ones(1, 2, 4), src_key_padding_mask=padding)
    return not out[0, 1].numpy().any()


def repeated(library: Any) -> Any:
    x, v = leaf(library, [1.0, 2.0]), leaf(library, [3.0, 4.0])
    h = x * 1
    h[[0, 0]] = v
    h.sum().backward()
    return v.grad.tolist()


def overwritten(library: Any) -> Any:
    x = leaf(library, [0.0])
    y = x.exp()
    z = y * 2
    y += 1
    (y + z).sum().backward()
    return x.grad.tolist()


def overwritten_outside(library: Any) -> None:
    y = leaf(library, [0.0]).exp()
    with library.no_grad():
        y += 1
    y.sum().backward()


def part(library: Any) -> Any:
    h = leaf(library, [1.0, 2.0]) * 1
    h.unbind(0)[0].mul_(5)
    return h.tolist()


def copied_view(library: Any) -> Any:
    return library.zeros(2, 3).T.view(-1)


def cleared_after(library: Any, look: Callable[[Any], Any]) -> Any:
    x = library.ones(2, 2)
    look(x).zero_()
    return x.tolist()


def written_view(library: Any) -> None:
    copied_view(library)[0] = 1.0


def taken_out(library: Any) -> Any:
    h = leaf(library, [1.0]) * 1
    array, twin = h.detach().numpy(), h.detach()
    h += 1
    return array.tolist(), twin.tolist()


def twice(library: Any) -> None:
    y = leaf(library, [1.0]) + 1
    y.sum().backward()
    y.sum().backward()


def divided(library: Any) -> Any:
    with np.errstate(divide="ignore"):
        return (library.tensor([5]) // library.tensor([0])).tolist()


def numpys(library: Any) -> Any:
    t = leaf(library, [1.0, 2.0])
    return type(np.concatenate([t, t])).__name__, (np.ones(2) * t).requires_grad


def saved(library: Any, obj: Any) -> Any:
    file = io.BytesIO()
    library.save(obj, file)
    file.seek(0)
    return file


def passed(library: Any, obj: Any) -> Any:
    return library.load(saved(library, obj))


def written(library: Any, look: Callable[[Any], Any]) -> Any:
    """What a second tensor has after the first was filled, both saved and loaded together."""
    x = library.ones(2, 2)
    one, two = passed(library, [x, look(x)])
    one.fill_(5)
    return two.tolist()


Run = Callable[[Any], Any]
ERROR = Exception


def scheduled(library: Any, make: Callable[[Any, Any], list[Any]]) -> float:
    """The rate after one step of each of the schedules."""
    optimizer = library.optim.SGD([leaf(library, [1.0])], lr=8.0)
    schedules = make(library.optim.lr_scheduler, optimizer)
    optimizer.step()
    for schedule in schedules:
        schedule.step()
    return float(optimizer.param_groups[0]["lr"])


def joined(schedules: Any, optimizer: Any) -> list[Any]:
    schedule = schedules.StepLR(optimizer, 1, 0.5)
    optimizer.add_param_group({"params": tg.zeros(1) if isinstance(optimizer, tg.optim.SGD) else torch.zeros(1)})
    return [schedule]


def chained(schedules: Any, optimizer: Any) -> list[Any]:
    parts = [schedules.StepLR(optimizer, 1, 0.5), schedules.LambdaLR(optimizer, lambda epoch: 1.0)]
    return [schedules.ChainedScheduler(parts)]


class Readings:
    """A sample says whether it is read in the process of that number, and has a number drawn at random."""

    def __init__(self, library: Any, process: int) -> None:
        self.library, self.process = library, process

    def __len__(self) -> int:
        return 4

    def __getitem__(self, i: int) -> Any:
        return os.getpid() == self.process, self.library.rand(1).item()


def read(library: Any, workers: int) -> list[Any]:
    loader = library.data.DataLoader if library is tg else library.utils.data.DataLoader
    library.manual_seed(0)
    return [part.tolist() for part in next(iter(loader(Readings(library, os.getpid()), 4, num_workers=workers)))]


# By the first cell of each line: programs, with what they give in PyTorch and here.
LINES: dict[str, list[tuple[Run, Any, Any]]] = {
    "a loss over a batch": [
        (loss, 1.0, 8.0),
        (lambda lib: loss(lib, reduction="mean"), 1.0, 1.0),
    ],
    "`backward()` on many numbers": [(lambda lib: (leaf(lib, [1.0, 2.0]) * 1).backward(), ERROR, None)],
    "dividing by the batch size": [(forgotten, None, tg.SampleCountWarning)],
    "dtypes": [(lambda lib: lib.float32 == np.float32, False, True)],
    "devices": [(lambda lib: isinstance(lib.zeros(1).device, str), False, True)],
    "`t.shape`, `t.size()`": [(lambda lib: type(lib.zeros(2).shape) is tuple, False, True)],
    "NumPy's functions and arrays beside tensors": [(numpys, ERROR, ("Tensor", True))],
    "random numbers from one seed": [(lambda lib: (lib.manual_seed(0), round(lib.rand(1).item(), 3))[1], 0.496, 0.851)],
    "workers of a `DataLoader`": [(lambda lib: any(read(lib, 1)[0]), False, True)],
    "random numbers that a dataset draws": [(lambda lib: read(lib, 0)[1] == read(lib, 1)[1], False, True)],
    "a 0-d tensor beside one of a smaller dtype (float64 beside float32, int64 beside int32)": [
        (lambda lib: str((lib.ones(1) * lib.tensor(2.0, dtype=lib.float64)).dtype)[-7:], "float32", "float64"),
        (lambda lib: str((lib.ones(1) * np.float64(2)).dtype)[-7:], "float32", "float32"),
        (lambda lib: str((lib.ones(1, dtype=lib.int32) * lib.tensor(2)).dtype)[-5:], "int32", "int64"),
        (lambda lib: str((lib.ones(1, dtype=lib.int32) * 2).dtype)[-5:], "int32", "int32"),
        (lambda lib: str((lib.ones(1) * lib.tensor(2)).dtype)[-7:], "float32", "float32"),
    ],
    "operands of two dtypes in `@` and `linear`": [
        (lambda lib: (lib.ones(1, 1) @ lib.ones(1, 1, dtype=lib.float64)).item(), ERROR, 1.0),
        (lambda lib: lib.nn.functional.linear(lib.ones(1, dtype=lib.float64), lib.ones(1, 1)).item(), ERROR, 1.0),
    ],
    "float64 input for an `nn.Linear` of float32": [
        (lambda lib: lib.nn.Linear(2, 1)(lib.ones(1, 2, dtype=lib.float64)), ERROR, UserWarning)
    ],
    "the mean of integers": [(lambda lib: lib.tensor([1, 2]).mean().item(), ERROR, 1.5)],
    "`x[0, :, [1, 2]]`, an integer and an index array apart": [
        (lambda lib: tuple(lib.zeros(2, 5, 4)[0, :, [1, 2]].shape), (5, 2), (2, 5))
    ],
    "an index of uint8": [(lambda lib: lib.arange(2)[lib.tensor([0, 1], dtype=lib.uint8)].tolist(), [1], [0, 1])],
    "`x[::-1]`": [(lambda lib: lib.arange(2)[::-1].tolist(), ERROR, [1, 0])],
    "`x[[0, 0]] = v`": [(repeated, [1.0, 1.0], [0.0, 1.0])],
    "integers divided by zero, `tensor([5]) // 0`": [
        (lambda lib: (lib.tensor([5]) // 0).tolist(), ERROR, RuntimeWarning),
        (divided, ERROR, [0]),
    ],
    "an in-place change of a tensor that `backward()` still needs": [
        (overwritten, ERROR, [3.0]),
        (overwritten_outside, ERROR, tg.GraphError),
    ],
    "an in-place change of a part that `split` or `unbind` returned": [(part, ERROR, [5.0, 2.0])],
    '`einsum` that only moves or picks, as in `"ij->ji"`': [
        (lambda lib, how=how: cleared_after(lib, lambda x: lib.einsum(how, x)), theirs, [[1.0, 1.0], [1.0, 1.0]])
        for how, theirs in (
            ("ij->ji", [[0.0, 0.0], [0.0, 0.0]]),
            ("ij->ij", [[0.0, 0.0], [0.0, 0.0]]),
            ("ii->i", [[0.0, 1.0], [1.0, 0.0]]),
        )
    ],
    "`x.unfold(dim, size, step)`": [
        (lambda lib: cleared_after(lib, lambda x: x.unfold(0, 1, 1)), [[0.0, 0.0], [0.0, 0.0]], ValueError)
    ],
    "`view()` where the memory does not allow one": [
        (lambda lib: len(copied_view(lib)), ERROR, 6),
        (written_view, ERROR, ValueError),
    ],
    "a NumPy array that shares memory with a tensor, when the tensor is changed in a graph": [
        (taken_out, ([2.0], [2.0]), ([1.0], [2.0]))
    ],
    "a list that is saved twice in one object": [
        (lambda lib: len({id(part) for part in passed(lib, [[1]] * 2)}), 1, 2)
    ],
    "tensors saved together that overlap in part, such as `x` and `x[0]`": [
        (lambda lib: written(lib, lambda x: x[0]), [5.0, 5.0], [1.0, 1.0]),
        (lambda lib: written(lib, lambda x: x.detach()), [[5.0, 5.0], [5.0, 5.0]], [[5.0, 5.0], [5.0, 5.0]]),
    ],
    "`tensor([w[0], w[1]])` of tensors with gradients": [
        (lambda lib: lib.tensor(list(leaf(lib, [1.0, 2.0]))).requires_grad, False, tg.GraphError)
    ],
    "`dim=0` of a tensor without axes": [(lambda lib: lib.tensor(3.0).sum(0).item(), 3.0, tg.ShapeError)],
    "`softmax(x)` without `dim`": [
        (lambda lib: functional(lib).softmax(lib.zeros(1, 2)).tolist(), [[0.5, 0.5]], TypeError)
    ],
    "an integer that does not fit into the dtype, `int8 + 1000`": [
        (lambda lib: (lib.ones(1, dtype=lib.int8) + 1000).tolist(), [-23], OverflowError)
    ],
    "complex numbers": [(lambda lib: lib.tensor([1j]).is_complex(), True, tg.DtypeError)],
    "`save` of modules, sets, bytes, functions or objects of your own": [
        *((lambda lib, obj=obj: saved(lib, obj) is None, False, TypeError) for obj in ({1}, b"a", len, Path("a"))),
        (lambda lib: saved(lib, lib.nn.Linear(1, 1)) is None, False, TypeError),
    ],
    "`load` of what `torch.save` wrote": [
        (lambda lib: lib.load(saved(torch, {"w": torch.ones(1)}))["w"].tolist(), [1.0], tg.FileFormatError),
    ],
    "`mse_loss` of shapes (n, 1) and (n,)": [
        (lambda lib: functional(lib).mse_loss(lib.ones(3, 1), lib.zeros(3)).item(), 1.0, tg.ShapeError)
    ],
    "a triplet of shapes (n, d), (n, d) and (1, d)": [
        (
            lambda lib: functional(lib).triplet_margin_loss(*unlike_triplet(lib), reduction="sum").item(),
            3.0,
            tg.ShapeError,
        )
    ],
    "a target of 0 in `hinge_embedding_loss`, `cosine_embedding_loss`, `soft_margin_loss`": [
        (lambda lib: of_no_sign(lib, "hinge_embedding_loss", lib.ones(1)), 1.0, ValueError),
        (lambda lib: of_no_sign(lib, "cosine_embedding_loss", lib.ones(1, 2), lib.ones(1, 2)), 0.0, ValueError),
        (lambda lib: round(of_no_sign(lib, "soft_margin_loss", lib.ones(1)), 4), 0.6931, ValueError),
    ],
    "`nn.LSTM(proj_size=…)`, packed sequences": [
        (
            lambda lib: lib.nn.LSTM(3, 4, proj_size=2)(lib.zeros(5, 1, 3))[0].shape == (5, 1, 2),
            True,
            NotImplementedError,
        ),
        (lambda lib: lib.nn.utils.rnn.pack_sequence([lib.zeros(2)]).data.tolist(), [0.0, 0.0], AttributeError),
    ],
    "`max_norm=`, `scale_grad_by_freq=` of an `nn.Embedding` or `nn.EmbeddingBag`": [
        (lambda lib: str(lib.nn.Embedding(3, 2, None, 1.0)), "Embedding(3, 2, max_norm=1.0)", NotImplementedError),
        (lambda lib: lib.nn.Embedding(3, 2, scale_grad_by_freq=True).training, True, NotImplementedError),
        (
            lambda lib: str(lib.nn.EmbeddingBag(3, 2, max_norm=1.0)),
            "EmbeddingBag(3, 2, max_norm=1.0, mode='mean')",
            NotImplementedError,
        ),
        (lambda lib: lib.nn.EmbeddingBag(3, 2, scale_grad_by_freq=True).training, True, NotImplementedError),
    ],
    "the output of `TransformerEncoder` at padded positions in evaluation": [(padded, True, False)],
    "the mean loss of an empty batch": [
        (
            lambda lib: str(functional(lib).mse_loss(lib.ones(0), lib.ones(0), reduction="mean").item()),
            "nan",
            ValueError,
        )
    ],
    "an unknown key in a parameter group": [
        (
            lambda lib: lib.optim.SGD([{"params": leaf(lib, [1.0]), "rho": 2}], lr=1.0).param_groups[0]["rho"],
            2,
            ValueError,
        )
    ],
    "a parameter group added after the schedule was made": [(lambda lib: scheduled(lib, joined), 4.0, tg.StateError)],
    "several schedules of one optimizer": [
        (lambda lib: scheduled(lib, lambda s, o: [s.StepLR(o, 1, 0.5), s.StepLR(o, 1, 0.25)]), 1.0, 2.0),
        (lambda lib: scheduled(lib, chained), 8.0, 4.0),
    ],
    "a second `backward()` without `retain_graph=True`": [(twice, None, tg.GraphError)],
}


@pytest.mark.parametrize("line", LINES)
def test_the_line_is_true(line: str) -> None:
    for program, theirs, ours in LINES[line]:
        for library, expected in ((torch, theirs), (tg, ours)):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore" if library is torch else "error")
                if isinstance(expected, type) and issubclass(expected, Exception):
                    with pytest.raises(expected):
                        program(library)
                else:
                    assert program(library) == expected


def sections() -> dict[str, list[str]]:
    """The first cells of the tables, by the heading above them."""
    text = PAGE.read_text(encoding="utf-8").split("<!-- differences -->")[1].split("<!-- /differences -->")[0]
    found = {}
    for section in text.split("\n## ")[1:]:
        heading, _, rest = section.partition("\n")
        lines = [line for line in rest.splitlines() if line.startswith("|")]
        found[heading] = [re.split(r"(?<!\\)\|", line)[1].strip() for line in lines[2:]]
    return found


def test_every_line_is_tried() -> None:
    assert sorted(itertools.chain(*sections().values())) == sorted(LINES)


def is_error(expected: Any) -> bool:
    return isinstance(expected, type) and issubclass(expected, Exception) and not issubclass(expected, Warning)


@pytest.mark.parametrize(
    ("heading", "errors"),
    [
        ("Another result, and no error", (False, False)),
        ("An error in PyTorch, a result here", (True, False)),
        ("A result in PyTorch, an error here", (False, True)),
    ],
)
def test_every_line_is_in_its_section(heading: str, errors: tuple[bool, bool]) -> None:
    for line in sections()[heading]:
        found = [(is_error(theirs), is_error(ours)) for _, theirs, ours in LINES[line] if theirs != ours]
        assert errors in found, line
