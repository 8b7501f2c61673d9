"""Failures and repairs of fibres, relays and nodes: part of the world, never of a policy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from qnetsim import seeds
from qnetsim.arrays import IntArray, frozen
from qnetsim.errors import SettingError
from qnetsim.network import Network
from qnetsim.network.node_names import NodeNames
from qnetsim.network.topology import Topology
from qnetsim.scenario import FaultTable, OutageTable
from qnetsim.units import seconds_to_ticks
from qnetsim.vocabulary import CAUSES
from qnetsim.world.renewal import absences

#: Most failures of a run.
MOST_EVENTS = 5_000_000


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


@dataclass(frozen=True)
class Element:
    """Something that can fail: its cause, its number, and the fibres that go down with it."""

    cause: int
    number: int
    fibres: tuple[int, ...]


def listed(tables: Sequence[OutageTable], network: Network) -> list[tuple[Element, int, int]]:
    """Outages of a scenario as (element, first tick, tick of the repair).

    Raises
    ------
    SettingError
        An outage names no node, fibre or relay of the network, or one of several fibres.
    """
    problems = []
    found = []
    for i, table in enumerate(tables):
        try:
            element = _element(table, network)
        except LookupError as error:
            problems.append((("outage", i), str(error.args[0])))
            continue
        start = seconds_to_ticks(table.start_s)
        found.append((element, start, start + seconds_to_ticks(table.duration_s)))
    if problems:
        raise SettingError(problems)
    return found


def _element(table: OutageTable, network: Network) -> Element:
    topology = network.topology
    names = NodeNames(topology)
    if table.node is not None:
        return _node(names.find(table.node), topology)
    assert table.fibre is not None
    fibre = names.fibre_at(*table.fibre)
    segments = int(network.segments[fibre])
    for cause, relay, most in (
        (1, table.trusted_relay, segments - 1),
        (2, table.untrusted_relay, segments),
    ):
        if relay is not None:
            if relay > most:
                what = CAUSES[cause].replace("_", " ") + "s" * (most != 1)
                raise LookupError(
                    f"fibre {topology.fibre_title(fibre)} has N = {segments} segments and so "
                    f"{most or 'no'} {what}; there is no number {relay}"
                )
            return Element(cause, relay, (fibre,))
    return Element(0, fibre, (fibre,))


def _node(node: int, topology: Topology) -> Element:
    at = tuple(i for i, ends in enumerate(topology.fibres) if node in ends)
    return Element(3, node, at)


def _elements(table: FaultTable, network: Network) -> Iterator[tuple[Element, float, float]]:
    """Everything that fails at random, with its mean times up and down."""
    topology = network.topology
    if table.fibre_mtbf_s is not None and table.fibre_mttr_s is not None:
        for fibre in range(network.fibres):
            yield Element(0, fibre, (fibre,)), table.fibre_mtbf_s, table.fibre_mttr_s
    if table.relay_mtbf_s is not None and table.relay_mttr_s is not None:
        for fibre, segments in enumerate(network.segments.tolist()):
            for cause, count in ((1, segments - 1), (2, segments)):
                for relay in range(1, count + 1):
                    element = Element(cause, relay, (fibre,))
                    yield element, table.relay_mtbf_s, table.relay_mttr_s
    if table.node_mtbf_s is not None and table.node_mttr_s is not None:
        for node in range(len(topology.nodes)):
            yield _node(node, topology), table.node_mtbf_s, table.node_mttr_s


def refuse_too_many(table: FaultTable, network: Network, run_s: float) -> None:
    """Refuse a run that would have too many failures and repairs.

    Raises
    ------
    SettingError
    """
    expected = sum(
        2 * len(element.fibres) * run_s / (up_s + down_s)
        for element, up_s, down_s in _elements(table, network)
    )
    if expected > MOST_EVENTS:
        text = (
            f"about {expected:.3g} failures and repairs in the run; allowed: {MOST_EVENTS:,} "
            "(raise the mean times or lower run.slots)"
        )
        raise SettingError([(("faults",), text)])


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
    for element, up_s, down_s in _elements(table, network):
        name = (
            CAUSES[element.cause],
            element.fibres[0] if element.cause in {1, 2} else 0,
            element.number,
        )
        bits = seeds.stream(seed, "faults", replication, *name)
        for start, repair in absences(bits, up_s, down_s, end_tick):
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
