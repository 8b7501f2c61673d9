"""A NetworkX graph as a network of fibres. NetworkX is not imported here: its user has done so."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple
from typing import Any

from qnetsim.errors import TopologyError
from qnetsim.fibre_loss import FibreLoss
from qnetsim.network.formats.foreign import ForeignGraph, ForeignLink, ForeignNode, flat
from qnetsim.network.formats.to_network import to_network
from qnetsim.network.formats.topology_files import warn_of
from qnetsim.network.topology import Topology
from qnetsim.scenario import TopologyTable
from qnetsim.scenario.tables.graph import GRAPH, GivenGraph


def is_graph(value: object) -> bool:
    """Whether an object is a graph of NetworkX, or has the same methods."""
    return all(hasattr(value, name) for name in ("edges", "nodes", "is_directed", "is_multigraph"))


def name_of(graph: Any) -> str:
    """How a graph is called in traces and messages."""
    shown = re.sub(r"[^\w. -]", "_", str(getattr(graph, "name", "") or "")) or "unnamed"
    return f"{GRAPH}{shown}"


def given_graph(graph: Any, table: TopologyTable) -> GivenGraph:
    """Take the fibres of a NetworkX graph.

    Parameters
    ----------
    graph : networkx.Graph
        Of any kind. Names of nodes are their text; their order is the graph's.
    table : TopologyTable
        Says how lengths, directions and the like are read, as for a file.

    Warns
    -----
    TopologyWarning
        As :func:`qnetsim.network.read_topology`.

    Raises
    ------
    TopologyError
        It is no network of fibres; every problem is named.
    """
    name = name_of(graph)
    if table.ends is not None:
        raise TopologyError(
            [f"{name}: a graph knows the ends of its links; leave network.ends out"]
        )
    given = list(graph.nodes(data=True))
    _refuse_one_text(name, [node for node, _ in given])
    nodes = tuple(
        ForeignNode(str(node), f"{name}: node {node}", _plain(found)) for node, found in given
    )
    foreign = ForeignGraph(
        name,
        tuple(_links(name, graph)),
        nodes,
        directed=bool(graph.is_directed()),
        multigraph=bool(graph.is_multigraph()),
        attributes=_plain(getattr(graph, "graph", {})),
    )
    found = to_network(foreign, table)
    if found.notes:
        warn_of(name, found.notes)
    topology = found.topology
    return GivenGraph(
        name,
        topology.nodes,
        topology.fibres,
        topology.lengths_km,
        topology.locations,
        topology.fibre_labels,
        tuple(astuple(loss) for loss in topology.losses),
    )


def _refuse_one_text(name: str, nodes: Sequence[Any]) -> None:
    named: dict[str, Any] = {}
    for node in nodes:
        other = named.setdefault(str(node), node)
        if other is not node:
            text = (
                f"{name}: nodes {other!r} and {node!r} have one name, {str(node)!r}, since "
                "nodes are named by their text; relabel one of them (networkx.relabel_nodes)"
            )
            raise TopologyError([text])


def _links(name: str, graph: Any) -> Iterator[ForeignLink]:
    many = graph.is_multigraph()
    edges = graph.edges(keys=True, data=True) if many else graph.edges(data=True)
    for a, b, *key, attributes in edges:
        tag = str(key[0]) if key else ""
        yield ForeignLink(str(a), str(b), f"{name}: edge {a}–{b}", _plain(attributes), tag)


def _plain(attributes: Mapping[Any, Any]) -> dict[str, Any]:
    """Attributes by text; numbers of numpy are numbers."""
    return {
        key: value.item() if hasattr(value, "dtype") and getattr(value, "ndim", 1) == 0 else value
        for key, value in flat(attributes).items()
    }


def topology_of(graph: GivenGraph) -> Topology:
    """The network of a graph that was given."""
    return Topology(
        graph.name,
        graph.nodes,
        graph.fibres,
        graph.lengths_km,
        graph.locations,
        graph.fibre_labels,
        tuple(FibreLoss(*loss) for loss in graph.losses),
    )
