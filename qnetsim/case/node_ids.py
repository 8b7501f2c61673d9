"""Scenarios whose nodes are named by labels made ones that name them by ids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from qnetsim.network import Topology
from qnetsim.network.node_names import NodeNames
from qnetsim.scenario import Scenario

#: Keys of the two ends of a request or a fibre.
ENDS = ("source", "target")


def with_node_ids(scenario: Scenario, topology: Topology, *, ids_first: bool = False) -> Scenario:
    """Scenario that names nodes by their ids wherever it named them by labels.

    A name of no node or of more than one stays: whoever looks for the node refuses it.

    Parameters
    ----------
    scenario : Scenario
    topology : Topology
    ids_first : bool
        Whether an id is meant where it is another node's label too, as in stored files.
    """
    names = _Translation(NodeNames(topology), ids_first)
    changes = {
        "network": _network(scenario, names),
        "demand": _demand(scenario, names),
        "request": tuple(_with_ends(table, names) for table in scenario.request),
        "outage": tuple(_outage(table, names) for table in scenario.outage),
        "fel": tuple(_task(table, names) for table in scenario.fel),
    }
    return scenario.model_copy(update=changes) if names.changed else scenario


@dataclass
class _Translation:
    """Ids of names."""

    names: NodeNames
    ids_first: bool
    changed: bool = False

    def __call__(self, name: str) -> str:
        try:
            found = self.names.id_of(name, ids_first=self.ids_first)
        except LookupError:
            return name
        self.changed |= found != name
        return found

    def ends(self, listed: Sequence[Any]) -> tuple[Any, ...]:
        """Entry of a list that begins with the two ends of a fibre or a request."""
        return (*map(self, listed[:2]), *listed[2:])


def _with_ends(table: Any, names: _Translation) -> Any:
    return table.model_copy(update={end: names(getattr(table, end)) for end in ENDS})


def _network(scenario: Scenario, names: _Translation) -> Any:
    table = scenario.network
    fibres = tuple(_with_ends(entry, names) for entry in table.fibre)
    spans = tuple(map(names.ends, table.fibre_spans))
    return table.model_copy(update={"fibre": fibres, "fibre_spans": spans})


def _demand(scenario: Scenario, names: _Translation) -> Any:
    table = scenario.demand
    changes: dict[str, object] = {}
    # those of a recording were read with their ids
    if isinstance(table.pairs, tuple) and scenario.recording is None:
        changes["pairs"] = tuple(map(names.ends, table.pairs))
    if isinstance(table.means, tuple):
        changes["means"] = tuple(_with_ends(row, names) for row in table.means)
    if table.gravity is not None and isinstance(table.gravity.weights, tuple):
        weights = tuple((names(node), weight) for node, weight in table.gravity.weights)
        changes["gravity"] = table.gravity.model_copy(update={"weights": weights})
    return table.model_copy(update=changes)


def _outage(table: Any, names: _Translation) -> Any:
    if table.node is not None:
        return table.model_copy(update={"node": names(table.node)})
    if table.fibre is not None:
        return table.model_copy(update={"fibre": names.ends(table.fibre)})
    return table


def _task(table: Any, names: _Translation) -> Any:
    update = {
        "owner": names(table.owner),
        "head": tuple(map(names, table.head)),
        "workers": tuple(tuple(map(names, group)) for group in table.workers),
        "attack": tuple(_attack(entry, names) for entry in table.attack),
    }
    return table.model_copy(update=update)


def _attack(table: Any, names: _Translation) -> Any:
    given = {end: getattr(table, end) for end in ENDS if getattr(table, end) is not None}
    return table.model_copy(update={end: names(name) for end, name in given.items()})
