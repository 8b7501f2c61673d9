"""Transport of network weights between agents: in memory, or under simulated QKD keys.

Only weights are sent. Each row of the stacked layers is a message of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch

from qnetsim.arrays import IntArray
from qnetsim.case import Case
from qnetsim.errors import LedgerError
from qnetsim.fel.channels import Link
from qnetsim.fel.pads import key_bytes
from qnetsim.kernel import Relay
from qnetsim.kernel.serving.state import Hop
from qnetsim.learning.networks import Layers
from qnetsim.network import Route, shortest_routes


class Transport(Protocol):
    """Carries weights from agent to agent.

    Attributes
    ----------
    payload : Counter
        Bytes sent between different nodes, by purpose.
    """

    payload: Counter[str]

    def carry(
        self, purpose: str, sources: Sequence[int], targets: Sequence[int], layers: Layers
    ) -> Layers:
        """Send row i of every layer from node ``sources[i]`` to ``targets[i]``."""
        ...


class InProcessTransport:
    """Hands weights over in memory, and counts their bytes."""

    def __init__(self) -> None:
        self.payload: Counter[str] = Counter()

    def carry(
        self, purpose: str, sources: Sequence[int], targets: Sequence[int], layers: Layers
    ) -> Layers:
        """Count, and hand over."""
        away = sum(source != target for source, target in zip(sources, targets, strict=True))
        self.payload[purpose] += away * row_bytes(layers)
        return layers


class PaddedTransport:
    """One-time pads and one-time MACs from keys of the simulated network.

    Each fibre of a message's route lights one QKD channel for as many slots as its keys take; what
    is left of a channel-slot is stored for the next message.

    Parameters
    ----------
    case : Case

    Attributes
    ----------
    produced, consumed, stored : ndarray of int64, shape (fibres,)
        Key bits: the ledger.
    """

    def __init__(self, case: Case) -> None:
        network = case.network
        self.payload: Counter[str] = Counter()
        self._relay = Relay(network, case.forecast, case.scenario.run.seed, 0)
        self._network = network
        self._nodes = network.topology.nodes
        self._links: dict[tuple[int, int], Link] = {}
        self._routes: dict[tuple[int, int], Route] = {}
        self.produced: IntArray = np.zeros(network.fibres, np.int64)
        self.consumed: IntArray = np.zeros(network.fibres, np.int64)
        self.stored: IntArray = np.zeros(network.fibres, np.int64)

    def carry(
        self, purpose: str, sources: Sequence[int], targets: Sequence[int], layers: Layers
    ) -> Layers:
        """Seal every row at its source and open it at its target."""
        received = [layer.detach().clone() for layer in layers]
        for row, ends in enumerate(zip(sources, targets, strict=True)):
            if ends[0] != ends[1]:
                flat = torch.cat([layer.detach()[row].flatten() for layer in layers])
                opened = self._send(ends, flat.cpu().numpy().astype("<f4").tobytes())
                values = torch.from_numpy(np.frombuffer(opened, "<f4").astype(np.float32))
                for layer, part in zip(
                    received,
                    torch.split(values, [layer[row].numel() for layer in layers]),
                    strict=True,
                ):
                    layer[row] = part.reshape(layer[row].shape)
                self.payload[purpose] += len(opened)
        self.check()
        return received

    def _send(self, ends: tuple[int, int], payload: bytes) -> bytes:
        source, target = ends
        link = self._links.setdefault(ends, Link(f"{self._nodes[source]}>{self._nodes[target]}"))
        size = key_bytes(len(payload), padded=True)
        route = self._route(source, target)
        hops = [Hop(fibre, self._take(fibre, 8 * size), 8 * size, 0, 0) for fibre in route.fibres]
        key = self._relay.carry_key(8 * size, route.nodes, hops, "weights")
        link.add_keys(key.to_bytes(size, "big"))
        sealed = link.sender.seal(payload, padded=True)
        return link.receiver.open(sealed, length=len(payload), padded=True)

    def _take(self, fibre: int, bits: int) -> int:
        """Spend bits of a fibre, with its channel lit for as many slots as needed; their offset."""
        start = int(self.consumed[fibre])
        slots = -(-max(bits - int(self.stored[fibre]), 0) // int(self._network.channel_bits[fibre]))
        self.produced[fibre] += slots * self._network.channel_bits[fibre]
        self.consumed[fibre] += bits
        self.stored[fibre] += slots * self._network.channel_bits[fibre] - bits
        return start

    def _route(self, source: int, target: int) -> Route:
        pair = min(source, target), max(source, target)
        if pair not in self._routes:
            lengths = self._network.costs.exact_qkd_reserved
            self._routes |= shortest_routes(self._network.topology, lengths, [pair])
        route = self._routes[pair]
        return route if source < target else Route(route.nodes[::-1], route.fibres[::-1])

    def check(self) -> None:
        """Check the ledger: produced = consumed + stored on every fibre.

        Raises
        ------
        LedgerError
        """
        if not np.array_equal(self.produced, self.consumed + self.stored):
            raise LedgerError("keys for weights: produced differs from consumed + stored")


def row_bytes(layers: Layers) -> int:
    """Bytes of one agent's network."""
    return sum(4 * layer[0].numel() for layer in layers)
