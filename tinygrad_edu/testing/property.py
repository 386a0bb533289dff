"""Property tests: for every example, the gradients of a function or module are right and its laws hold."""

from __future__ import annotations

import functools
import inspect
import keyword
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol

from ..absent import installed
from ..nn.module.module import Module
from ..ops.generator import get_rng_state, manual_seed, set_rng_state
from .checks import Options, examine, finish
from .handwritten import Jac, of_arrays
from .laws.checking import check_laws, chosen_laws
from .modules import subject_of
from .profiles import PROFILES, current_profile
from .report import ALL_ZERO, GradcheckError, Report
from .subject import Subject, argument_names, name_of

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy


_ENOUGH = 0.1  # the share of the examples that must show something
_DECORATED = ("_hypothesis_internal_", "hypothesis_explicit_")  # as what hypothesis keeps what its decorators say


class GradientTest(Protocol):
    """A test made by `gradient_property`.

    Attributes:
        function: what is tested.
        by_hand: the keywords `vjp` and `jac` that give its gradient, None where not given.

    >>> import tinygrad_edu as tg
    >>> from tinygrad_edu.testing import gradient_property
    >>> from tinygrad_edu.testing.strategies import tensors
    >>> test = gradient_property(given=tensors(), max_examples=3)(tg.tanh)
    >>> test.function is tg.tanh
    True
    """

    function: Any
    by_hand: Mapping[str, Any]

    def __call__(self, *owner: Any) -> None: ...


def gradient_property(
    *,
    given: SearchStrategy[Any] | Sequence[SearchStrategy[Any]] | Mapping[str, SearchStrategy[Any]],
    laws: Literal["all"] | Sequence[str] = "all",
    max_examples: int | None = None,
    profile: Literal["quick", "ci", "deep"] | None = None,
    batched: Any = (0,),
    composed: Any = None,
    vjp: Callable[..., Any] | None = None,
    jac: Jac = None,
    **options: Any,
) -> Callable[[Any], GradientTest]:
    """Make a hypothesis test of a function or module: `gradcheck` and `check_laws` for each example.

    As a decorator it replaces the function by the test; called with an existing function, it returns the test:

        @gradient_property(given=tensors())
        def test_my_loss(x):
            return (tg.tanh(x) ** 2).sum()

        test_tanh = gradient_property(given=tensors(domain="smooth"))(tg.tanh)

        test_softmax = gradient_property(given=tensors(), vjp=softmax_backward)(softmax)  # both in plain NumPy

    A failure is the `GradcheckError` of the smallest example that hypothesis finds. Inconclusive examples (gradients
    all zero, an empty input, outputs that are not finite, kinks, too much rounding) are skipped by `gradcheck`, though
    not by the laws; if more than nine in ten are inconclusive, the test fails. `@settings`, `@seed`, `@example` and
    `@reproduce_failure` of hypothesis can be put above or below it. Anything in `@settings` that is not hypothesis'
    default overrides the profile.

    Args:
        given: a strategy for the argument, or for a tuple of the arguments; or a sequence of strategies, one for
            each argument; or a dict of strategies by the names of the arguments.
        laws: the names of the laws to check as well; see `LAWS`. An empty sequence for none.
        max_examples: how many examples to try; default, that of the profile.
        profile: "quick" (25 examples), "ci" (100, the same in every run) or "deep" (1000); default, that of the pytest
            option --gradcheck-profile.
        batched: as for `check_laws`.
        composed: as for `check_laws`.
        vjp: the backward of a function of arrays, written by hand; as for `gradcheck`.
        jac: its Jacobian or gradient; as for `gradcheck`.
        **options: as for `gradcheck`, but for `batch_mean`.

    Returns:
        A decorator. It takes a function of tensors, a module, or a class of modules that can be made without arguments.
        The test has it as `.function`.

    Raises:
        ImportError: if hypothesis is not installed.
        TypeError: for an option that `gradcheck` does not have.
        ValueError: for an unknown law or profile.

    >>> import tinygrad_edu as tg
    >>> from tinygrad_edu.testing import GradcheckError, gradient_property
    >>> from tinygrad_edu.testing.strategies import tensors
    >>> @gradient_property(given=tensors(), max_examples=5)
    ... def test_smooth(x):
    ...     return tg.tanh(x) * x
    >>> test_smooth()
    >>> class Doubled(tg.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         return 2 * x
    ...     @staticmethod
    ...     def backward(ctx, g):
    ...         return -2 * g
    >>> try:
    ...     gradient_property(given=tensors(), laws=(), profile="ci")(Doubled.apply)()
    ... except GradcheckError as error:
    ...     print(error.report.findings[0].input.value)
    0.0
    """
    _hypothesis()
    unknown = set(options) - {"wrt", *[known.name for known in fields(Options)]}
    if unknown:
        raise TypeError(f"gradient_property() got unexpected options {', '.join(sorted(unknown))}")
    names = chosen_laws(laws, "gradient_property")
    plan = _Plan(names, batched, composed, {"vjp": vjp, "jac": jac}, options.pop("wrt", None), options)
    if profile is not None and profile not in PROFILES:
        raise ValueError(f"gradient_property: profile={profile!r}: use {', '.join(map(repr, PROFILES))}")

    def decorate(function: Any) -> GradientTest:
        return _test(function, given, plan, profile, max_examples, sys._getframe(1).f_globals.get("__name__", ""))

    return decorate


@dataclass(frozen=True)
class _Plan:
    """What is checked of each example."""

    laws: Sequence[str]
    batched: Any
    composed: Any
    by_hand: Mapping[str, Any]
    wrt: Any
    options: Mapping[str, Any]

    def subject(self, target: Any, arguments: Sequence[Any]) -> Subject:
        if any(part is not None for part in self.by_hand.values()):
            return of_arrays(target, tuple(arguments), self.wrt, **self.by_hand, caller="gradient_property")
        return subject_of(target, tuple(arguments), self.wrt, Options(**self.options).seed)

    def check(self, target: Any, arguments: Sequence[Any]) -> str:
        """Check one example; why it shows nothing, if so."""
        options = Options(**self.options)
        report, _ = examine(self.subject(target, arguments), replace(options, allow_zero=True))
        nothing = _nothing(report, options.allow_zero)
        if not report.ok and not nothing:
            raise GradcheckError(report)
        # A kink spoils the only law that takes differences.
        laws = [name for name in self.laws if name != "adjoint_identity" or not report.inconclusive]
        try:
            if laws:
                shared = {"batched": self.batched, "composed": self.composed, "allow_zero": True, "wrt": self.wrt}
                how = {"cotangent": options.cotangent, "seed": options.seed, "rtol": options.rtol}
                check_laws(target, tuple(arguments), laws=laws, **self.by_hand, **shared, **how)
        except GradcheckError as error:
            if not _nothing(error.report, True):
                raise
        return nothing

    def explained(self, target: Any, arguments: Sequence[Any], error: GradcheckError) -> GradcheckError:
        """The same failure with its diagnosis, which takes too long to run for every example."""
        full = error
        try:
            finish(self.subject(target, arguments), Options(**self.options))
        except GradcheckError as again:
            if not _nothing(again.report, True):
                full = again
                for note in getattr(error, "__notes__", ()):
                    full.add_note(note)
        return full


@dataclass
class _Run:
    """What has become of the examples of one run."""

    target: Any = None
    examples: int = 0
    nothing: Counter[str] = field(default_factory=Counter)
    last: Sequence[Any] = ()

    def demand_enough(self, name: str) -> None:
        """Fail if too few examples have proved anything."""
        __tracebackhide__ = True
        idle = self.nothing.total()
        if idle > (1 - _ENOUGH) * self.examples:
            reasons = ", ".join(f"{count} times: {reason}" for reason, count in self.nothing.most_common())
            report = Report(name, mode="property")
            report.doubt(
                f"{idle} of {self.examples} examples proved nothing ({reasons}). Let `given` draw other arguments"
            )
            raise GradcheckError(report)


def _test(
    function: Any, given: Any, plan: _Plan, profile: str | None, max_examples: int | None, module: str
) -> GradientTest:
    hypothesis = _hypothesis()
    bound = inspect.isfunction(function) and next(iter(inspect.signature(function).parameters), "") == "self"
    given = _in_order(function, given, bound)
    strategies, arguments_of = _strategies(function, given, bound)
    run = _Run()

    def example(**values: Any) -> None:
        __tracebackhide__ = True
        run.examples += 1
        run.last = arguments_of(values)
        reason = plan.check(run.target, run.last)
        if reason:
            run.nothing[reason] += 1
            hypothesis.event(f"shows nothing: {reason}")

    _disguise(example, function, module, [inspect.Parameter(n, inspect.Parameter.KEYWORD_ONLY) for n in strategies])
    if inspect.isfunction(function):
        vars(example).update({k: v for k, v in vars(function).items() if k.startswith(_DECORATED)})
    search = hypothesis.given(**strategies)(example)
    usual = _settings(profile, max_examples)
    # As an attribute, and not as a decorator, of which there may be one: the user's.
    search._hypothesis_internal_use_settings = _merged(usual, search._hypothesis_internal_use_settings)

    def test(*owner: Any) -> None:
        nonlocal run
        __tracebackhide__ = True
        search._hypothesis_internal_use_settings = _merged(usual, search._hypothesis_internal_use_settings)
        run = _Run(_target(function, given, owner if bound else (), Options(**plan.options).seed))
        try:
            search()
        except GradcheckError as error:
            failure = plan.explained(run.target, run.last, error)
        else:
            run.demand_enough(name_of(function))
            return
        raise failure.with_traceback(None) from None

    # The decorators of hypothesis, and its plugin for pytest, leave what they have to say as attributes.
    test.__dict__ = search.__dict__
    _disguise(test, function, module, [])
    made: Any = test
    made.function, made.by_hand = function, plan.by_hand
    return made  # type: ignore[no-any-return]


def _settings(profile: str | None, max_examples: int | None) -> Any:
    """How hypothesis searches; it does not explain a failure, of which the report says more."""
    hypothesis = _hypothesis()
    usual, chosen = hypothesis.settings.default, PROFILES[profile or current_profile()]
    return hypothesis.settings(
        max_examples=chosen.max_examples if max_examples is None else max_examples,
        deadline=None,
        print_blob=True,
        phases=[phase for phase in usual.phases if phase is not hypothesis.Phase.explain],
        report_multiple_bugs=False,
        suppress_health_check={*usual.suppress_health_check, hypothesis.HealthCheck.too_slow},
        **({"derandomize": True} if chosen.derandomize else {}),
    )


def _merged(usual: Any, chosen: Any) -> Any:
    """The usual settings, with what the user has chosen: what is not as hypothesis has it by itself."""
    kind = type(usual)
    names = [name for name in inspect.signature(kind).parameters if name != "parent"]
    changed = {n: getattr(chosen, n) for n in names if getattr(chosen, n) != getattr(kind.default, n)}
    if "suppress_health_check" in changed:
        changed["suppress_health_check"] = {*changed["suppress_health_check"], *usual.suppress_health_check}
    kept = {"database": changed.pop("database")} if "database" in changed else {}
    return kind(kind(usual, **changed), **kept)  # one by one: together with derandomize= hypothesis refuses a database


def _hypothesis() -> Any:
    return installed("hypothesis", "gradient_property()", "testing")


def _disguise(test: Any, function: Any, module: str, parameters: Sequence[inspect.Parameter]) -> None:
    """Give a test the names of what it tests; hypothesis keeps failing examples by the source that it unwraps."""
    test.__name__ = getattr(function, "__name__", type(function).__name__)
    test.__qualname__ = name_of(function)
    test.__module__ = module
    test.__doc__ = None
    if inspect.isfunction(function):
        test.__wrapped__ = function
    test.__signature__ = inspect.Signature(list(parameters))


def _strategies(
    function: Any, given: Any, bound: bool
) -> tuple[dict[str, Any], Callable[[Mapping[str, Any]], list[Any]]]:
    """Strategies by name, and how the arguments are made of what they give."""
    several = isinstance(given, Mapping | Sequence)
    if isinstance(given, Mapping):
        named = dict(given)
    else:
        parts = list(given) if several else [given]
        named = dict(zip(_names(function, len(parts), bound), parts, strict=True))

    def arguments(values: Mapping[str, Any]) -> list[Any]:
        found = [values[name] for name in named]
        return list(found[0]) if not several and isinstance(found[0], tuple) else found

    return named, arguments


def _in_order(function: Any, given: Any, bound: bool) -> Any:
    """Strategies by name in the order of the arguments, in which a backward returns the gradients."""
    if not isinstance(given, Mapping):
        return given
    names = _names(function, len(given), bound)
    return {name: given[name] for name in (names if set(names) == set(given) else given)}


def _names(function: Any, count: int, bound: bool) -> list[str]:
    """What the arguments are called, where that can be the name of a variable."""
    skipped = 1 if bound or inspect.isclass(function) else 0
    module: Any = function
    called = module.forward if isinstance(function, Module) or inspect.isclass(function) else function
    names = argument_names(called, count + skipped)[skipped:]
    return [n if n.isidentifier() and not keyword.iskeyword(n) else f"x{i}" for i, n in enumerate(names)]


def _target(function: Any, given: Any, owner: tuple[Any, ...], seed: int) -> Any:
    """What is called with the arguments: a module made now, a method of the test's object, or the function itself."""
    if inspect.isclass(function):
        state = get_rng_state()
        manual_seed(seed)
        try:
            function = function()
        finally:
            set_rng_state(state)
    elif owner:
        function = function.__get__(owner[0])
    return _by_name(function, list(given)) if isinstance(given, Mapping) else function


def _by_name(function: Any, names: list[str]) -> Any:
    """A function of positional arguments that passes them on by name."""
    called = function.forward if isinstance(function, Module) else function
    if argument_names(called, len(names)) == names:
        return function
    if isinstance(function, Module):
        raise ValueError(f"gradient_property: a module takes its arguments by place: given={{{', '.join(names)}}}")

    @functools.wraps(function)
    def passed(*values: Any) -> Any:
        return function(**dict(zip(names, values, strict=True)))

    vars(passed)["by_name"] = True
    vars(passed)["__signature__"] = inspect.Signature(
        [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names]
    )
    return passed


def _nothing(report: Report, allow_zero: bool) -> str:
    """Why a check has shown nothing; empty if it has, or if something is wrong."""
    if report.verdict == "inconclusive":
        text = report.doubts[0]
        if " inconclusive: " in text:
            return text.partition(" inconclusive: ")[2].partition(". Choose")[0]
        return "the gradients are zero everywhere" if text == ALL_ZERO else text.removeprefix("nothing to check: ")
    if report.problems or allow_zero or any(finding.analytic.any() for finding in report.findings):
        return ""
    return "the gradients are zero everywhere"
