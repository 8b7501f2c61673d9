"""Nodes by the names that people give them: ids of a file, and labels such as names of cities."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from qnetsim.network.topology import Topology
from qnetsim.plain_text import counted

#: Stands ahead of an id that is another node's label too.
ID = "id:"
#: Most names that a message lists.
MOST_LISTED = 30
#: Shortest name for which a message looks for a similar one.
LEAST_GUESSED = 3


@dataclass(frozen=True)
class NodeNames:
    """What the nodes of a topology may be called."""

    topology: Topology

    @cached_property
    def _ids(self) -> Mapping[str, int]:
        return {node: number for number, node in enumerate(self.topology.nodes)}

    @cached_property
    def _bearers(self) -> Mapping[str, tuple[int, ...]]:
        """Nodes by each name, whether id or label."""
        found: dict[str, tuple[int, ...]] = {name: (n,) for name, n in self._ids.items()}
        for number, place in enumerate(self.topology.locations):
            if place.name is not None and number not in found.get(place.name, ()):
                found[place.name] = (*found.get(place.name, ()), number)
        return found

    @cached_property
    def _sole(self) -> Mapping[str, int]:
        """The node of each name that one node alone has."""
        return {name: nodes[0] for name, nodes in self._bearers.items() if len(nodes) == 1}

    def find(self, name: str) -> int:
        """Position of the node with an id or a label.

        Raises
        ------
        LookupError
            No node has the name, or more than one.
        """
        found = self._sole.get(name)
        if found is not None:
            return found
        bearers = self._bearers.get(name, ())
        if not bearers and name.startswith(ID) and name.removeprefix(ID) in self._ids:
            return self._ids[name.removeprefix(ID)]
        raise LookupError(self._ambiguous(name, bearers) if bearers else self._unknown(name))

    def known(self, name: str) -> bool:
        """Whether any node has the name, one or more."""
        return name in self._bearers

    def why_not(self, name: str) -> str | None:
        """Why a name is not that of one node; None where it is."""
        try:
            self.find(name)
        except LookupError as error:
            return str(error.args[0])
        return None

    def fibre_at(self, source: str, target: str, label: str = "") -> int:
        """Find the fibre between two nodes, as ``Topology.fibre_at`` does, by ids or labels.

        Raises
        ------
        LookupError
            There is no such node or fibre, or more than one.
        """
        a, b = (self.topology.nodes[self.find(name)] for name in (source, target))
        return self.topology.fibre_at(a, b, label)

    def id_of(self, name: str, *, ids_first: bool = False) -> str:
        """Id of the node with a name, as a scenario may spell it: ``id:1`` where 1 is a label too.

        Parameters
        ----------
        name : str
        ids_first : bool
            Whether an id is meant where it is another node's label too, as in stored files.

        Raises
        ------
        LookupError
            No node has the name, or more than one.
        """
        return self._spelling(name if ids_first and name in self._ids else self.find(name))

    def _spelling(self, node: int | str) -> str:
        name = node if isinstance(node, str) else self.topology.nodes[node]
        return name if len(self._bearers[name]) == 1 else ID + name

    def _ambiguous(self, name: str, bearers: tuple[int, ...]) -> str:
        spelt = [repr(self._spelling(node)) for node in bearers]
        meant = ", ".join(
            f"node {self.topology.nodes[node]!r}"
            + (f" ({place.name})" if (place := self.topology.locations[node]).name else "")
            for node in bearers
        )
        return (
            f"{name!r} names {counted(len(bearers), 'node')} of {self.topology.name}: {meant}; "
            f"give one of the ids: {', '.join(spelt)}"
        )

    def _unknown(self, name: str) -> str:
        return f"unknown node {name!r}; {self.instead_of(name)}"

    def instead_of(self, name: str) -> str:
        """Names that are allowed in place of one that no node has, a similar one first."""
        nodes = self.topology.nodes
        labels = [place.name for place in self.topology.locations]
        shown = [
            f"{node} ({label})" if label else node
            for node, label in zip(nodes, labels or [None] * len(nodes), strict=True)
        ]
        names = ", ".join(shown[:MOST_LISTED]) + (", …" if len(shown) > MOST_LISTED else "")
        guess = self._similar(name)
        return f"{guess and f'did you mean {guess!r}? '}allowed: {names}"

    def _similar(self, name: str) -> str:
        """A name that differs from this one in a few letters; empty without any."""
        if len(name) < LEAST_GUESSED:
            return ""
        folded = {known.casefold(): known for known in self._bearers}
        close = difflib.get_close_matches(name.casefold(), folded, n=1)
        return folded[close[0]] if close else ""
