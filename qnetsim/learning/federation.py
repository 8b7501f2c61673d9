"""The federation of Algorithm 1: managers, lenders of Q networks, and the aggregate policy."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from qnetsim.learning.managers import manager_units, ranked_agents
from qnetsim.learning.networks import Layers
from qnetsim.learning.transport import InProcessTransport, Transport
from qnetsim.network import Topology
from qnetsim.policies.learned.features import Units
from qnetsim.scenario import LearningTable


class Federation:
    """Managers, lenders and the aggregate.

    Parameters
    ----------
    topology : Topology
    units : Units
    table : LearningTable
    seeds : int
        Seeds that are trained side by side; each is a federation of its own.
    transport : Transport, optional

    Attributes
    ----------
    managers : tuple of int
        Units that see rewards.
    """

    def __init__(
        self,
        topology: Topology,
        units: Units,
        table: LearningTable,
        seeds: int,
        transport: Transport | None = None,
    ) -> None:
        self._aggregator = units.nodes[ranked_agents(topology, units)[0]]
        self._node = [units.nodes[agent] for agent in units.agent_of.tolist()]
        self.managers = manager_units(topology, units, table.manager_share)
        self._seeds = seeds
        self._cycle = table.lender == "cycle"
        self._own = {unit: place for place, unit in enumerate(self.managers)}
        self._nearest = [self._nearest_to(unit, topology) for unit in range(units.count)]
        self.transport = transport or InProcessTransport()

    def _nearest_to(self, unit: int, topology: Topology) -> int:
        """Position of the manager that is the fewest fibres away; of a manager, its own."""
        if unit in self._own:
            return self._own[unit]
        hops = _hops(topology, self._node[unit])
        places = range(len(self.managers))
        return min(places, key=lambda place: (hops[self._node[self.managers[place]]], place))

    def lenders(self, update: int) -> list[int]:
        """Position in ``managers`` of the lender of each unit, for this update."""
        if not self._cycle:
            return self._nearest
        turn = update % len(self.managers)
        return [self._own.get(unit, turn) for unit in range(len(self._node))]

    def lend(self, lender: Sequence[int], rows: Layers) -> Layers:
        """Line 11: send Q networks from lenders to units.

        Parameters
        ----------
        lender : sequence of int
            Position in ``managers`` of each unit's lender.
        rows : list of Tensor
            Rows for the first Q networks of all seeds and units, then for the second ones.
        """
        sources = [self._node[self.managers[place]] for place in lender]
        times = 2 * self._seeds
        return self.transport.carry("Q networks", sources * times, self._node * times, rows)

    @torch.no_grad()
    def average(self, policy: Layers, sizes: Tensor) -> None:
        """Line 13, Eq (39): replace policies by their mean over the agents of a seed.

        Parameters
        ----------
        policy : list of Tensor
            Policies of the whole stack; changed in place.
        sizes : Tensor, shape (agents,)
            Experiences of each agent, the weights of the mean.
        """
        weights = (sizes / sizes.sum()).reshape(1, -1, 1, 1)
        units = len(self._node)
        aggregator = [self._aggregator] * len(self._node) * self._seeds
        nodes = self._node * self._seeds
        sent = self.transport.carry("policies", nodes, aggregator, policy)
        means = []
        for layer in sent:
            grouped = layer.reshape(self._seeds, units, *layer.shape[1:])
            mean = (grouped * weights).sum(dim=1, keepdim=True)
            means.append(mean.expand_as(grouped).reshape(layer.shape))
        for layer, mean in zip(
            policy, self.transport.carry("aggregate", aggregator, nodes, means), strict=True
        ):
            layer.copy_(mean)


def _hops(topology: Topology, start: int) -> dict[int, int]:
    """Fibres from a node to every other one; as many as there are nodes if unreachable."""
    neighbours = topology.neighbours
    found = dict.fromkeys(range(len(topology.nodes)), len(topology.nodes))
    found[start] = 0
    frontier = [start]
    while frontier:
        reached = []
        for here in frontier:
            for other, _ in neighbours[here]:
                if found[here] + 1 < found[other]:
                    found[other] = found[here] + 1
                    reached.append(other)
        frontier = reached
    return found
