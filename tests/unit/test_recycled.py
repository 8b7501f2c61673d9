"""Memory that is used again, once nobody holds it."""

from __future__ import annotations

import numpy as np

from qnetsim.recycled import Recycled


def place(array: np.ndarray) -> int:
    return int(array.__array_interface__["data"][0])


def test_memory_comes_back_once_nobody_holds_it() -> None:
    memory = Recycled()
    first = memory.empty((4, 5))
    assert first.dtype == np.int64
    assert first.shape == (4, 5)
    lies = place(first)
    del first
    again = memory.empty((10, 2))
    assert place(again) == lies


def test_views_keep_their_memory() -> None:
    memory = Recycled()
    whole = memory.empty((4, 5))
    whole[:] = 7
    row = whole[1:3][0].view()
    lies = place(whole)
    del whole
    other = memory.empty((4, 5))
    other[:] = 8
    assert place(other) != lies
    assert row.tolist() == [7] * 5
    del row
    assert place(memory.empty((4, 5))) == lies


def test_kinds_and_sizes_do_not_mix() -> None:
    memory = Recycled()
    small = memory.empty((3,), np.int16)
    lies = place(small)
    assert small.nbytes == 6
    del small
    assert memory.empty((3,)).nbytes == 24
    assert place(memory.empty((2, 3), np.int8)) == lies
    assert memory.empty((0, 4)).shape == (0, 4)


def test_arrays_of_many_lengths_share_little_memory() -> None:
    memory = Recycled()
    # each is let go of ahead of the next one
    places = {place(memory.empty((length,))) for length in range(1, 1001)}
    assert len(places) <= 11
