"""Values taken apart and put together, and the memory in which their parts pass from process to process."""

import os
import sys
from multiprocessing import Pipe

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_edu.data.workers import shared_memory
from tinygrad_edu.data.workers.shared_memory import Block, Inbox, Outbox, pack, receive_block, send_block, unpack


def test_arrays_are_parts_of_their_own_and_are_not_copied():
    plain, turned = np.arange(6.0).reshape(2, 3), np.arange(6.0).reshape(2, 3).T
    stream, *arrays = pack({"plain": plain, "turned": turned, "again": plain})
    assert len(stream) < 500
    assert [np.shares_memory(np.frombuffer(part), array) for part, array in zip(arrays, (plain, turned))] == [True] * 2
    back = unpack([stream, *arrays])
    assert back["again"] is back["plain"]
    assert back["turned"].tolist() == turned.tolist()


@given(st.lists(st.binary(max_size=300), max_size=5))
def test_parts_are_read_as_they_were_written(texts):
    parts = [memoryview(text) for text in texts]
    sizes = [len(text) for text in texts]
    block = Block.of(sizes)
    try:
        assert block.fits(sizes)
        assert not block.fits([block.size, 1])
        block.write(parts)
        copies = block.read(sizes)
        assert [bytes(copy) for copy in copies] == texts == [bytes(view) for view in block.views(sizes)]
        assert all(copy.flags.writeable for copy in copies)
    finally:
        block.close()


def test_a_private_block_is_not_written_to_and_its_views_outlive_it():
    block = Block.of([8])
    block.write([memoryview(b"original")])
    private = Block(os.dup(block.file), block.size, private=True)
    (view,) = private.views([8])
    private.close()
    view[:] = b"scribble"
    assert bytes(view) == b"scribble"
    assert bytes(block.read([8])[0]) == b"original"
    block.close()


def test_a_block_can_be_sent():
    ours, theirs = Pipe()
    with ours, theirs:
        block = Block.of([3])
        send_block(ours, block)
        twin = receive_block(theirs, block.size)
        block.write([memoryview(b"abc")])
        assert bytes(twin.read([3])[0]) == b"abc"
        for each in (block, twin):
            each.close()


def through(values, number=lambda i: 0, sharing=True):
    """What comes out of an inbox when the values go into an outbox, one after the other."""
    ours, theirs = Pipe()
    with ours, theirs:
        outbox, inbox = Outbox(ours, sharing), Inbox(theirs)
        back = []
        for i, value in enumerate(values):
            outbox.send(i, pack(value), number(i))
            label, parts = inbox.receive()
            assert label == i
            back.append(unpack(parts))
        inbox.close()
        return back


@pytest.mark.parametrize("sharing", [True, False])
def test_values_pass_from_outbox_to_inbox(sharing):
    if sharing and not shared_memory.SHARING:
        pytest.skip("blocks cannot be sent here")
    sizes = [5, 0, 20_000, 3, 30_000]  # more than a block of the first ones holds
    for number in (lambda i: 0, lambda i: i % 2):
        back = through([{"n": n, "x": np.full(n, n, np.int16)} for n in sizes], number, sharing)
        for n, value in zip(sizes, back, strict=True):
            assert value["n"] == n
            assert value["x"].tolist() == [n] * n
            assert value["x"].flags.writeable


@pytest.mark.skipif(sys.platform != "linux", reason="counts what is open by /proc")
def test_blocks_leave_nothing():
    before = os.listdir("/proc/self/fd"), os.listdir("/dev/shm")
    through([np.zeros(n) for n in (10, 10_000, 100_000)])
    assert (os.listdir("/proc/self/fd"), os.listdir("/dev/shm")) == before
