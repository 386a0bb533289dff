"""Results for the tests of reports, as a benchmark would give them."""

from __future__ import annotations

import math
from typing import Any

from tinygrad_edu.bench.advice.advice import Advice
from tinygrad_edu.bench.advice.noise import Checkpoint
from tinygrad_edu.bench.advice.race import Lane
from tinygrad_edu.bench.latency.result import Control, Latency, SpeedResult, SpeedRow, step
from tinygrad_edu.bench.timing.intervals import Interval
from tinygrad_edu.bench.timing.line import StepCost
from tinygrad_edu.bench.timing.memory import Memory
from tinygrad_edu.bench.training.result import AtBatchSize, NoiseAlong, Predicted, TrainResult
from tinygrad_edu.bench.training.tradeoff import TradeOff
from tinygrad_edu.bench.training.trainings import Training

OVERHEAD, PER_SAMPLE, NOISE, LEAST = 105e-6, 0.43e-6, 75.0, 400.0
SIZES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]
COMMON: dict[str, Any] = {
    "problem": {
        "model": "mlp",
        "loss": "cross_entropy",
        "optimizer": "SGD",
        "data": "digits",
        "dtype": "float32",
        "samples": 1437,
        "parameters": 2410,
    },
    "settings": {"seed": 0, "budget": 60.0, "batch_sizes": None},
    "environment": {
        "processor": "a processor",
        "blas": {"name": "openblas", "version": "0.3.30", "core": "Haswell"},
        "threads": 1,
        "clock": "CPU",
        "versions": {"python": "3.13.1", "numpy": "2.3.0"},
    },
    "notes": ["loss: cross_entropy, as the targets are int64"],
    "complete": True,
}


def step_cost() -> StepCost:
    medians = [(OVERHEAD + PER_SAMPLE * size) * (1 + 0.03 * math.sin(3 * size)) for size in SIZES]
    spreads = [0.04 + 0.03 * abs(math.sin(size)) for size in SIZES]
    return StepCost(OVERHEAD, PER_SAMPLE, (101e-6, 109e-6), (0.41e-6, 0.45e-6), SIZES, medians, spreads)


def lane(size: int, rate: float, factor: float = 1.0) -> Lane:
    steps = LEAST * (1 + NOISE / size) * factor
    tried = {rate / 2: steps * 1.6, rate: steps, rate * 2: steps * 1.2, rate * 4: math.nan}
    seconds = steps * (OVERHEAD + PER_SAMPLE * size)
    return Lane(size, rate, steps, seconds, 2, 0.095 + 0.004 * factor, 0.14 + 0.0001 * size, tried)


def checkpoints() -> list[Checkpoint]:
    found = []
    for k in range(45):
        smoothed = math.nan if k < 2 else 30 * math.exp(k / 22) * (1 + 0.08 * math.sin(2 * k))
        signal = -0.01 if k == 7 else 0.1
        found.append(Checkpoint(12 * k, 2.3 * math.exp(-k / 15), 0.1 * 40 * (1 + k / 20), signal, smoothed))
    return found


def advice(**changes: Any) -> Advice:
    """An advice with everything in it, of which some fields may be others."""
    fields: dict[str, Any] = {
        **COMMON,
        "batch_size": 128,
        "low": 71,
        "high": 259,
        "learning_rate": 0.05,
        "reason": (
            "A step costs 105 µs and 0.43 µs more for each sample: overhead and arithmetic are equal at 244. The noise "
            "scale is about 75 (from gradients 208, from the race 27). √(244 · 75) ≈ 135: take 128, with a rate of "
            "0.05; 71–259 is within 10 %.\n\nIf only one of the two noise scales is right, 128 costs at most 9 %."
        ),
        "target_loss": 0.1,
        "optimum": 135.3,
        "noise_from_gradients": 208.0,
        "noise_from_race": 27.0,
        "noise": NOISE,
        "step_cost": step_cost(),
        "probe_batch": 32,
        "probe_rate": 0.03,
        "checkpoints": checkpoints(),
        "race": [lane(8, 0.01, 1.1), lane(32, 0.03, 0.94), lane(128, 0.05, 1.02), lane(512, 0.1, 0.97)],
        "rates": {0.025: 1010.0, 0.05: 634.0, 0.1: math.nan},
    }
    return Advice(**{**fields, **changes})


def without_answer(**changes: Any) -> Advice:
    """An advice that could not be given."""
    nothing: dict[str, Any] = dict.fromkeys(
        ["batch_size", "low", "high", "learning_rate", "target_loss", "optimum", "noise_from_gradients"]
    )
    nothing |= dict.fromkeys(["noise_from_race", "noise", "step_cost", "probe_rate"])
    reason = "No rate from 1e-08 to 100 lowers the loss."
    return advice(**{**nothing, "reason": reason, "checkpoints": [], "race": [], "rates": {}, **changes})


def at_batch_size(size: int, late: int = 0) -> AtBatchSize:
    """Five trainings with one batch size, of which some are too late."""
    rate = 0.4 / (1 + NOISE / size)
    expected = LEAST * (1 + NOISE / size)
    runs = []
    for seed in range(5):
        steps = expected * (1 + 0.06 * math.sin(size + 2.1 * seed))
        done = seed >= late
        run = Training(size, rate, seed, 0.1, 5000, 10, steps if done else math.nan, 5000)
        run.train_loss, run.why = (0.0995 if done else 0.2), ("" if done else "steps")
        run.test_loss = 0.13 + 0.01 * math.log2(size) / 3 + 0.004 * math.sin(seed + size)
        runs.append(run)
    known = sorted(run.steps for run in runs if run.steps > 0)
    middle = known[2 - late] if late < 3 else math.nan
    latency = OVERHEAD + PER_SAMPLE * size
    regime = "perfect scaling" if size <= NOISE / 4 else "plateau" if size >= 4 * NOISE else "diminishing returns"
    return AtBatchSize(
        batch_size=size,
        rate=rate,
        rule="tuned at each batch size",
        sum_rate=rate / size,
        latency=latency,
        spread=0.05,
        rates={rate / 2: expected * 1.5, rate: expected, rate * 2: expected * 1.3, rate * 4: math.nan},
        runs=runs,
        steps=middle,
        samples=middle * size,
        seconds=middle * latency,
        regime=regime,
        reason=f"{late} of 5 ran out of steps" if late else "",
    )


def trade_off(**changes: Any) -> TradeOff:
    fields: dict[str, Any] = {
        "smin": LEAST,
        "emin": LEAST * NOISE,
        "critical": NOISE,
        "smin_interval": (380.0, 421.0),
        "emin_interval": (26e3, 33e3),
        "critical_interval": (62.0, 91.0),
        "scatter": 0.05,
        "left_out": 0,
        "reason": "",
    }
    return TradeOff(**{**fields, **changes})


def train_result(**changes: Any) -> TrainResult:
    """Trainings at many batch sizes, of which some fields may be others."""
    sizes = [8, 16, 32, 64, 128, 256, 512, 1024]
    timings = {
        size: [(OVERHEAD + PER_SAMPLE * size) * (1 + 0.05 * math.sin(size + k)) for k in range(9)] for size in sizes
    }
    fields: dict[str, Any] = {
        **COMMON,
        "settings": {"seed": 0, "seeds": 5, "budget": None, "max_epochs": 50},
        "target_loss": 0.1,
        "first_loss": 2.3,
        "lr_rule": "tune",
        "base_rate": 0.2,
        "base_batch_size": 64,
        "sizes": [at_batch_size(size) for size in sizes],
        "fit": trade_off(),
        "step_cost": step_cost(),
        "noise": NoiseAlong(64, 0.2, 0, checkpoints(), 90.0, ""),
        "predicted": Predicted(135.3, 148.2, 128),
        "stopped": "",
        "reason": "",
        "trainings": [],
        "timings": timings,
    }
    return TrainResult(**{**fields, **changes})


def train_without_answer(**changes: Any) -> TrainResult:
    """Trainings of which none came to anything."""
    nan = math.nan
    empty = (0.0, None)
    nothing: dict[str, Any] = {
        "target_loss": nan,
        "base_rate": nan,
        "sizes": [],
        "fit": TradeOff(nan, nan, nan, empty, empty, empty, nan, 0, "no fit: nothing was run"),
        "step_cost": None,
        "noise": NoiseAlong(0, nan, 0, [], nan, "not measured"),
        "predicted": Predicted(nan, nan, None),
        "reason": "no rate lowers the loss",
        "timings": {},
    }
    return train_result(**{**nothing, **changes})


def latency(seconds: float) -> Latency:
    return Latency(seconds, 0.99 * seconds, 1.01 * seconds, 0.98 * seconds, 1.03 * seconds, 21)


def speed_row(size: int) -> SpeedRow:
    seconds = OVERHEAD + PER_SAMPLE * size
    return SpeedRow(
        batch_size=size,
        latency=latency(seconds),
        samples_per_second=size / seconds,
        loading=0.15 * seconds,
        forward=0.25 * seconds,
        backward=0.4 * seconds,
        optimizer=0.2 * seconds,
        with_norms=latency(1.5 * seconds),
        norms_ratio=Interval(1.5, 1.48, 1.52),
        peak_memory=1e6 + 5e3 * size,
        memory_measured=size <= 64,
    )


def speed_result(**changes: Any) -> SpeedResult:
    """A measurement of speed, of which some fields may be others."""
    tried = [1, 2, 4, 8, 16, 32, 64]
    fields: dict[str, Any] = {
        **COMMON,
        "settings": {"seed": 0, "budget": 60.0, "batch_sizes": None, "threads": 1, "memory_limit": None},
        "rows": [speed_row(size) for size in SIZES],
        "control": Control(64, Interval(1.003, 0.996, 1.011)),
        "reference": latency(1e-3),
        "memory": Memory(tried, [1e6 + 5e3 * size for size in tried], 1e6, 5e3, 8 * 2.0**30, 1717786),
        "norms_absent": "",
        "warnings": ["the reference varies by 12%: do not compare this run with another one"],
        "rounds": {step(size): [OVERHEAD + PER_SAMPLE * size] * 21 for size in SIZES},
    }
    return SpeedResult(**{**fields, **changes})


def speed_without_rows(**changes: Any) -> SpeedResult:
    """A measurement that was stopped before anything was timed."""
    nothing: dict[str, Any] = {"rows": [], "control": None, "reference": None, "memory": None, "rounds": {}}
    return speed_result(**{**nothing, "warnings": [], "complete": False, **changes})
