"""What can fail: fibres, relays and nodes, as a scenario lists them or at random."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from qnetsim.errors import SettingError
from qnetsim.network import Network
from qnetsim.network.node_names import NodeNames
from qnetsim.network.topology import Topology
from qnetsim.scenario import FaultTable, OutageTable
from qnetsim.units import seconds_to_ticks
from qnetsim.vocabulary import CAUSES

#: Most failures of a run.
MOST_EVENTS = 5_000_000


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


def random_elements(table: FaultTable, network: Network) -> Iterator[tuple[Element, float, float]]:
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
        for element, up_s, down_s in random_elements(table, network)
    )
    if expected > MOST_EVENTS:
        text = (
            f"about {expected:.3g} failures and repairs in the run; allowed: {MOST_EVENTS:,} "
            "(raise the mean times or lower run.slots)"
        )
        raise SettingError([(("faults",), text)])
