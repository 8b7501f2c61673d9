"""Which agent controls which fibre where every node is an agent."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from qnetsim.arrays import IntArray
from qnetsim.network.topology import Topology


class Agents(NamedTuple):
    """Agents, and the fibres that they own.

    Attributes
    ----------
    nodes : tuple of int
        Node of each agent, ascending.
    owners : ndarray of int64, shape (fibres,)
        Agent 0, 1, … of each fibre.
    """

    nodes: tuple[int, ...]
    owners: IntArray


def owning_nodes(topology: Topology) -> IntArray:
    """Give each fibre to one of its ends so that every node has a fibre, where that can be.

    Nodes are matched in topology order to the smallest fibre that a matching of all nodes so far
    allows; every other fibre goes to its lower-numbered end. Where a component is a tree, one of
    its nodes cannot have a fibre.

    Parameters
    ----------
    topology : Topology

    Returns
    -------
    ndarray of int64, shape (fibres,)
        Position of the owning node.
    """
    at_node = [sorted(neighbour.fibre for neighbour in ends) for ends in topology.neighbours]
    owner = [-1] * len(topology.fibres)
    for node in range(len(topology.nodes)):
        _match(node, at_node, owner)
    return np.array(
        [
            node if node >= 0 else min(ends)
            for node, ends in zip(owner, topology.fibres, strict=True)
        ],
        dtype=np.int64,
    )


def agents_of(topology: Topology) -> Agents:
    """Agents of a network in which every node that owns a fibre is one."""
    nodes, owners = np.unique(owning_nodes(topology), return_inverse=True)
    return Agents(tuple(nodes.tolist()), owners.astype(np.int64))


def _match(node: int, at_node: list[list[int]], owner: list[int]) -> None:
    """Match one more node along an augmenting path, breadth first; without recursion."""
    came: dict[int, int] = {}
    frontier = [node]
    while frontier:
        following = []
        for here in frontier:
            for fibre in at_node[here]:
                if fibre in came:
                    continue
                came[fibre] = here
                if owner[fibre] < 0:
                    _flip(fibre, node, came, owner)
                    return
                following.append(owner[fibre])
        frontier = following


def _flip(fibre: int, root: int, came: dict[int, int], owner: list[int]) -> None:
    while True:
        node = came[fibre]
        before = owner.index(node) if node != root else -1
        owner[fibre] = node
        if before < 0:
            return
        fibre = before
