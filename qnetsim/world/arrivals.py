"""When the requests of a slot arrive, and for how long they are served."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from qnetsim import seeds
from qnetsim.arrays import IntArray
from qnetsim.scenario import DemandTable
from qnetsim.scenario.tables.world import HOLDING_CUT

if TYPE_CHECKING:
    from qnetsim.world.fast_draws import FastDraws


def draw_arrivals(
    table: DemandTable,
    requests: int,
    slot_ticks: int,
    seed: int,
    replication: int,
    chunk: int,
    slots: int,
    fast: FastDraws | None = None,
) -> IntArray | None:
    """Instants inside the slot, in ticks from its start, shape (slots, requests).

    Given their number, the instants of a Poisson process are independent and uniform. None
    where all requests arrive at the start.
    """
    if table.arrivals == "slot_start":
        return None
    name = "arrivals", replication, chunk
    if fast:
        return fast.ticks(seeds.stream_key(seed, *name), slot_ticks, (slots, requests))
    bits = seeds.stream(seed, *name)
    offset = (seeds.uniform(bits, slots * requests) * slot_ticks).astype(np.int64)
    return np.minimum(offset, slot_ticks - 1).reshape(slots, requests)


def draw_holding(
    table: DemandTable,
    requests: int,
    seed: int,
    replication: int,
    chunk: int,
    slots: int,
    fast: FastDraws | None = None,
) -> IntArray | None:
    """Slots for which each request is served, shape (slots, requests); None where all are one."""
    if table.holding_slots == 1:
        return None
    if table.holding == "fixed":
        return np.full((slots, requests), table.holding_slots, dtype=np.int64)
    name = "holding", replication, chunk
    times = _geometric(table.holding_slots)
    if fast:
        return fast.inverted(seeds.stream_key(seed, *name), times, (slots, requests), least=1)
    words = seeds.words(seeds.stream(seed, *name), slots * requests)
    held: IntArray = times.sample(words) + 1
    return held.reshape(slots, requests)


@lru_cache(maxsize=8)
def _geometric(mean: int) -> seeds.Inversion:
    """Holding times but one; the last value takes the rest."""
    survives = 1.0
    bounds = []
    for _ in range(HOLDING_CUT * mean - 1):
        survives *= 1 - 1 / mean
        bounds.append(min(math.floor((1 - survives) * 2.0**64), 2**64 - 1))
    return seeds.Inversion(np.array(bounds, np.uint64), np.int64)
