"""Which fibres are down, which are known to be, and the phases that this cuts a slot into."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain

import numpy as np

from qnetsim.arrays import BoolArray, IntArray
from qnetsim.network.fibre_sets import fibres_of
from qnetsim.world.faults import FaultEvents

#: Kinds of events at one tick.
FAULT = 0
NOTICE = 1


@dataclass(frozen=True)
class Phases:
    """Stretches of an interval in which nothing fails, is repaired or becomes known.

    Attributes
    ----------
    first : ndarray of int64, shape (slots + 1,)
        First phase of each slot.
    tick, mask, table : ndarray of int64, shape (phases,)
        Start, row of ``down``, table of paths.
    down : ndarray of bool, shape (masks, fibres)
    """

    first: IntArray
    tick: IntArray
    mask: IntArray
    table: IntArray
    down: BoolArray


class Outages:
    """Follows failures and repairs through the run, and what the control plane knows of them.

    Parameters
    ----------
    fibres, slot_ticks, delay_ticks : int
        The control plane knows of each event ``delay_ticks`` after it.
    """

    def __init__(self, fibres: int, slot_ticks: int, delay_ticks: int) -> None:
        self._slot_ticks = slot_ticks
        self._delay = delay_ticks
        self._fibres = fibres
        # how many things on each fibre are down, in truth and as far as is known
        self._counts = ([0] * fibres, [0] * fibres)
        # the fibres that this leaves down, one bit for each
        self._bits = [0, 0]
        self._coming: list[tuple[int, int, int, int]] = []

    def add(self, events: FaultEvents) -> None:
        """Take note of what is going to happen in the next chunk of the world."""
        if not len(events):
            return
        columns = (events.tick.tolist(), events.fibre.tolist(), events.down.tolist())
        for tick, fibre, down in zip(*columns, strict=True):
            change = 1 if down else -1
            self._coming.append((tick, FAULT, fibre, change))
            self._coming.append((tick + self._delay, NOTICE, fibre, change))
        self._coming.sort()

    def known_at(self, tick: int) -> tuple[int, ...]:
        """Fibres that are known to be down at a tick not before the last interval's end."""
        counts = self._counts[NOTICE].copy()
        bits = self._bits[NOTICE]
        for when, kind, fibre, change in self._coming:
            if when > tick:
                break
            if kind == NOTICE:
                bits = _changed(bits, counts, fibre, change)
        return fibres_of(bits)

    def phases(
        self, first_slot: int, slots: int, table_of: Callable[[tuple[int, ...]], int]
    ) -> Phases:
        """Cut an interval into phases, moving on to its end.

        Parameters
        ----------
        first_slot, slots : int
        table_of : callable
            Number of the table of paths that holds while these fibres are known to be down.
        """
        ticks = self._slot_ticks
        begin = first_slot * self._slot_ticks
        end = begin + slots * ticks
        masks: dict[int, int] = {}
        tables: dict[int, int] = {}
        marks: dict[int, tuple[int, int]] = {}

        def mark(tick: int) -> None:
            fault, notice = self._bits
            if notice not in tables:
                tables[notice] = table_of(fibres_of(notice))
            marks[tick] = masks.setdefault(fault, len(masks)), tables[notice]

        taken = 0
        for tick, kind, fibre, change in self._coming:
            if tick >= end:
                break
            if tick > begin and not marks:
                mark(begin)
            self._bits[kind] = _changed(self._bits[kind], self._counts[kind], fibre, change)
            taken += 1
            if taken == len(self._coming) or self._coming[taken][0] > tick:
                mark(max(tick, begin))
        if begin not in marks:
            mark(begin)
        del self._coming[:taken]
        down = np.zeros((len(masks), self._fibres), dtype=bool)
        for row, bits in enumerate(masks):
            down[row, list(fibres_of(bits))] = True
        return _laid_out(begin, slots, ticks, marks, down)


def _changed(bits: int, counts: list[int], fibre: int, change: int) -> int:
    """The fibres that are down, one bit for each, after one more thing fails or is repaired."""
    counts[fibre] += change
    bit = 1 << fibre
    return bits | bit if counts[fibre] > 0 else bits & ~bit


def _laid_out(
    begin: int,
    slots: int,
    ticks: int,
    marks: dict[int, tuple[int, int]],
    down: BoolArray,
) -> Phases:
    """Phases of all slots: one at each start, and one at each mark inside."""
    starts = begin + ticks * np.arange(slots, dtype=np.int64)
    if len(marks) == 1:
        # nothing changes inside
        mask, table = (np.full(slots, held) for held in marks[begin])
        return Phases(np.arange(slots + 1, dtype=np.int64), starts, mask, table, down)
    # marks are in order, and the first one is at the beginning
    changes = np.array([*marks], dtype=np.int64)
    masks, tables = (
        np.array([*chain.from_iterable(marks.values())], dtype=np.int64).reshape(-1, 2).T
    )
    slot, rest = np.divmod(changes - begin, ticks)
    inside = rest > 0
    first = np.zeros(slots + 1, dtype=np.int64)
    np.cumsum(1 + np.bincount(slot[inside], minlength=slots), out=first[1:])
    # a mark comes after the starts of all slots up to its own, unless it is one of them
    at = slot + np.cumsum(inside)
    tick = np.empty(slots + int(inside.sum()), dtype=np.int64)
    tick[first[:-1]] = starts
    tick[at] = changes
    # what a mark says holds up to the next one
    lasting = np.append(at[1:], tick.size) - at
    return Phases(first, tick, np.repeat(masks, lasting), np.repeat(tables, lasting), down)
