"""Values on their way from one process to another: pickled, with the arrays in memory that both processes see.

Pickling takes a value apart (protocol 5): into a stream of bytes, and one buffer for each array. These *parts* are
written into a `Block`, and only their sizes travel through the connection. The receiver copies the parts out into
arrays of its own, and the block is free for the next value.

A block has no name. Whatever happens to the two processes, even if both are killed, the system takes it back with them:
there is nothing in /dev/shm that could stay behind.
"""

from __future__ import annotations

import copyreg
import io
import mmap
import os
import pickle
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

Buffer: TypeAlias = Any  # what memoryview() takes

SHARING = os.name == "posix"
"""Whether a block can be handed to another process. On Windows the parts go through the connection."""

ALIGNMENT = 64  # as NumPy's own arrays have it, for the processor's widest instructions


def pack(value: Any) -> list[Buffer]:
    """The parts of a value: what its pickle says, and the buffers of its arrays, which are not copied.

    >>> [len(part) for part in pack(np.zeros(100, np.int8))[1:]]
    [100]
    """
    arrays: list[Buffer] = []
    stream = io.BytesIO()
    pickler = pickle.Pickler(stream, protocol=5, buffer_callback=lambda buffer: arrays.append(buffer.raw()))
    pickler.dispatch_table = {**copyreg.dispatch_table, np.ndarray: _reduced}
    pickler.dump(value)
    return [memoryview(stream.getvalue()), *arrays]


def unpack(parts: Sequence[Buffer]) -> Any:
    """The value of these parts. Its arrays live in the parts: they can be written to if those can.

    >>> unpack(pack({"x": 1}))
    {'x': 1}
    """
    return pickle.loads(parts[0], buffers=parts[1:])


def _reduced(array: Any) -> Any:
    """What pickle makes of an array. One with gaps would be no buffer, and lose its byte order: it is copied."""
    gaps = not (array.flags.c_contiguous or array.flags.f_contiguous)
    return (np.ascontiguousarray(array) if gaps else array).__reduce_ex__(5)


class Block:
    """Memory that two processes see: a file without a name, mapped by both.

    Args:
        file: its descriptor; the block takes it over.
        size: how many bytes it has.
        private: what is written here is seen by this process only, which copies the pages that it writes to.
    """

    def __init__(self, file: int, size: int, private: bool = False) -> None:
        self.file: int = file
        self.size = size
        self.memory: mmap.mmap = mmap.mmap(file, size, access=mmap.ACCESS_COPY if private else mmap.ACCESS_DEFAULT)

    @classmethod
    def of(cls, sizes: Sequence[int]) -> Block:
        """A new block with room for parts of these sizes, and for somewhat larger ones."""
        size = mmap.PAGESIZE
        while size < _places(sizes)[-1]:
            size *= 2  # memory that is never written to costs nothing
        file = _nameless_file()
        try:
            os.ftruncate(file, size)
            return cls(file, size)
        except BaseException:
            os.close(file)
            raise

    def fits(self, sizes: Sequence[int]) -> bool:
        """Whether parts of these sizes have room."""
        return _places(sizes)[-1] <= self.size

    def write(self, parts: Sequence[Buffer]) -> None:
        """Copy the parts into the block."""
        for part, place in zip(parts, _places([part.nbytes for part in parts])):
            self.memory[place : place + part.nbytes] = part

    def read(self, sizes: Sequence[int]) -> list[Buffer]:
        """Copies of the parts."""
        copies = []
        for size, place in zip(sizes, _places(sizes)):
            copies.append(np.empty(size, np.uint8))
            copies[-1][:] = np.frombuffer(self.memory, np.uint8, size, place)
        return copies

    def views(self, sizes: Sequence[int]) -> list[Buffer]:
        """The parts where they are. They keep the memory; the block may be closed."""
        return [memoryview(self.memory)[place : place + size] for size, place in zip(sizes, _places(sizes))]

    def forget_file(self) -> None:
        """Close the descriptor: the memory stays, and cannot be handed on any more."""
        if self.file >= 0:
            os.close(self.file)
            self.file = -1

    def close(self) -> None:
        """Let go of the memory. Views keep it as long as they live."""
        self.forget_file()
        try:
            self.memory.close()
        except BufferError:
            pass


class Outbox:
    """The end of a connection that sends values.

    Args:
        connection: where to.
        sharing: whether by blocks; else the parts go through the connection.
    """

    def __init__(self, connection: Connection, sharing: bool = SHARING) -> None:
        self._connection = connection
        self._sharing = sharing
        self._blocks: dict[int, Block] = {}

    def send(self, label: Any, parts: Sequence[Buffer], number: int) -> None:
        """Send the parts of a value, and a label, by block `number`. A block that is too small is replaced."""
        sizes = [part.nbytes for part in parts]
        if not self._sharing:
            self._connection.send_bytes(pickle.dumps((label, sizes, None, 0)))
            send_through(self._connection, parts)
            return
        block = self._blocks.get(number)
        new = block is None or not block.fits(sizes)
        if block is None or new:
            if block is not None:
                block.close()
            block = self._blocks[number] = Block.of(sizes)
        block.write(parts)
        self._connection.send_bytes(pickle.dumps((label, sizes, number, block.size if new else 0)))
        if new:
            send_block(self._connection, block)
            block.forget_file()


class Inbox:
    """The end of a connection that receives values."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._blocks: dict[int, Block] = {}

    def receive(self) -> tuple[Any, list[Buffer]]:
        """The label and the parts of the next value. The parts are copies, in memory of this process alone.

        Raises:
            EOFError, OSError: if the connection has ended.
        """
        label, sizes, number, new = pickle.loads(self._connection.recv_bytes())
        if number is None:
            return label, receive_through(self._connection, sizes)
        if new:
            if number in self._blocks:
                self._blocks.pop(number).close()
            block = self._blocks[number] = receive_block(self._connection, new)
            block.forget_file()
        return label, self._blocks[number].read(sizes)

    def close(self) -> None:
        """Let go of all blocks."""
        for block in self._blocks.values():
            block.close()
        self._blocks.clear()


def send_block(connection: Connection, block: Block) -> None:
    """Let the other process see a block."""
    from multiprocessing.reduction import send_handle

    send_handle(connection, block.file, 0)  # the process id matters on Windows only


def receive_block(connection: Connection, size: int, private: bool = False) -> Block:
    """The block that the other process sends."""
    from multiprocessing.reduction import recv_handle

    return Block(recv_handle(connection), size, private)


def send_through(connection: Connection, parts: Sequence[Buffer]) -> None:
    """Send parts through the connection itself."""
    for part in parts:
        connection.send_bytes(part)


def receive_through(connection: Connection, sizes: Sequence[int]) -> list[Buffer]:
    """The parts that come through the connection."""
    parts = [np.empty(size, np.uint8) for size in sizes]
    for part in parts:
        connection.recv_bytes_into(part)
    return parts


def _places(sizes: Sequence[int]) -> list[int]:
    """Where in a block each part begins, and then where the last one ends."""
    places, end = [], 0
    for size in sizes:
        places.append(end)
        end += -(-size // ALIGNMENT) * ALIGNMENT
    return [*places, end]


def _nameless_file() -> int:
    """The descriptor of a file without a name: in memory where the system can do that."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("tinygrad_edu", os.MFD_CLOEXEC)
    import tempfile

    file, path = tempfile.mkstemp()
    os.unlink(path)
    return file
