"""Messages to a worker process: its setup, its tasks, and the state of the program."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ...dtypes import get_default_dtype, set_default_dtype
from ...engine.observing import mode

ONE_THREAD = dict.fromkeys(
    ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)
"""The variables that tell NumPy to compute in one thread. It reads them when it is imported."""


class Surroundings(NamedTuple):
    """Where the program runs: what a worker process must find as it is there, to import the same modules."""

    path: list[str]
    arguments: list[str]
    folder: str
    environment: dict[str, str]

    @classmethod
    def here(cls) -> Surroundings:
        """Those of this process."""
        entries: list[Any] = sys.path
        path = [entry or os.getcwd() for entry in entries if isinstance(entry, str)]  # Python ignores others
        return cls(path, sys.argv, os.getcwd(), {**os.environ, **ONE_THREAD})

    def adopt(self) -> None:
        """Make them those of this process."""
        sys.path[:], sys.argv[:] = self.path, self.arguments
        os.chdir(self.folder)
        for name in set(os.environ) - set(self.environment):
            del os.environ[name]
        os.environ.update(self.environment)


class State(NamedTuple):
    """The switches of the library and of NumPy that a dataset's result may depend on."""

    dtype: str  # pickled in half the time that an np.dtype takes
    recording: bool
    errors: dict[str, Any]

    @classmethod
    def here(cls) -> State:
        """How they stand in this thread."""
        return cls(get_default_dtype().name, mode.recording, dict(np.geterr()))

    def adopt(self) -> None:
        """Set them so in this thread."""
        set_default_dtype(self.dtype)
        mode.recording = self.recording
        np.seterr(**self.errors)


class Hiring(NamedTuple):
    """The first message to a worker. The parts of the job follow it.

    Attributes:
        number: which worker it is.
        workers: of how many.
        surroundings: where the program runs.
        main: the main module, if the job has parts that are defined there (see `main_module`).
        sizes: those of the parts of the job.
        block: the size of the block that the parts are in; 0 if they, and the results, go through the connection.
    """

    number: int
    workers: int
    surroundings: Surroundings
    main: tuple[str, str] | None
    sizes: Sequence[int]
    block: int


class Order(NamedTuple):
    """A task of an epoch, or its beginning.

    Attributes:
        epoch: a number that grows with each epoch: orders of one that is over need not be obeyed.
        base_seed: that of the epoch's random numbers.
        state: how things stood when the order was given.
        task: a pickled `Task`, as what it says may be found only after the main module is; None begins the epoch.
        block: by which block the result is sent.
    """

    epoch: int
    base_seed: int
    state: State
    task: bytes | None
    block: int = 0
