"""From what a file says to a network of fibres, by the keys of ``[network]``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from qnetsim.errors import TopologyError
from qnetsim.locations import Location
from qnetsim.network.formats.attributes import NAME_KEYS, LossKeys, sifted, value_of
from qnetsim.network.formats.directions import have_directions, merge_directions
from qnetsim.network.formats.foreign import ForeignGraph, ForeignLink, ForeignNode, refuse, some
from qnetsim.network.formats.joining import (
    Candidate,
    largest_part,
    sort_parallel,
)
from qnetsim.network.formats.lengths import Lengths, lengths_of
from qnetsim.network.formats.node_places import placed
from qnetsim.network.topology import RawFibre, Topology, check_topology, natural_order
from qnetsim.plain_text import counted
from qnetsim.scenario import TopologyTable


@dataclass(frozen=True)
class ReadTopology:
    """A network of a file, and how it was read.

    Attributes
    ----------
    topology : Topology
    notes : tuple of str
        What the file says and is not used, and what was done without having been asked for.
    asked : tuple of str
        What was done because of a key.
    """

    topology: Topology
    notes: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()


def to_network(graph: ForeignGraph, table: TopologyTable) -> ReadTopology:
    """Make a network of what a file says.

    Raises
    ------
    TopologyError
        With every problem of one kind, and the key that mends it.
    """
    notes = list(graph.notes)
    nodes, graph = _nodes(placed(graph), table, notes)
    graph, asked = _without_loops(graph, table)
    lengths = lengths_of(graph, nodes, table)
    losses = LossKeys.of(table)
    unused = sifted(graph, lengths.keys, table)
    links = _candidates(graph, lengths, losses)
    names = list(nodes)
    if len(links) < len(graph.links):
        names = _still_reached(names, graph.links, links)
    asked += lengths.asked
    if have_directions(links, graph.directed, graph.multigraph, table):
        # what a key asks for is told of beside what it did
        links = merge_directions(
            graph.name, links, table, notes if table.directions == "equal" else asked
        )
    told = asked if table.parallel_fibres in {"shortest", "keep"} else notes
    links = sort_parallel(links, table, graph.multigraph, told)
    if table.parts == "largest":
        names, links = _largest(names, links, asked)
    topology = _checked(graph, names, links, nodes)
    if unused:
        notes.append(unused)
    return ReadTopology(topology, tuple(notes), tuple(asked))


def _nodes(
    graph: ForeignGraph, table: TopologyTable, notes: list[str]
) -> tuple[dict[str, ForeignNode], ForeignGraph]:
    """Nodes by name, in topology order; formats that list none get the natural order."""
    if graph.nodes is None:
        ends = natural_order(end for link in graph.links for end in (link.source, link.target))
        return {end: ForeignNode(end, graph.name) for end in ends}, graph
    found: dict[str, ForeignNode] = {}
    problems = []
    twice = []
    for node in graph.nodes:
        earlier = found.setdefault(node.name, node)
        if earlier is node:
            continue
        twice.append(node.name)
        if table.duplicate_nodes == "refuse" and dict(earlier.attributes) != dict(node.attributes):
            problems.append(
                f"{node.where}: node {node.name!r} is listed twice, with unlike attributes; the "
                f"first is at {earlier.where}"
            )
    refuse(problems, 'network.duplicate_nodes = "first" lets the first count', graph.name)
    if twice:
        notes.append(f"listed more than once: {counted(len(twice), 'node')} {some(twice)}")
    return found, replace(graph, nodes=tuple(found.values()))


def _without_loops(graph: ForeignGraph, table: TopologyTable) -> tuple[ForeignGraph, list[str]]:
    loops = [link for link in graph.links if link.source == link.target]
    if not loops or table.self_loops == "refuse":
        return graph, []
    kept = tuple(link for link in graph.links if link.source != link.target)
    names = some([link.source for link in loops])
    return replace(graph, links=kept), [f"{counted(len(loops), 'self-loop')} dropped: {names}"]


def _candidates(graph: ForeignGraph, lengths: Lengths, losses: LossKeys) -> list[Candidate]:
    found = []
    for order, (link, km) in enumerate(zip(graph.links, lengths.km, strict=True)):
        if km is not None:
            name = next(
                (n for key in NAME_KEYS if (n := _text(value_of(link.attributes, key)))), None
            )
            fibre = RawFibre(
                link.source,
                link.target,
                km,
                link.where,
                name,
                _attenuation(link, km, losses),
                value_of(link.attributes, losses.extra),
            )
            found.append(Candidate(fibre, link.key, order))
    return found


def _text(value: object) -> str:
    return (
        str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
    )


def _attenuation(link: ForeignLink, km: object, losses: LossKeys) -> object:
    """Attenuation in dB/km that a file gives, itself or as the loss of the whole fibre."""
    given = value_of(link.attributes, losses.attenuation)
    total = value_of(link.attributes, losses.total)
    if total is None:
        return given
    if given is not None:
        text = f"has an attenuation ({losses.attenuation}) and a loss of the whole ({losses.total})"
        raise TopologyError([f"{link.title}: {text}; network.ignore leaves one of them out"])
    try:
        return float(str(total)) / float(str(km))
    except (ValueError, ArithmeticError):
        return total


def _still_reached(
    names: list[str], before: Sequence[ForeignLink], after: Sequence[Candidate]
) -> list[str]:
    """Nodes without those that only links reached which are left out."""
    had = {end for link in before for end in (link.source, link.target)}
    have = {end for link in after for end in link.ends}
    return [name for name in names if name in have or name not in had]


def _largest(
    names: list[str], links: list[Candidate], asked: list[str]
) -> tuple[list[str], list[Candidate]]:
    part = largest_part(names, links)
    left = [name for name in names if name not in part]
    if left:
        asked.append(
            f"{counted(len(left), 'node')} outside the largest part left out: {some(left)}"
        )
    return (
        [name for name in names if name in part],
        [link for link in links if link.ends <= part or not link.ends <= {*left, *part}],
    )


def _checked(
    graph: ForeignGraph,
    names: list[str],
    links: Sequence[Candidate],
    nodes: dict[str, ForeignNode],
) -> Topology:
    places = [Location.read(name, nodes[name].attributes) for name in names]
    return check_topology(graph.name, [link.fibre for link in links], names, places)
