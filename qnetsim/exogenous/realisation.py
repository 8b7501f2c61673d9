"""What really happens: the world that every policy of a comparison meets."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from qnetsim.exogenous.demand import draw_levels
from qnetsim.exogenous.forecast import Forecast
from qnetsim.network import Network

#: Slots drawn from one stream. Part of the meaning of a seed: changing it changes every world.
CHUNK_SLOTS = 1024


@dataclass(frozen=True)
class WorldChunk:
    """What happens in consecutive slots.

    Attributes
    ----------
    first_slot : int
    levels : ndarray of int16, shape (slots, groups)
        Realised level of each group of requests.
    """

    first_slot: int
    levels: npt.NDArray[np.int16]

    @property
    def slots(self) -> int:
        """Number of slots in the chunk."""
        return int(self.levels.shape[0])


class Realisation:
    """One world: chunks of slots drawn from named streams, and their digest.

    Nothing here depends on a policy. The digest covers topology, Δ, node pairs, demand and
    yields, chunk by chunk; prices and policies do not enter.

    Parameters
    ----------
    network : Network
    forecast : Forecast
    slots, slot_ticks, seed, replication : int
    """

    def __init__(
        self,
        network: Network,
        forecast: Forecast,
        *,
        slots: int,
        slot_ticks: int,
        seed: int,
        replication: int,
    ) -> None:
        self.forecast = forecast
        self.slots = slots
        self.seed = seed
        self.replication = replication
        topology = network.topology
        # fibres are undirected and unordered, so neither may make a difference
        fibres = sorted(
            zip(
                (sorted(ends) for ends in topology.fibres),
                topology.lengths_km,
                network.channel_bits.tolist(),
                strict=True,
            )
        )
        self._header = json.dumps(
            {
                "nodes": topology.nodes,
                "fibres": fibres,
                "slot_ticks": slot_ticks,
                "slots": slots,
                "pairs": forecast.pairs,
                "coupling": forecast.coupling,
                "level_bits": network.level_bits,
            },
            separators=(",", ":"),
        ).encode()

    def chunks(self) -> Iterator[WorldChunk]:
        """Yield the chunks in order, the last one shorter where need be."""
        for first in range(0, self.slots, CHUNK_SLOTS):
            count = min(CHUNK_SLOTS, self.slots - first)
            yield WorldChunk(first, self._draw(first // CHUNK_SLOTS, count))

    def _draw(self, chunk: int, slots: int) -> npt.NDArray[np.int16]:
        return draw_levels(self.forecast, self.seed, self.replication, chunk, slots)

    def digest(self) -> WorldDigest:
        """Start a digest; feed it the chunks in order."""
        return WorldDigest(self._header)


class WorldDigest:
    """SHA-256 over a world, fed chunk by chunk."""

    def __init__(self, header: bytes) -> None:
        self._hash = hashlib.sha256(header)

    def update(self, chunk: WorldChunk) -> None:
        """Add the next chunk."""
        self._hash.update(np.ascontiguousarray(chunk.levels, dtype="<i2").data)

    def hexdigest(self) -> str:
        """Digest of all chunks so far, hexadecimal."""
        return self._hash.hexdigest()
