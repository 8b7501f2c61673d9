"""Which fibres are down, which are known to be, and the phases that this cuts a slot into."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from qnetsim.arrays import IntArray
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
    down: npt.NDArray[np.bool_]


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
        # how many things on a fibre are down, in truth and as far as is known; none is left out
        self._counts: tuple[dict[int, int], dict[int, int]] = ({}, {})
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
        for when, kind, fibre, change in self._coming:
            if when > tick:
                break
            if kind == NOTICE:
                _change(counts, fibre, change)
        return _down(counts)

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
        masks: list[npt.NDArray[np.bool_]] = []
        number: dict[tuple[int, ...], int] = {}
        marks: dict[int, tuple[int, int]] = {}

        def mark(tick: int) -> None:
            fault, notice = self._counts
            fibres = _down(fault)
            mask = number.setdefault(fibres, len(masks))
            if mask == len(masks):
                down = np.zeros(self._fibres, dtype=bool)
                down[list(fibres)] = True
                masks.append(down)
            marks[tick] = mask, table_of(_down(notice))

        taken = 0
        for tick, kind, fibre, change in self._coming:
            if tick >= end:
                break
            if tick > begin and not marks:
                mark(begin)
            _change(self._counts[kind], fibre, change)
            taken += 1
            if taken == len(self._coming) or self._coming[taken][0] > tick:
                mark(max(tick, begin))
        if begin not in marks:
            mark(begin)
        del self._coming[:taken]
        return _laid_out(begin, slots, ticks, marks, masks)


def _change(counts: dict[int, int], fibre: int, change: int) -> None:
    count = counts.pop(fibre, 0) + change
    if count:
        counts[fibre] = count


def _down(counts: dict[int, int]) -> tuple[int, ...]:
    """Fibres on which something is down, in order."""
    return tuple(sorted(fibre for fibre, count in counts.items() if count > 0))


def _laid_out(
    begin: int,
    slots: int,
    ticks: int,
    marks: dict[int, tuple[int, int]],
    masks: list[npt.NDArray[np.bool_]],
) -> Phases:
    """Phases of all slots: one at each start, and one at each mark inside."""
    starts = begin + ticks * np.arange(slots, dtype=np.int64)
    if len(marks) == 1:
        # nothing changes inside
        mask, table = (np.full(slots, held) for held in marks[begin])
        return Phases(np.arange(slots + 1, dtype=np.int64), starts, mask, table, np.array(masks))
    changes = np.array(sorted(marks), dtype=np.int64)
    both = np.sort(np.concatenate([starts, changes]))
    tick = both[np.diff(both, prepend=both[0] - 1) > 0]
    # the last change up to each phase says what holds in it
    last = np.searchsorted(changes, tick, side="right") - 1
    held = np.array([marks[t] for t in changes.tolist()], dtype=np.int64)[last]
    first = np.searchsorted(tick, np.append(starts, begin + ticks * slots))
    return Phases(
        first.astype(np.int64),
        tick,
        np.ascontiguousarray(held[:, 0]),
        np.ascontiguousarray(held[:, 1]),
        np.array(masks),
    )
