"""What the parties of FEL tasks see as trusted relays of each other's keys."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from qnetsim.network import Topology

if TYPE_CHECKING:
    from qnetsim.fel.messages import Message
    from qnetsim.fel.relays import Leg, RelayedKeys
    from qnetsim.kernel.running_tasks import Task


class PartyExposure:
    """Keeps parties out of the way of keys, and counts those that pass them.

    Parameters
    ----------
    tasks : sequence of Task
    topology : Topology
    """

    def __init__(self, tasks: Sequence[Task], topology: Topology) -> None:
        self._tasks = tasks
        self._at_node = [[end.fibre for end in ends] for ends in topology.neighbours]
        #: By task and party.
        self.seen: list[dict[str, RelayedKeys]] = [{} for _ in tasks]
        self._party = [{node: name for name, node in task.nodes.items()} for task in tasks]
        self._barred = lru_cache(maxsize=2**12)(self._barred_fibres)

    def barred_fibres(self, task: int, message: Message) -> frozenset[int]:
        """Fibres of all parties that must not relay the keys of a message."""
        return self._barred(task, _leg(message))

    def _barred_fibres(self, task: int, leg: Leg) -> frozenset[int]:
        its = self._tasks[task]
        names = its.relays.barred(leg) if its.relays else ()
        return frozenset(fibre for name in names for fibre in self._at_node[its.nodes[name]])

    def relayed(self, task: int, message: Message, nodes: Sequence[int], bits: int) -> None:
        """Count keys of a message that went over these nodes."""
        parties = self._party[task]
        on_way = [parties[node] for node in nodes[1:-1] if node in parties]
        if not on_way:
            return
        from qnetsim.fel.relays import RelayedKeys

        rule = self._tasks[task].relays
        readers = rule.readers(_leg(message)) if rule else ()
        for name in on_way:
            seen = self.seen[task].setdefault(name, RelayedKeys())
            seen.add(bits, readable=name in readers)


def _leg(message: Message) -> Leg:
    from qnetsim.fel.relays import Leg

    return Leg(message.kind, message.source, message.target)
