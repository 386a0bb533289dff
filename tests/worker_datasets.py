"""Datasets and functions that a worker process can import."""

from __future__ import annotations

import os
import random
import signal
from collections import namedtuple

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu.data import Dataset, IterableDataset, get_worker_info

Pair = namedtuple("Pair", "first second")


class Echo(Dataset):
    """Sample `value` is that value, whatever it is."""

    def __getitem__(self, value):
        return value


class Squares(Dataset):
    def __init__(self, size):
        self.size = size

    def __len__(self):
        return self.size

    def __getitem__(self, i):
        return np.full(3, i, np.float32), i * i


class Counting(IterableDataset):
    """Each worker's own share of the numbers below `size`."""

    def __init__(self, size):
        self.size = size

    def __iter__(self):
        info = get_worker_info()
        return iter(range(info.id, self.size, info.num_workers))


class Drawing(Dataset):
    """What each source of random numbers gives; the sample's number plays no part."""

    def __getitem__(self, i):
        return random.random(), np.random.rand(), tg.rand(1).item()  # noqa: NPY002


class Doing(Dataset):
    """Sample ``(function, *arguments)`` is what the function returns, or raises, in the worker."""

    def __getitem__(self, call):
        function, *arguments = call
        return function(*arguments)


class Scribbling(Dataset):
    """Sample i is the sum of all numbers after i was added to the first of them."""

    def __init__(self, numbers):
        self.numbers = numbers

    def __getitem__(self, i):
        self.numbers[0] += i
        return self.numbers.sum()


class Holding(Dataset):
    """A dataset that holds what it is given."""

    def __init__(self, held):
        self.held = held

    def __getitem__(self, i):
        return i


class Stubborn(Exception):
    """An exception that pickle takes apart, and cannot put together."""

    def __init__(self, what, why):
        super().__init__(f"{what} because {why}")


def fail(error):
    raise error


def be_stubborn(what, why):
    error = Stubborn(what, why)
    error.add_note("a note")
    raise error


def strided(dtype):
    return np.arange(8, dtype=dtype).reshape(2, 4)[:, 1::2]


def unpicklable():
    return (i for i in range(3))


def kill_itself(number):
    os.kill(os.getpid(), number)


def wait_forever():
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
    signal.sigwait([signal.SIGALRM])


def threads():
    return len(os.listdir("/proc/self/task"))


def state():
    x = tg.tensor([1.0], requires_grad=True)
    return tg.get_default_dtype(), (x * 2).requires_grad, np.geterr()


def refuse(worker):
    raise ValueError(f"worker {worker} does not like to start")


class Interrupting(Dataset):
    """Sends the signal of Ctrl-C to the program's process group, once, in the method `when`."""

    def __init__(self, program, when):
        self.program = program
        self.when = when

    def _here(self, method):
        if method == self.when:
            os.killpg(self.program, signal.SIGINT)

    def __setstate__(self, state):
        self.__dict__.update(state)
        self._here("__setstate__")

    def __len__(self):
        return 1000

    def __getitem__(self, i):
        if i == 0:
            self._here("__getitem__")
        return i
