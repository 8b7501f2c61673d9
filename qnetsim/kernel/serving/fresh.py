"""The arrays of a run and of an interval, as they are when nothing has been served yet."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from qnetsim.arrays import IntArray
from qnetsim.kernel.serving.state import (
    COUNTS,
    FIBRE_COLUMNS,
    LOG_COLUMNS,
    MAX_CHANNELS,
    NOTE_COLUMNS,
    PORTS,
    QUEUE_COLUMNS,
    RESERVATION,
    SIZES,
    TAIL,
    Flows,
    State,
)
from qnetsim.recycled import Recycled
from qnetsim.vocabulary import FLOWS


class FlowSizes(NamedTuple):
    """Sizes of the flows of an interval; ``bins`` are those of waiting times."""

    slots: int
    fibres: int
    paths: int
    bins: int
    levels: int


def _zeros(*shape: int) -> IntArray:
    return np.zeros(shape, dtype=np.int64)


def new_state(
    *,
    max_channels: IntArray,
    ports: IntArray,
    requests: int,
    lifetime_slots: int,
    initial_bits: int,
    capacity: int,
    log_rows: int,
    note_rows: int,
) -> State:
    """Pools with what the slot before the first one left, and an empty queue.

    ``max_channels`` and ``ports`` have shape (F,).
    """
    fibres = _zeros(len(ports), FIBRE_COLUMNS)
    fibres[:, MAX_CHANNELS] = max_channels
    fibres[:, PORTS] = ports
    fibres[:, TAIL + RESERVATION] = initial_bits
    tails = _zeros(2, lifetime_slots + 1, len(ports))
    # the end of slot -1 in the ring
    tails[RESERVATION, -1] = initial_bits
    return State(
        fibres=fibres,
        tails=tails,
        size=_zeros(SIZES),
        row=np.arange(requests, dtype=np.int64),
        queue=_zeros(capacity, QUEUE_COLUMNS),
        log=_zeros(log_rows, LOG_COLUMNS),
        notes=_zeros(note_rows, NOTE_COLUMNS),
    )


def grown(state: State, capacity: int, log_rows: int, note_rows: int) -> State:
    """Copy with more room in the queue, in the log and for notes."""
    return state._replace(
        queue=_longer(state.queue, capacity),
        log=_longer(state.log, log_rows),
        notes=_longer(state.notes, note_rows),
    )


def _longer(rows: IntArray, size: int) -> IntArray:
    more = max(size - len(rows), 0)
    return np.concatenate([rows, _zeros(more, rows.shape[1])])


def new_flows(memory: Recycled, shape: FlowSizes, *, clear: bool) -> Flows:
    """Make the flows of an interval: zeros, but for what the loop writes in every slot.

    Parameters
    ----------
    memory : Recycled
    shape : FlowSizes
    clear : bool
        Let that be zero too.
    """
    slots, fibres, paths, bins, levels = shape
    flows = Flows(
        bits=memory.empty((len(FLOWS), 2, slots, fibres)),
        channels=memory.empty((slots, fibres)),
        wavelengths=memory.empty((slots, fibres)),
        counts=_zeros(len(COUNTS), slots),
        waits=_zeros(slots, bins),
        carried=_zeros(paths),
        whole=_zeros(levels),
    )
    if clear:
        for rows in (flows.bits, flows.channels, flows.wavelengths):
            rows[:] = 0
    return flows
