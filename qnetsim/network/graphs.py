"""A NetworkX graph as a network of fibres. NetworkX is not imported here: its user has done so."""

from __future__ import annotations

import re
from typing import Any

from qnetsim.errors import TopologyError
from qnetsim.network.readers import LENGTH_KEYS
from qnetsim.network.topology import RawFibre, Topology, check_topology
from qnetsim.scenario.tables.graph import GRAPH, GivenGraph


def is_graph(value: object) -> bool:
    """Whether an object is a graph of NetworkX, or has the same methods."""
    return all(hasattr(value, name) for name in ("edges", "nodes", "is_directed", "is_multigraph"))


def given_graph(graph: Any, length_key: str | None = None) -> GivenGraph:
    """Take the fibres of a NetworkX graph.

    Parameters
    ----------
    graph : networkx.Graph
        Undirected, each pair of nodes joined once. Names of nodes are their text; their order is
        the graph's.
    length_key : str, optional
        Attribute of an edge that is its length in km; ``length_km``, ``length`` or ``dist``
        unless given, the first of them that the edge has.

    Raises
    ------
    TopologyError
        The graph is directed or has parallel edges, a length is missing, or it is no network of
        fibres for another reason; every problem is named.
    """
    shown = re.sub(r"[^\w. -]", "_", str(getattr(graph, "name", "") or "")) or "unnamed"
    name = f"{GRAPH}{shown}"
    if graph.is_directed():
        raise TopologyError(
            [f"{name}: is directed, and fibres are not; give graph.to_undirected()"]
        )
    nodes = list(graph.nodes)
    named: dict[str, object] = {}
    for node in nodes:
        other = named.setdefault(str(node), node)
        if other is not node:
            raise TopologyError(
                [
                    f"{name}: nodes {other!r} and {node!r} have one name, {str(node)!r}, since "
                    "nodes are named by their text; relabel one of them (networkx.relabel_nodes)"
                ]
            )
    keys = LENGTH_KEYS if length_key is None else (length_key,)
    missing = f"the length in km; edges have it as {', '.join(keys)}"
    fibres = []
    problems = []
    for a, b, attributes in graph.edges(data=True):
        length = next((attributes[key] for key in keys if key in attributes), None)
        if length is None:
            problems.append(f"{name}: edge {a}–{b} lacks {missing} (length_key names another)")
        fibres.append(RawFibre(str(a), str(b), length, f"{name}: edge {a}–{b}"))
    if problems:
        raise TopologyError(problems)
    found = check_topology(name, fibres, [str(node) for node in nodes])
    return GivenGraph(name, found.nodes, found.fibres, found.lengths_km)


def topology_of(graph: GivenGraph) -> Topology:
    """The network of a graph that was given."""
    return Topology(graph.name, graph.nodes, graph.fibres, graph.lengths_km)
