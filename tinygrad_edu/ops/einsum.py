"""Einstein summation: sums of products, written with one letter per axis; and what else sums over chosen axes.

`einsum` first completes the expression: every axis has a letter, and the output's letters are given. In that
form the derivative is an einsum again, with the gradient of the result in place of the operand.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from string import ascii_letters
from typing import TYPE_CHECKING, Any

import numpy as np

from ..engine.primitives import Operand, implements, primitive
from ..errors import ShapeError, axis_error, require_own
from ..sample_rules.families import Contraction, Terms
from .arguments import ndim_of, shape_of
from .arithmetic import mul
from .matmul import matmul

if TYPE_CHECKING:
    from ..engine.typing import Tensor

__all__ = ["einsum", "inner", "tensordot"]

Shapes = tuple[tuple[int, ...], ...]


def einsum(subscripts: Any, *operands: Any) -> Tensor:
    """The sum of products that `subscripts` describes: each letter is an axis.

    A letter in several operands runs along them together; a letter that the output lacks is summed over.

    Args:
        subscripts: the letters of each operand, separated by commas, then ``->`` and those of the output.
            Without ``->`` the output has, in alphabetic order, the letters that occur once. ``...``
            stands for axes without letters, which broadcast. A letter twice in one operand takes the diagonal.
        *operands: tensors, or one list of them. In NumPy's other form each operand is followed by the
            list of its axes' numbers, and the output's list comes last.

    Returns:
        Tensor with the output's axes.

    Raises:
        ShapeError: if a letter stands for two sizes, or an operand does not have as many axes as letters.
        ValueError: if the subscripts cannot be read.

    >>> import tinygrad_edu as tg
    >>> x = tg.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> tg.einsum("ij,kj->ik", x, x)
    tensor([[ 5., 11.],
            [11., 25.]])
    >>> tg.einsum("ii", x)
    tensor(5.)
    """
    if not isinstance(subscripts, str):
        subscripts, operands = _from_lists((subscripts, *operands))
    elif len(operands) == 1 and isinstance(operands[0], list | tuple):
        operands = tuple(operands[0])
    require_own("einsum", *operands)
    return _einsum(spell_out(subscripts, tuple([shape_of(x) for x in operands])), *operands)


@implements(np.einsum)
def _np_einsum(subscripts: Any, *operands: Any, optimize: Any = True) -> Any:
    return einsum(subscripts, *operands)


def _from_lists(arguments: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
    """NumPy's form (x, [0, 1], y, [1, 2], [0, 2]) as subscripts and operands."""

    def letters(axes: Any) -> str:
        return "".join("..." if axis is Ellipsis else ascii_letters[axis] for axis in axes)

    operands = arguments[0 : len(arguments) // 2 * 2 : 2]
    text = ",".join(letters(axes) for axes in arguments[1::2])
    return (f"{text}->{letters(arguments[-1])}" if len(arguments) % 2 else text), operands


@lru_cache(maxsize=4096)
def spell_out(subscripts: str, shapes: Shapes) -> str:
    """`subscripts` with the output given and a letter in place of each axis that ``...`` stands for.

    Raises:
        ShapeError, ValueError: as `einsum` does.
    """
    where = f"einsum {subscripts!r}"
    text = subscripts.replace(" ", "")
    inputs, arrow, output = text.partition("->")
    terms = inputs.split(",")
    if len(terms) != len(shapes):
        raise ValueError(f"{where}: letters for {len(terms)} operands, but {len(shapes)} given")
    for term in (*terms, output):
        rest = term.replace("...", "", 1)
        wrong = [c for c in rest if c not in ascii_letters]
        if wrong:
            raise ValueError(
                f"{where}: {wrong[0]!r} is not an axis: use letters, one '...' in each operand, ',' and '->'"
            )
    free = [c for c in ascii_letters if c not in text]
    hidden = [len(shape) - len(term.replace("...", "")) for term, shape in zip(terms, shapes, strict=True)]
    for index, (term, count, shape) in enumerate(zip(terms, hidden, shapes, strict=True)):
        if count < 0 or (count and "..." not in term):
            raise ShapeError(
                f"{where}: operand {index} has {len(shape)} axes (shape {shape}), its letters "
                f"{term!r} name {len(term.replace('...', ''))}"
            )
    broad = "".join(free[: max((n for n, term in zip(hidden, terms, strict=True) if "..." in term), default=0)])
    full = [term.replace("...", broad[len(broad) - n :]) for term, n in zip(terms, hidden, strict=True)]
    if arrow:
        if broad and "..." not in output:
            raise ValueError(f"{where}: the output must have '...' as well, to say where those axes go")
        output = output.replace("...", broad)
    else:
        letters = inputs.replace(",", "").replace(".", "")
        output = broad + "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    for c in output:
        if output.count(c) > 1 or not any(c in term for term in full):
            problem = "twice in the output" if output.count(c) > 1 else "in the output but in no operand"
            raise ValueError(f"{where}: letter {c} is {problem}")
    _check_sizes(where, full, broad, shapes)
    return ",".join(full) + "->" + output


def _check_sizes(where: str, terms: Sequence[str], broad: str, shapes: Shapes) -> None:
    seen: dict[str, tuple[int, int]] = {}
    for index, (term, shape) in enumerate(zip(terms, shapes, strict=True)):
        for axis, (c, size) in enumerate(zip(term, shape, strict=True)):
            have, owner = seen.get(c, (1, index))
            repeated = term.index(c) < axis
            if (size != have and 1 not in (size, have)) or (repeated and size != shape[term.index(c)]):
                have = shape[term.index(c)] if repeated else have
                what = f"an axis of '...', {axis - len(term)}," if c in broad else f"letter {c}"
                raise ShapeError(f"{where}: {what} is {have} in operand {owner} and {size} in operand {index}")
            if have == 1:
                seen[c] = size, index


def _einsum_rule(g: Any, out: Any, subscripts: str, *operands: Any, needs: Sequence[Any]) -> list[Any]:
    """The gradient of each operand: the einsum with `g` in that operand's place."""
    terms, output = _parts(subscripts)
    parts: list[Any] = [None]
    for index, (term, operand) in enumerate(zip(terms, operands, strict=True)):
        if needs[index + 1] is None:
            parts.append(None)
            continue
        inputs = [output, *terms[:index], *terms[index + 1 :]]
        others = [g, *operands[:index], *operands[index + 1 :]]
        wanted, free = "", iter([c for c in ascii_letters if c not in subscripts])
        for axis, c in enumerate(term):
            if c in wanted:  # the op took a diagonal: its gradient stands on one
                twin = next(free)
                inputs.append(c + twin)
                others.append(np.eye(operand.shape[axis], dtype=operand.dtype))
                c = twin
            wanted += c
        present = [any(c in other for other in inputs) for c in wanted]
        found = "".join(c for c, here in zip(wanted, present, strict=True) if here)
        part: Any = _einsum(",".join(inputs) + "->" + found, *others)
        if part.shape != operand.shape:  # an axis that was merely summed over, or was stretched by broadcasting
            sizes = iter(part.shape)
            shape = tuple(next(sizes) if here else 1 for here in present)
            part = np.broadcast_to(part.reshape(shape), np.broadcast_shapes(shape, operand.shape))
        parts.append(part)
    return parts


def _einsum_terms(node: Any) -> Terms:
    inputs, output = _parts(node.args[0])
    count = len(inputs)
    partners = [[j + 1 for j in range(count) if j != i] for i in range(count)]
    return Terms((None, *inputs), output, ((), *partners))


@primitive(
    joint=_einsum_rule,
    cases=lambda draw: [
        ("ij,jk->ik", draw(2, 3), draw(3, 2)),
        ("bij,bjk->bik", draw(2, 2, 3), draw(2, 3, 2)),
        ("ij->", draw(2, 3)),
        ("ii->i", draw(3, 3)),
        ("ii->", draw(3, 3)),
        ("iij,j->ij", draw(2, 2, 3), draw(3)),
        ("i,j,ij->", draw(2), draw(3), draw(2, 3)),
        ("ij,jk,kl->il", draw(2, 3), draw(3, 2), draw(2, 2)),
        ("ij,jk->ik", draw(2, 1), draw(3, 2)),
        ("i,i->i", draw(3), draw(3)),
        (",i->i", draw(), draw(3)),
        ("ij,jk->ik", draw(2, 0), draw(0, 2)),
        ("->", draw()),
    ],
    samples=Contraction(_einsum_terms),
)
def _einsum(subscripts: str, *operands: Operand) -> Operand:
    arrays = [x if isinstance(x, np.ndarray) else np.asarray(x) for x in operands]
    terms, output = _parts(subscripts)
    if len(arrays) < 3:
        return _contract(terms, output, arrays)
    for pair in _order(subscripts, tuple([a.shape for a in arrays])):
        chosen = [(terms.pop(i), arrays.pop(i)) for i in sorted(pair, reverse=True)]
        inputs = [term for term, _ in chosen]
        later = output if not terms else "".join((*terms, output))
        kept = output if not terms else "".join(dict.fromkeys(c for c in "".join(inputs) if c in later))
        terms.append(kept)
        arrays.append(_contract(inputs, kept, [array for _, array in chosen]))
    return arrays[0]


def _parts(subscripts: str) -> tuple[list[str], str]:
    inputs, _, output = subscripts.partition("->")
    return inputs.split(","), output


@lru_cache(maxsize=4096)
def _order(subscripts: str, shapes: Shapes) -> list[tuple[int, ...]]:
    """In which order to multiply more than two operands: NumPy's greedy choice."""
    if any(0 in shape for shape in shapes):
        return [(0, 1)] * (len(shapes) - 1)
    stand_ins = [np.broadcast_to(np.float32(0), shape) for shape in shapes]
    path = np.einsum_path(subscripts, *stand_ins, optimize=("greedy", 2**60))[0][1:]
    return [tuple(step) for step in path if len(step) > 1]


def _contract(terms: Sequence[str], output: str, arrays: Sequence[Any]) -> Any:
    """The einsum of one or two arrays; a product of matrices is computed as one."""
    if len(arrays) == 2:
        x, y = arrays
        left, right = terms
        shared = [c for c in left if c in right and c not in output]
        sizes = dict(zip(left + right, x.shape + y.shape, strict=True))
        simple = (
            shared
            and len(set(left)) == len(left)
            and len(set(right)) == len(right)
            and all(c in right or c in output for c in left)
            and all(c in left or c in output for c in right)
            and all(sizes[c] == n for c, n in zip(left, x.shape, strict=True))
            and x.dtype.kind == y.dtype.kind == "f"
        )
        if simple:
            batch = [c for c in left if c in right and c in output]
            rows = [c for c in left if c not in right]
            columns = [c for c in right if c not in left]
            a = x.transpose([left.index(c) for c in (*batch, *rows, *shared)])
            b = y.transpose([right.index(c) for c in (*batch, *shared, *columns)])
            m, k, n = (math.prod(sizes[c] for c in group) for group in (rows, shared, columns))
            lead = tuple(sizes[c] for c in batch)
            product: Any = matmul(a.reshape((*lead, m, k)), b.reshape((*lead, k, n)))
            have = [*batch, *rows, *columns]
            shaped = product.reshape([sizes[c] for c in have])
            return shaped.transpose([have.index(c) for c in output])
    result = np.einsum(",".join(terms) + "->" + output, *arrays)
    # For one operand NumPy gives a view of it; an op's result must have its own memory.
    return result.copy() if any(result is a or np.may_share_memory(result, a) for a in arrays) else result


def tensordot(x: Operand, y: Operand, dims: Any = 2, *, axes: Any = None) -> Tensor:
    """The sum of products of `x` and `y` over several axes at once.

    Args:
        x: tensor.
        y: tensor.
        dims: how many of the last axes of `x` run along the first axes of `y`; or two lists, of axes
            of `x` and of the axes of `y` that they run along.
        axes: the same as `dims`, in NumPy's spelling.

    Returns:
        Tensor with the axes of `x` and then those of `y` that are not summed over.

    Raises:
        ShapeError: if two axes that run together differ in size, or an axis is out of range.

    >>> import tinygrad_edu as tg
    >>> x = tg.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> tg.tensordot(x, x, dims=([0], [0]))
    tensor([[10., 14.],
            [14., 20.]])
    """
    dims = dims if axes is None else axes
    a, b = shape_of(x), shape_of(y)
    if isinstance(dims, int | np.integer):
        if not 0 <= dims <= min(len(a), len(b)):
            raise ShapeError(
                f"tensordot: dims={dims} for shapes {a} and {b}: neither has more axes than that to sum over"
            )
        pairs = [(len(a) - int(dims) + i, i) for i in range(int(dims))]
    else:
        first, second = ([int(i) for i in np.ravel(side)] for side in dims)
        if len(first) != len(second):
            raise ShapeError(f"tensordot: dims={dims!r}: {len(first)} axes of the first, {len(second)} of the second")
        for axis, shape in [*((i, a) for i in first), *((i, b) for i in second)]:
            if not -len(shape) <= axis < len(shape):
                raise axis_error("tensordot", axis, shape, "dims")
        pairs = [(i % len(a), j % len(b)) for i, j in zip(first, second, strict=True)]
    left, right = list(ascii_letters[: len(a)]), list(ascii_letters[len(a) : len(a) + len(b)])
    for i, j in pairs:
        if a[i] != b[j]:
            raise ShapeError(
                f"tensordot: shapes {a} and {b} do not fit: axis {i} of the first is {a[i]}, "
                f"axis {j} of the second is {b[j]}"
            )
        right[j] = left[i]
    output = [c for c in left if c not in right] + [c for c in right if c not in left]
    return _einsum("".join(left) + "," + "".join(right) + "->" + "".join(output), x, y)


@implements(np.tensordot)
def _np_tensordot(a: Operand, b: Operand, axes: Any = 2) -> Any:
    return tensordot(a, b, axes)


def inner(x: Operand, y: Operand) -> Tensor:
    """The sums of products over the last axes of both operands.

    Args:
        x: tensor (..., k); a 0-d one multiplies.
        y: tensor (..., k).

    Returns:
        Tensor whose shape is that of `x` without its last axis, and then that of `y` without its last.

    Raises:
        ShapeError: if the last axes differ in size.

    >>> import tinygrad_edu as tg
    >>> tg.inner(tg.tensor([[1.0, 2.0], [3.0, 4.0]]), tg.tensor([1.0, 1.0]))
    tensor([3., 7.])
    """
    if not ndim_of(x) or not ndim_of(y):
        return mul(x, y)
    return tensordot(x, y, ([-1], [-1]))


@implements(np.dot)
def _np_dot(a: Operand, b: Operand) -> Any:
    """NumPy's dot: for more than two axes, the outer products of both stacks."""
    if not ndim_of(a) or not ndim_of(b):
        return mul(a, b)
    if ndim_of(a) <= 2 and ndim_of(b) <= 2:
        return matmul(a, b)
    return tensordot(a, b, ([-1], [-2 if ndim_of(b) > 1 else -1]))


implements(np.inner)(inner)
