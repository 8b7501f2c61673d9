"""Consecutive chunks of a world as one: whoever takes chunks does so less often."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np

from qnetsim.recycled import Recycled
from qnetsim.world.faults import FaultEvents
from qnetsim.world.realisation import WorldChunk


def joined(chunks: Iterator[WorldChunk], count: int) -> Iterator[WorldChunk]:
    """Yield chunks that are made of ``count`` others, the last one of fewer where need be."""
    memory = Recycled()
    while some := tuple(islice(chunks, count)):
        yield some[0] if len(some) == 1 else _joined(some, memory)


def _joined(chunks: Sequence[WorldChunk], memory: Recycled) -> WorldChunk:
    """One chunk, whose parts are views of it."""
    slots = sum(chunk.slots for chunk in chunks)
    columns: dict[str, Any] = {}
    for name in ("levels", "yield_ppm", "arrivals", "holding"):
        rows = [getattr(chunk, name) for chunk in chunks]
        if rows[0] is not None:
            whole = memory.empty((slots, *rows[0].shape[1:]), rows[0].dtype)
            columns[name] = np.concatenate(rows, out=whole)
    first = chunks[0].first_slot
    parts = []
    for chunk in chunks:
        begin = chunk.first_slot - first
        views: dict[str, Any] = {
            name: rows[begin : begin + chunk.slots] for name, rows in columns.items()
        }
        parts.append(replace(chunk, **views))
    faults = FaultEvents.joined([chunk.faults for chunk in chunks])
    return WorldChunk(first_slot=first, faults=faults, joined_from=tuple(parts), **columns)
