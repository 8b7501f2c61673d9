"""Failures and repairs of fibres, relays and nodes: part of the world, never of a policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qnetsim import seeds
from qnetsim.arrays import IntArray, frozen
from qnetsim.network import Network
from qnetsim.scenario import FaultTable, OutageTable
from qnetsim.vocabulary import CAUSES
from qnetsim.world.elements import Element, listed, random_elements
from qnetsim.world.renewal import Renewal, absences


@dataclass(frozen=True)
class FaultEvents:
    """Failures and repairs in order of (tick, fibre, cause, element). All arrays have one shape.

    A fibre carries nothing while anything on it is down: itself, one of its relays, or one of
    its two nodes. A failing node is one event for each of its fibres.

    Attributes
    ----------
    tick : ndarray of int64
    fibre : ndarray of int64
    down : ndarray of int64
        1 for a failure, 0 for a repair.
    cause : ndarray of int64
        Position in ``CAUSES``.
    element : ndarray of int64
        The fibre, the relay counted from the fibre's first end, or the node.
    """

    tick: IntArray
    fibre: IntArray
    down: IntArray
    cause: IntArray
    element: IntArray

    @classmethod
    def of(cls, rows: Sequence[tuple[int, int, int, int, int]]) -> FaultEvents:
        """Sort rows of (tick, fibre, cause, element, down)."""
        table = np.array(sorted(rows), dtype=np.int64).reshape(len(rows), 5)
        tick, fibre, cause, element, down = (frozen(column, np.int64) for column in table.T)
        return cls(tick, fibre, down, cause, element)

    @classmethod
    def joined(cls, parts: Sequence[FaultEvents]) -> FaultEvents:
        """Events that follow each other, as one."""
        names = ("tick", "fibre", "down", "cause", "element")
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))

    def __len__(self) -> int:
        return int(self.tick.size)

    def between(self, first_tick: int, end_tick: int) -> FaultEvents:
        """Events with ``first_tick ≤ tick < end_tick``."""
        low, high = np.searchsorted(self.tick, [first_tick, end_tick]).tolist()
        part = slice(low, high)
        return FaultEvents(
            self.tick[part],
            self.fibre[part],
            self.down[part],
            self.cause[part],
            self.element[part],
        )


NO_FAULTS = FaultEvents.of([])


def draw_faults(
    table: FaultTable,
    outages: Sequence[OutageTable],
    network: Network,
    seed: int,
    replication: int,
    end_tick: int,
) -> FaultEvents:
    """All failures and repairs of a run: listed outages and alternating renewal processes.

    Everything is up at the start. Times up and down are exponential and at least one tick;
    each element has a stream of its own.

    Raises
    ------
    SettingError
        An outage names nothing.
    """
    rows: list[tuple[int, int, int, int, int]] = []
    for element, start, repair in listed(outages, network):
        _add(rows, element, start, repair, end_tick)
    elements = []
    renewals = []
    for element, up_s, down_s in random_elements(table, network):
        name = (
            CAUSES[element.cause],
            element.fibres[0] if element.cause in {1, 2} else 0,
            element.number,
        )
        bits = seeds.stream(seed, "faults", replication, *name)
        elements.append(element)
        renewals.append(Renewal(bits, up_s, down_s))
    for element, away in zip(elements, absences(renewals, end_tick), strict=True):
        for start, repair in away:
            _add(rows, element, start, repair, end_tick)
    return FaultEvents.of(rows)


def _add(
    rows: list[tuple[int, int, int, int, int]],
    element: Element,
    start: int,
    repair: int,
    end_tick: int,
) -> None:
    for fibre in element.fibres:
        for tick, down in ((start, 1), (repair, 0)):
            if tick < end_tick:
                rows.append((tick, fibre, element.cause, element.number, down))
