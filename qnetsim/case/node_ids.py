"""Scenarios whose nodes are named by labels made ones that name them by ids."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from qnetsim.errors import SettingError
from qnetsim.network import Topology
from qnetsim.network.node_names import NodeNames
from qnetsim.scenario import Scenario
from qnetsim.scenario.lines import Key, Problem

#: Makes an id of a name that stands at a key.
Translate = Callable[[str, Key], str]


def with_node_ids(scenario: Scenario, topology: Topology, *, ids_first: bool = False) -> Scenario:
    """Scenario that names nodes by their ids wherever it named them by labels.

    Parameters
    ----------
    scenario : Scenario
    topology : Topology
    ids_first : bool
        Whether an id is meant where it is another node's label too, as in stored files.

    Raises
    ------
    SettingError
        A name is that of no node, or of more than one.
    """
    names = _Translation(NodeNames(topology), ids_first)
    changes = {
        "network": _network(scenario, names),
        "demand": _demand(scenario, names),
        "request": tuple(
            table.model_copy(
                update={end: names(getattr(table, end), ("request", i)) for end in ENDS}
            )
            for i, table in enumerate(scenario.request)
        ),
        "outage": tuple(_outage(table, names, i) for i, table in enumerate(scenario.outage)),
        "fel": tuple(_task(table, names, i) for i, table in enumerate(scenario.fel)),
    }
    if names.problems:
        # a table may stand for many requests
        raise SettingError(list(dict.fromkeys(names.problems)))
    return scenario.model_copy(update=changes) if names.changed else scenario


#: Keys of the two ends of a request or a fibre.
ENDS = ("source", "target")


@dataclass
class _Translation:
    """Ids of names; what is wrong with some of them is kept."""

    names: NodeNames
    ids_first: bool
    changed: bool = False
    problems: list[Problem] = field(default_factory=list)

    def __call__(self, name: str, key: Key) -> str:
        try:
            found = self.names.id_of(name, ids_first=self.ids_first)
        except LookupError as error:
            self.problems.append((key, str(error.args[0])))
            return name
        self.changed |= found != name
        return found

    def ends(self, listed: Sequence[Any], key: Key) -> tuple[Any, ...]:
        """Entry of a list that begins with the two ends of a fibre or a request."""
        return (*(self(name, key) for name in listed[:2]), *listed[2:])


def _network(scenario: Scenario, names: _Translation) -> Any:
    table = scenario.network
    fibres = tuple(
        entry.model_copy(
            update={end: names(getattr(entry, end), ("network", "fibre", i)) for end in ENDS}
        )
        for i, entry in enumerate(table.fibre)
    )
    spans = tuple(
        names.ends(entry, ("network", "fibre_spans", i))
        for i, entry in enumerate(table.fibre_spans)
    )
    return table.model_copy(update={"fibre": fibres, "fibre_spans": spans})


def _demand(scenario: Scenario, names: _Translation) -> Any:
    table = scenario.demand
    # those of a recording were read with their ids
    if not isinstance(table.pairs, tuple) or scenario.recording is not None:
        return table
    pairs = tuple(names.ends(pair, ("demand", "pairs", i)) for i, pair in enumerate(table.pairs))
    return table.model_copy(update={"pairs": pairs})


def _outage(table: Any, names: _Translation, i: int) -> Any:
    if table.node is not None:
        return table.model_copy(update={"node": names(table.node, ("outage", i))})
    if table.fibre is not None:
        return table.model_copy(update={"fibre": names.ends(table.fibre, ("outage", i))})
    return table


def _task(table: Any, names: _Translation, i: int) -> Any:
    def translated(listed: Sequence[str], key: str) -> tuple[str, ...]:
        return tuple(names(name, ("fel", i, key)) for name in listed)

    update = {
        "owner": names(table.owner, ("fel", i, "owner")),
        "head": translated(table.head, "head"),
        "workers": tuple(translated(group, "workers") for group in table.workers),
    }
    return table.model_copy(update=update)
