"""Whose policies weights hold: each agent's own, in the network that they were trained on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from qnetsim.arrays import IntArray
from qnetsim.errors import TopologyError, UsageError
from qnetsim.network import Topology, read_topology
from qnetsim.network.formats.topology_files import BUNDLED
from qnetsim.network.ownership import Agents, agents_of
from qnetsim.plain_text import counted, listed
from qnetsim.scenario.tables.portable import file_name

#: Most names that a message lists.
MOST_NAMES = 5

_Fibre = tuple[frozenset[str], str]


class TrainedAgents(NamedTuple):
    """The agents of a training, in a network of the same nodes and fibres in any order.

    Attributes
    ----------
    agents : Agents
        They own the fibres that they owned in training; which these are follows from the order.
    nodes : ndarray of int64, shape (nodes,)
        Position of each node in the training's network.
    fibres : ndarray of int64, shape (fibres,)
        Position of each fibre in the training's network.
    numbers : ndarray of int64, shape (agents,)
        Number of each agent in training.
    """

    agents: Agents
    nodes: IntArray
    fibres: IntArray
    numbers: IntArray


def graph_of(topology: Topology) -> dict[str, object]:
    """Nodes and fibres in their order, as a card keeps them; parallel fibres with their names."""
    names = topology.nodes
    fibres = [
        [names[a], names[b], *([topology.label(e)] if e in topology.twins else [])]
        for e, (a, b) in enumerate(topology.fibres)
    ]
    return {"nodes": list(names), "fibres": fibres}


def parsed_graph(graph: object) -> Topology:
    """Nodes and fibres that a card keeps, checked.

    Raises
    ------
    ValueError, TypeError, KeyError
    """
    if not isinstance(graph, dict):
        raise ValueError("its graph is no table")
    nodes, rows = graph["nodes"], graph["fibres"]
    if not (isinstance(nodes, list) and isinstance(rows, list)):
        raise ValueError("nodes and fibres of its graph are no lists")
    place = {node: i for i, node in enumerate(nodes)}
    if len(place) < len(nodes) or not all(isinstance(node, str) for node in nodes):
        raise ValueError("a node of its graph is no text, or is there twice")
    ends, labels = [], []
    for row in rows:
        source, target, *label = row
        if source == target or len(label) > 1 or not all(isinstance(text, str) for text in label):
            raise ValueError(f"{row!r} is no fibre of its graph")
        ends.append((place[source], place[target]))
        labels.append("".join(label))
    lengths = (1.0,) * len(ends)
    own = tuple(labels) if any(labels) else ()
    try:
        return Topology("its graph", tuple(nodes), tuple(ends), lengths, fibre_labels=own)
    except TopologyError as error:
        raise ValueError(str(error)) from None


def tells_network(card: Mapping[str, object]) -> bool:
    """Whether nodes and fibres of the training's network are known."""
    return card.get("graph") is not None or str(card.get("topology")) in BUNDLED


def trained_agents(
    card: Mapping[str, object], policies: int, decide_by: str, topology: Topology
) -> TrainedAgents | None:
    """Find the agents that policies of their own were trained for.

    Parameters
    ----------
    card : mapping
        Of the weights.
    policies : int
    decide_by : {"agent", "fibre"}
    topology : Topology
        In use.

    Returns
    -------
    TrainedAgents or None
        None where one policy is shared, and where the card tells only the name of the network: the
        policies are then those of the agents here, in their order.

    Raises
    ------
    UsageError
        They are those of another network.
    """
    if policies == 1:
        return None
    name, here = file_name(str(card.get("topology", "another network"))), file_name(topology.name)
    trained, differs = None, ""
    if tells_network(card):
        trained = _trained_topology(card)
        differs = _differences(trained, topology)
    units = _units(topology, decide_by)
    if differs or units != policies or (trained is None and name != here):
        more = f"; {differs}" if differs else ""
        raise UsageError(
            f"the model has {counted(policies, 'policy', 'policies')}, for {name}; {here} has "
            f"{counted(units, 'unit')}{more}. Only a shared policy (FedSAC) fits another network"
        )
    return None if trained is None else _in_order(trained, topology)


def _units(topology: Topology, decide_by: str) -> int:
    """Units of a network that decide."""
    return len(topology.fibres) if decide_by == "fibre" else len(agents_of(topology).nodes)


def _trained_topology(card: Mapping[str, object]) -> Topology:
    """Nodes and fibres of the training; their lengths are not known."""
    graph = card.get("graph")
    return _bundled(str(card["topology"])) if graph is None else parsed_graph(graph)


@lru_cache(maxsize=8)
def _bundled(name: str) -> Topology:
    return read_topology(name)


def _keys(topology: Topology) -> dict[_Fibre, int]:
    """Fibres by what tells them apart in any order: their ends, and a name beside others."""
    return {
        (
            frozenset((topology.nodes[a], topology.nodes[b])),
            topology.label(e) if e in topology.twins else "",
        ): e
        for e, (a, b) in enumerate(topology.fibres)
    }


def _differences(trained: Topology, here: Topology) -> str:
    """What one of two networks has and the other lacks, in a few words; empty where they agree."""
    there_nodes, here_nodes = set(trained.nodes), set(here.nodes)
    if there_nodes != here_nodes:
        missing = [name for name in trained.nodes if name not in here_nodes]
        more = [name for name in here.nodes if name not in there_nodes]
        return _told("node", missing, more)
    there_fibres, here_fibres = _keys(trained), _keys(here)
    missing = [trained.fibre_name(e) for key, e in there_fibres.items() if key not in here_fibres]
    more = [here.fibre_name(e) for key, e in here_fibres.items() if key not in there_fibres]
    return _told("fibre", missing, more) if missing or more else ""


def _told(noun: str, missing: list[str], more: list[str]) -> str:
    lacks = f"it lacks the training's {_with_noun(noun, missing)}" if missing else ""
    has = f"it has {_with_noun(noun, more)} that the training lacked" if more else ""
    return ", and ".join(filter(None, [lacks, has]))


def _with_noun(noun: str, names: list[str]) -> str:
    return f"{noun}{'s' if len(names) > 1 else ''} {listed(names, MOST_NAMES)}"


def _in_order(trained: Topology, here: Topology) -> TrainedAgents:
    """Take over who owns which fibre; both have the same nodes and fibres."""
    nodes = _places(trained.nodes, here.nodes)
    keys = _keys(trained)
    fibres = np.array([keys[key] for key in _keys(here)], dtype=np.int64)
    agents = agents_of(trained)
    here_of = np.argsort(nodes)
    of_fibre = here_of[np.array(agents.nodes, dtype=np.int64)[agents.owners[fibres]]]
    owning, owners = np.unique(of_fibre, return_inverse=True)
    mine = Agents(tuple(owning.tolist()), owners.astype(np.int64))
    return TrainedAgents(mine, nodes, fibres, _places(agents.nodes, nodes[owning].tolist()))


def _places(among: Iterable[object], names: Iterable[object]) -> IntArray:
    """Position of each name among others."""
    place = {name: i for i, name in enumerate(among)}
    return np.array([place[name] for name in names], dtype=np.int64)
