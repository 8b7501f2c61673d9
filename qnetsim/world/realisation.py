"""What really happens: the world that every policy of a comparison meets."""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from qnetsim.arrays import IntArray
from qnetsim.forecast.forecast import Forecast
from qnetsim.network import Network
from qnetsim.scenario import Scenario
from qnetsim.units import seconds_to_ticks
from qnetsim.world.arrivals import draw_arrivals, draw_holding
from qnetsim.world.demand import Levels
from qnetsim.world.faults import NO_FAULTS, FaultEvents, draw_faults
from qnetsim.world.yields import Yields

if TYPE_CHECKING:
    from qnetsim.world.fast_draws import FastDraws

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
    yield_ppm : ndarray of int64, shape (slots, fibres), or None
        Yield factor ξ in millionths; None where it is one everywhere.
    arrivals : ndarray of int64, shape (slots, requests), or None
        Ticks from the slot's start; None where all arrive at its start.
    holding : ndarray of int64, shape (slots, requests), or None
        Slots for which a request is served; None where that is one for all.
    faults : FaultEvents
        Failures and repairs in these slots.
    joined_from : tuple of WorldChunk
        The chunks of the world that it is made of, where that is not itself.
    """

    first_slot: int
    levels: npt.NDArray[np.int16]
    yield_ppm: IntArray | None = None
    arrivals: IntArray | None = None
    holding: IntArray | None = None
    faults: FaultEvents = NO_FAULTS
    joined_from: tuple[WorldChunk, ...] = ()

    @property
    def slots(self) -> int:
        """Number of slots in the chunk."""
        return int(self.levels.shape[0])


class LevelSource(Protocol):
    """Where the levels of a world come from, chunk by chunk in order."""

    def draw(self, chunk: int, slots: int) -> npt.NDArray[np.int16]:
        """Levels of the next chunk, shape (slots, groups)."""


class RecordedLevels:
    """Levels of a demand that was recorded elsewhere.

    Parameters
    ----------
    levels : ndarray of int16, shape (slots, groups)
    """

    def __init__(self, levels: npt.NDArray[np.int16]) -> None:
        self._levels = levels

    def draw(self, chunk: int, slots: int) -> npt.NDArray[np.int16]:
        """Levels of the next chunk, shape (slots, groups)."""
        first = chunk * CHUNK_SLOTS
        return self._levels[first : first + slots]


class Realisation:
    """One world: chunks of slots drawn from named streams, and their digest.

    Nothing here depends on a policy. The digest covers topology, Δ, node pairs, demand, yields
    and faults, chunk by chunk; prices and policies do not enter.

    Parameters
    ----------
    network : Network
    forecast : Forecast
    scenario : Scenario
    replication : int
    tasks : sequence
        What the digest covers of FEL tasks, as JSON.
    levels : LevelSource, optional
        Where the levels come from; drawn unless given.
    """

    def __init__(
        self,
        network: Network,
        forecast: Forecast,
        scenario: Scenario,
        replication: int,
        tasks: Sequence[object] = (),
        levels: LevelSource | None = None,
    ) -> None:
        self._levels = levels
        self.forecast = forecast
        self.slots = scenario.run.slots
        self.seed = scenario.run.seed
        self.replication = replication
        self._network = network
        self._scenario = scenario
        self._tasks = tasks
        self._slot_ticks = seconds_to_ticks(scenario.run.slot_s)

    @cached_property
    def _header(self) -> bytes:
        """What the digest begins with."""
        return json.dumps(self._description(), separators=(",", ":")).encode()

    @cached_property
    def faults(self) -> FaultEvents:
        """All failures and repairs of the run."""
        scenario = self._scenario
        end = self.slots * self._slot_ticks
        return draw_faults(
            table=scenario.faults,
            outages=scenario.outage,
            network=self._network,
            seed=self.seed,
            replication=self.replication,
            end_tick=end,
        )

    def _description(self) -> dict[str, object]:
        """What the world is, beside what happens slot by slot.

        What is switched off adds no key, so that its introduction changed no digest.
        """
        network = self._network
        forecast = self.forecast
        demand = self._scenario.demand
        topology = network.topology
        # fibres are undirected and unordered, so neither may make a difference
        columns = [
            [sorted(ends) for ends in topology.fibres],
            topology.lengths_km,
            network.channel_bits.tolist(),
        ]
        if topology.fibre_labels:
            columns.append(topology.fibre_labels)
        fibres = sorted(zip(*columns, strict=True))
        found: dict[str, object] = {
            "nodes": topology.nodes,
            "fibres": fibres,
            "slot_ticks": self._slot_ticks,
            "slots": self.slots,
            "pairs": forecast.pairs,
            "coupling": forecast.coupling,
            "level_bits": network.level_bits,
        }
        if not forecast.shared or forecast.coupling in {"grouped", "copula"}:
            # which requests a column of the levels stands for
            found["groups"] = forecast.group.tolist()
        if forecast.classes:
            found["classes"] = forecast.classes
        if demand.arrivals != "slot_start":
            found["arrivals"] = demand.arrivals
        if demand.holding_slots != 1:
            found["holding"] = demand.holding
        if self.noisy:
            found["yields"] = "ppm"
        if self._tasks:
            found["fel"] = self._tasks
        return found

    @property
    def noisy(self) -> bool:
        """Whether yields differ from slot to slot."""
        yields = self._scenario.yields
        return bool(yields.noise_counts or yields.drift)

    def chunks(self, *, fast: bool = False) -> Iterator[WorldChunk]:
        """Yield the chunks in order, the last one shorter where need be.

        ``fast`` takes compiled code, which needs numba and pays where requests are served by it.
        """
        draws: FastDraws | None = None
        if fast:
            # short runs draw by numpy alone
            from qnetsim.world.fast_draws import FastDraws

            draws = FastDraws()
        demand = self._scenario.demand
        requests = self.forecast.requests
        seed = self.seed
        fibres = self._network.fibres
        replication = self.replication
        levels = self._levels or Levels(
            self.forecast, self._scenario.regimes, seed, ("demand", replication), draws
        )
        yields = None
        if self.noisy:
            yields = Yields(self._scenario.yields, fibres, seed, replication, draws)
        for number, first in enumerate(range(0, self.slots, CHUNK_SLOTS)):
            count = min(CHUNK_SLOTS, self.slots - first)
            ticks = first * self._slot_ticks
            end = (first + count) * self._slot_ticks
            yield WorldChunk(
                first_slot=first,
                levels=levels.draw(number, count),
                yield_ppm=yields.draw(number, count) if yields else None,
                arrivals=draw_arrivals(
                    table=demand,
                    requests=requests,
                    slot_ticks=self._slot_ticks,
                    seed=seed,
                    replication=replication,
                    chunk=number,
                    slots=count,
                    fast=draws,
                ),
                holding=draw_holding(demand, requests, seed, replication, number, count, draws),
                faults=self.faults.between(ticks, end),
            )

    def digest(self) -> WorldDigest:
        """Start a digest; feed it the chunks in order."""
        return WorldDigest(self._header)

    def whole_digest(self) -> str:
        """Digest of all chunks, hexadecimal."""
        digest = self.digest()
        deque(digest.through(self.chunks()), maxlen=0)
        return digest.hexdigest()


class WorldDigest:
    """SHA-256 over a world, fed chunk by chunk."""

    def __init__(self, header: bytes) -> None:
        self._hash = hashlib.sha256(header)

    def update(self, chunk: WorldChunk) -> None:
        """Add the next chunk."""
        for part in chunk.joined_from or (chunk,):
            self._update(part)

    def _update(self, chunk: WorldChunk) -> None:
        self._hash.update(np.ascontiguousarray(chunk.levels, dtype="<i2").data)
        for name, values in (
            ("yield_ppm", chunk.yield_ppm),
            ("arrivals", chunk.arrivals),
            ("holding", chunk.holding),
        ):
            if values is not None:
                self._add(name, values)
        faults = chunk.faults
        if len(faults):
            for name in ("tick", "fibre", "down", "cause", "element"):
                self._add(f"faults {name}", getattr(faults, name))

    def through(self, chunks: Iterable[WorldChunk]) -> Iterator[WorldChunk]:
        """Hand on the chunks of a world, and add each."""
        for chunk in chunks:
            self.update(chunk)
            yield chunk

    def _add(self, name: str, values: IntArray) -> None:
        self._hash.update(f"{name} {values.shape}".encode())
        self._hash.update(np.ascontiguousarray(values, dtype="<i8").data)

    def hexdigest(self) -> str:
        """Digest of all chunks so far, hexadecimal."""
        return self._hash.hexdigest()
