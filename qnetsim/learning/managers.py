"""Which agents are managers: those that see rewards in Algorithm 1."""

from __future__ import annotations

from qnetsim.network import Topology
from qnetsim.policies.learned.features import Units


def ranked_agents(topology: Topology, units: Units) -> list[int]:
    """Agents by the number of their neighbours, most first; the first one aggregates."""
    degree = [len(ends) for ends in topology.neighbours]
    return sorted(range(units.agents), key=lambda a: (-degree[units.nodes[a]], a))


def manager_units(topology: Topology, units: Units, share: float) -> tuple[int, ...]:
    """Units of the agents that are managers.

    Parameters
    ----------
    topology : Topology
    units : Units
    share : float
        Of the agents; one at least is a manager.
    """
    count = max(1, round(share * units.agents))
    best = set(ranked_agents(topology, units)[:count])
    return tuple(u for u, agent in enumerate(units.agent_of.tolist()) if agent in best)
