"""Layers written by hand, as in courses: objects with `forward`, `backward`, and gradients."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..dtypes import Array
from .checks import check_again, finish
from .diagnosis.explanation import is_tried
from .handwritten import notes_of, times_batch
from .layer_calls import call_of, changed, ones, parts_of, places, seeded, takes_nothing, written_at
from .layer_parameters import (
    Pair,
    Path,
    candidates,
    gradients_left,
    layers_in,
    narrow_arrays,
    pairs_by_name,
    pairs_given,
    with_zero_grad,
)
from .options import Method, Mode, OnKink, Options
from .report import GradcheckError, Report
from .subject import Foreign, Input, Written, floating_outputs, is_floating, numbers, of_function


def gradcheck_layer(
    layer: Any,
    inputs: Any,
    *,
    grads: Mapping[str, str] | None = None,
    batch_mean: bool | int = False,
    cotangent: Any = None,
    method: Method = "auto",
    rtol: float | None = None,
    wrt: Any = None,
    on_kink: OnKink = "skip",
    mode: Mode = "auto",
    seed: int = 0,
    allow_zero: bool = False,
) -> Report:
    """Compare the gradients of a layer that was written by hand with numeric derivatives: of parameters and inputs.

    The layer is any object with ``forward(x)`` (or ``__call__``) and ``backward(g)``, which returns the gradient of the
    input and stores those of the parameters on the object: a layer, a loss, or a network of layers. Each evaluation is
    a forward and a backward pass of a fresh deep copy in float64, with all gradients set to 0 (by `zero_grad` too, if
    there is one) and NumPy's global random numbers seeded with `seed`. The object itself is not changed.

    A `backward` without arguments belongs to a single number, such as a loss; so does one whose argument has a default,
    if the output is a single number. One that returns None may have stored the gradient of the input on the object, as
    ``dx``, ``dinputs`` or ``grad_input``; else only its parameters are checked. A `forward` that returns None has
    stored its output on the object, as ``output`` or ``out``.

    Args:
        layer: the object.
        inputs: the argument of `forward`, an array, or a tuple of its arguments.
        grads: for each parameter, where its gradient is after a backward pass, both written as after ``layer.``:
            ``{"W": "dW", "layers[0].W": "layers[0].dW", "params['b']": "grads['b']"}``. Default: every floating
            attribute P with a ``dP``, ``grad_P`` or ``P_grad`` beside it, of the object and of all objects in it, in
            attributes, lists and dicts; the entries of ``params`` with those of ``grads``; and ``data`` with ``grad``.
            An input is named as in `forward`, ``{"x": "dinputs"}``; if only inputs are named, parameters are still
            found.
        batch_mean: True if the gradients of parameters are means over the batch (axis 0 of the first input) although
            the outputs are not: they are multiplied by its size before they are compared. The number of samples if
            these are on another axis, such as in columns.
        cotangent: as for `gradcheck`.
        method: as for `gradcheck`.
        rtol: as for `gradcheck`.
        wrt: the names of the parameters and inputs to check, such as ``["W", "x"]``; None for all.
        on_kink: as for `gradcheck`.
        mode: as for `gradcheck`.
        seed: the seed of the random numbers.
        allow_zero: as for `gradcheck`.

    Returns:
        The report. Its notes say which gradient belongs to which parameter, and what was not checked; for a network,
        its blame says which of the layers are wrong by themselves.

    Raises:
        GradcheckError: as `gradcheck`; and if gradients accumulate although there is a `zero_grad`.
        TypeError: if the object is not a layer, cannot be copied, or its `backward` needs more arguments.
        ValueError: if no parameter has a gradient, a path leads nowhere, or `backward` returns more or fewer gradients
            than there are inputs.

    >>> import numpy as np
    >>> from tinygrad_edu.testing import GradcheckError, gradcheck_layer
    >>> class Affine:
    ...     def __init__(self, rng):
    ...         self.W, self.b = rng.normal(size=(3, 2)), rng.normal(size=2)
    ...     def forward(self, x):
    ...         self.x = x
    ...         return x @ self.W + self.b
    ...     def backward(self, g):
    ...         self.dW, self.db = self.x.T @ g, g.mean(0)
    ...         return g @ self.W.T
    >>> rng = np.random.default_rng(0)
    >>> try:
    ...     gradcheck_layer(Affine(rng), rng.normal(size=(5, 3)))
    ... except GradcheckError as error:
    ...     print(error.report.findings[1].hint)
    ...     print(error.report.notes)
    it is 1/5 of the numeric derivative: the mean over the batch: multiply by 5, or take the mean in the loss (...)
    ['gradients of parameters: W in dW, b in db']
    """
    options = Options(method, rtol, on_kink, mode, seed, allow_zero, 1, cotangent)
    given = list(inputs) if isinstance(inputs, tuple) else [inputs]
    found = _Layer(layer, given, grads, seed=seed, passed=cotangent is not None)
    subject = found.subject(wrt, grads, batch_mean)
    report = Report(subject.name, problems=found.problems or found.adding_up())
    report.notes = notes = [*found.notes, *notes_of(subject)]
    if not report.problems and not subject.checked and found.unanswered:
        report.doubt(
            "nothing to check: no parameters were found in it, and backward returned None: is a `return` missing? If "
            f"it leaves the gradient on the object, name it: grads={{{found.unanswered!r}: ...}}"
        )
    if report.problems:
        raise GradcheckError(report)
    try:
        return finish(subject, options, notes)
    except GradcheckError as error:
        report = found.addressed(error.report)
        if not is_tried():
            report.blame = found.blame(batch_mean, options) or report.blame
        raise GradcheckError(report) from None


class _Layer:
    """A layer, and how it is called, which is found out by trying it.

    Attributes:
        pairs: its parameters, and where their gradients are.
        notes: what there is to say of how it is checked.
        problems: what makes checking it pointless.
        unanswered: the name of an input whose gradient is nowhere, as backward returned nothing; else empty.
    """

    def __init__(
        self, layer: Any, given: Sequence[Any], grads: Mapping[str, str] | None, *, seed: int, passed: bool
    ) -> None:
        self.layer = layer
        self.seed = seed
        self.pairs: Sequence[Pair] = ()
        self.notes: list[str] = []
        self.problems: list[str] = []
        self._given = of_function(call_of(layer), given).inputs
        self._narrow = list(narrow_arrays(layer))
        arrays = [one.wide for one in self._given]
        # Numbers that a forward overwrites are caches, not parameters: replace them, and see.
        held = candidates(layer)
        nudged = {id(v): np.asarray(v * (1 + 1e-6), np.float64) for v in held.values() if is_floating(v)}
        lent = self._copied({at: value.copy() for at, value in nudged.items()})
        before = copy.deepcopy(arrays)
        with seeded(self.seed):
            results = call_of(lent)(*arrays)
            self.problems += changed(self._given, arrays, before)
            kept = [path for path, v in held.items() if _same(path.get_number(lent), nudged.get(id(v), v))]
            self._silent = takes_nothing(lent, results, passed)
            answer = self._backward(lent, ones(results))
        of_inputs = self._named_inputs(grads or {}, kept)
        alone: Sequence[Any] = ()
        self._of_parameters: Mapping[str, str] | None = None  # found by their names
        if grads is None or len(of_inputs) == len(grads) > 0:
            self.pairs, alone = pairs_by_name(layer, kept, lent)
        else:
            self._of_parameters = {name: where for name, where in grads.items() if name not in of_inputs}
            self.pairs = pairs_given(layer, self._of_parameters, lent)
        self._left = gradients_left(self._given, lent, of_inputs) if answer is None or of_inputs else {}
        self._places = places(answer, self._given)
        parts = zip(self._places, parts_of(answer), strict=False)
        self._answered = sorted({*self._left, *[place for place, part in parts if part is not None]})
        floating = [one.name for one in self._given if one.checked]
        self.unanswered: str = floating[0] if floating and not self._answered else ""
        self._note(alone, answer, called="" if passed or not inspect.signature(layer.backward).parameters else "()")

    def subject(self, wrt: Any, grads: Mapping[str, str] | None, batch_mean: bool | int) -> Foreign:
        """The function of parameters and inputs, with the layer's backward."""
        own, names = len(self.pairs), [str(pair.parameter) for pair in self.pairs]
        named = [*names, *[f"input {one.name}" if one.name in names else one.name for one in self._given]]
        values = [*[pair.value for pair in self.pairs], *[one.value for one in self._given]]
        known = [*range(own), *[own + i for i in self._answered]]
        chosen = of_function(self.layer, values, wrt, named).inputs
        inputs = [
            Input(one.name, one.value, one.checked and (wrt is not None or i in known)) for i, one in enumerate(chosen)
        ]
        vjp = self._vjp
        words: dict[str, Any] = {} if grads is None else {"grads": dict(grads)}
        times: dict[int, int] = {}
        if batch_mean is not False:
            count = self._samples(batch_mean)
            vjp = lambda g, *arrays: times_batch(self._vjp(g, *arrays), count, range(own, len(arrays)))
            words["batch_mean"], times = batch_mean, dict.fromkeys(range(own), count)
        written = Written(self.layer, words, "gradcheck_layer")
        return Foreign(type(self.layer).__name__, self._forward, vjp, inputs, written, own, times)

    def _samples(self, batch_mean: bool | int) -> int:
        """How many samples there are, as the user says."""
        shape: tuple[int, ...] = np.shape(self._given[0].value) if self._given else ()
        if batch_mean is True and not shape:
            raise ValueError("gradcheck_layer: batch_mean=True: there is no input with samples along axis 0")
        if batch_mean < 1:
            raise ValueError(f"gradcheck_layer: batch_mean={batch_mean!r}: give True, or the number of samples")
        return int(shape[0]) if batch_mean is True else int(batch_mean)

    def _named_inputs(self, grads: Mapping[str, str], kept: Sequence[Path]) -> dict[str, str]:
        """The gradients of inputs that the user has named; what a forward keeps of an input is not a parameter."""
        parameters = {str(path) for path in kept}
        inputs = [one.name for one in self._given if one.checked]
        return {name: where for name, where in grads.items() if name in inputs and name not in parameters}

    def adding_up(self) -> list[str]:
        """What is wrong with how gradients add up from call to call; it is noted if that is meant to be."""
        arrays = [one.wide for one in self._given]
        lent, roots = self._fresh([pair.value.astype(np.float64) for pair in self.pairs])
        passes = []
        try:
            for again in range(3):
                if again == 2:
                    _zero(roots)
                self._pass(lent, arrays)
                passes.append([np.array(pair.gradient.get_number(lent), np.float64) for pair in self.pairs])
        except Exception:  # it may be made for one pass: then there is nothing to add up
            return []
        first, second, third = passes
        rows = zip(self.pairs, first, second, third, strict=True)
        summed = [(pair, _near(a, c)) for pair, a, b, c in rows if a.any() and _near(2 * a, b)]
        if summed and not roots:
            names = ", ".join([str(pair.gradient) for pair, _ in summed])
            self.notes.append(f"gradients add up from call to call, and there is no zero_grad(): {names}")
        return [
            f"zero_grad() does not set {pair.gradient} back: it adds up from call to call"
            for pair, cleared in summed
            if roots and not cleared
        ]

    def addressed(self, report: Report) -> Report:
        """The report, with the place of each parameter's gradient."""
        where = {str(pair.parameter): str(pair.gradient) for pair in self.pairs}
        for finding in report.findings:
            if finding.input.name in where:
                finding.what, finding.labels = "parameter", (where[finding.input.name], "numeric")
        return report

    def blame(self, batch_mean: bool | int, options: Options) -> str:
        """Which of the layers in it are wrong by themselves, at the numbers that they got; empty if it has none."""
        wrong, right = [], 0
        try:
            calls = self._calls()
        except Exception:  # it may be made for one pass, or be given what cannot be copied
            return ""
        for path, arguments in calls.items():
            part, own = path.get(self.layer), _below(path, self._of_parameters)
            try:
                found = _Layer(part, arguments, own, seed=self.seed, passed=False)
                report = check_again(found.subject(None, own, batch_mean), options)
            except Exception:  # it is not made to be checked by itself
                continue
            right += report.verdict == "right"
            if report.verdict == "wrong":
                names = ", ".join([f.input.name for f in report.findings if f.wrong.any()])
                what = f"{type(part).__name__} in {path} is wrong by itself: {names or report.problems[0]}"
                wrong.append(f"{what}{written_at(part)}")
        if 0 < right == len(calls):
            return f"each layer in it is right by itself: look at how {type(self.layer).__name__} puts them together"
        return "\n  ".join(wrong)

    def _calls(self) -> dict[Path, list[Any]]:
        """The layers in it that a forward calls, in that order, with the arguments of their first call."""
        lent, _ = self._fresh([pair.value.astype(np.float64) for pair in self.pairs])
        calls: dict[Path, list[Any]] = {}

        def watched(path: Path, forward: Callable[..., Any]) -> Callable[..., Any]:
            def call(*arguments: Any) -> Any:
                calls.setdefault(path, copy.deepcopy(list(arguments)))
                return forward(*arguments)

            return call

        for path, part in layers_in(lent).items():
            if path.steps and callable(getattr(part, "forward", None)) and hasattr(part, "__dict__"):
                part.forward = watched(path, part.forward)
        with seeded(self.seed):
            call_of(lent)(*[one.wide for one in self._given])
        return calls

    def _forward(self, *arrays: Any) -> Any:
        own = len(self.pairs)
        lent, _ = self._fresh(arrays[:own])
        with seeded(self.seed):
            return call_of(lent)(*arrays[own:])

    def _vjp(self, g: Any, *arrays: Any) -> list[Any]:
        own = len(self.pairs)
        lent, _ = self._fresh(arrays[:own])
        parts = dict(zip(self._places, parts_of(self._pass(lent, arrays[own:], g)), strict=False))
        parts.update({place: path.get_number(lent) for place, path in self._left.items()})
        found = [*[pair.gradient.get_number(lent) for pair in self.pairs], *map(parts.get, range(len(self._given)))]
        if not self._silent:
            return found
        (seed,) = floating_outputs(g)  # the backward is that of the output itself
        return [None if part is None else numbers(part) * seed.reshape(()) for part in found]

    def _pass(self, lent: Any, arrays: Sequence[Any], g: Any = None) -> Any:
        """What a backward after a forward returns."""
        with seeded(self.seed):
            results = call_of(lent)(*arrays)
            return self._backward(lent, ones(results) if g is None else g)

    def _backward(self, lent: Any, g: Any) -> Any:
        return lent.backward() if self._silent else lent.backward(g)

    def _fresh(self, values: Sequence[Array]) -> tuple[Any, list[Any]]:
        """A copy of the layer with other parameters and gradients of 0, and what in it has a `zero_grad`."""
        memo: dict[int, Any] = {}
        for pair, value in zip(self.pairs, values, strict=True):
            before = pair.gradient.get_number(self.layer)
            if isinstance(before, np.ndarray):
                memo[id(before)] = np.zeros(before.shape)
            if is_floating(pair.held):
                memo[id(pair.held)] = value
        for path in self._left.values():
            before = path.get_number(self.layer)
            if isinstance(before, np.ndarray):
                memo[id(before)] = np.zeros(before.shape)
        lent = self._copied(memo)
        for pair, value in zip(self.pairs, values, strict=True):
            if not isinstance(pair.gradient.get_number(lent), np.ndarray | None):
                pair.gradient.set(lent, 0.0)
            own = value if is_floating(pair.held) else np.float64(value)
            if pair.parameter.get_number(lent) is not own:
                pair.parameter.set(lent, own)
        roots = with_zero_grad(lent)
        _zero(roots)
        return lent, roots

    def _copied(self, memo: dict[int, Any]) -> Any:
        """A copy of the layer in float64, with other arrays in the place of some."""
        wide = {id(array): array.astype(np.float64) for array in self._narrow}
        try:
            return copy.deepcopy(self.layer, {**wide, **memo})
        except Exception as error:
            raise TypeError(
                f"gradcheck_layer: {type(self.layer).__name__} cannot be copied ({type(error).__name__}: {error}): "
                "each evaluation needs a fresh one. Give it a __deepcopy__"
            ) from error

    def _note(self, alone: Sequence[Any], answer: Any, called: str) -> None:
        """Write down what belongs together, and what is not checked."""
        paired = ", ".join(map(str, self.pairs))
        self.notes.append(f"gradients of parameters: {paired}" if paired else "no parameters were found in it")
        if alone:
            self.notes.append(f"not checked, as no gradient is beside them: {', '.join(map(str, alone))}")
        silent = [one.name for i, one in enumerate(self._given) if one.checked and i not in self._answered]
        integers = [
            one.name
            for i, one in enumerate(self._given)
            if i in self._answered and isinstance(one.value, np.ndarray) and one.value.dtype.kind in "iu"
        ]
        if integers:
            self.notes.append(f"not checked, as they hold integers: {', '.join(integers)}")
        if self._left:
            left = ", ".join([f"{self._given[place].name} in {path}" for place, path in self._left.items()])
            self.notes.append(f"gradients of inputs: {left}")
        if answer is None and not self._left:
            where = f" (grads={{{self.unanswered!r}: ...}} says where the gradient of the input is kept)"
            self.notes.append(f"backward returned nothing: only parameters were checked{where * bool(self.unanswered)}")
        elif silent:
            self.notes.append(f"not checked, as backward returned no gradient for them: {', '.join(silent)}")
        if self._silent and called:
            self.notes.append("backward() was called without its argument, as of a loss: cotangent= passes one")


def _below(path: Path, grads: Mapping[str, str] | None) -> dict[str, str] | None:
    """The pairs of a layer in a network, by their ways from that layer on."""
    if grads is None:
        return None
    pairs = [(Path.parse(name), Path.parse(where)) for name, where in grads.items()]
    start, found = len(path.steps), {}
    for parameter, gradient in pairs:
        if parameter.steps[:start] == gradient.steps[:start] == path.steps:
            found[str(Path(parameter.steps[start:]))] = str(Path(gradient.steps[start:]))
    return found


def _zero(roots: Sequence[Any]) -> None:
    for part in roots:
        part.zero_grad()


def _same(now: Any, put: Any) -> bool:
    """Whether numbers are as they were put there."""
    return now is not None and bool(np.array_equal(now, put, equal_nan=True))


def _near(one: Array, other: Array) -> bool:
    return one.shape == other.shape and bool(np.allclose(one, other, rtol=1e-9, atol=1e-300))
