"""The arrays that the serving loop works on: what stays, what is given, what comes out.

They are named tuples of arrays, so that the same code runs compiled and as it stands. All
integers are int64; F fibres, R requests, K levels, G groups, S slots of the interval.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from qnetsim.arrays import IntArray

#: What a request does where it would be sent: wait, or give up at once.
NO_PATH = -1
REFUSED = -2
#: State of an entry of the queue: it asks, it was served in this slot, it has left.
ASKING = 0
SERVED = 1
GONE = 2
#: Pools, in the order of ``vocabulary.POOLS``.
RESERVATION = 0
ON_DEMAND = 1
#: Places in ``State.size``: entries of the queue, rows of the log, table that ``row`` follows.
QUEUED = 0
LOGGED = 1
FOLLOWED = 2
#: Columns of ``State.log``; those from ``LOG_FIBRE`` on are a :class:`Hop`.
LOG_SLOT = 0
LOG_REQUEST = 1
LOG_LEVEL = 2
LOG_PATH = 3
LOG_FIBRE = 4
LOG_RESERVATION_OFFSET = 5
LOG_RESERVATION_BITS = 6
LOG_ON_DEMAND_OFFSET = 7
LOG_ON_DEMAND_BITS = 8
LOG_COLUMNS = 9


class Span(NamedTuple):
    """Consecutive bits of a pool's stream."""

    offset: int
    bits: int


class Hop(NamedTuple):
    """Where the key of one delivery lies on one fibre.

    Attributes
    ----------
    fibre : int
    reservation_offset, reservation_bits : int
        First bit in the stream of the reservation pool, and how many.
    on_demand_offset, on_demand_bits : int
        The same in the on-demand pool.
    """

    fibre: int
    reservation_offset: int
    reservation_bits: int
    on_demand_offset: int
    on_demand_bits: int

    @property
    def spans(self) -> tuple[Span, Span]:
        """Bits of each pool, reservation first."""
        return (
            Span(self.reservation_offset, self.reservation_bits),
            Span(self.on_demand_offset, self.on_demand_bits),
        )


class State(NamedTuple):
    """What is carried from slot to slot.

    A pool is the part ``[head, tail)`` of an endless stream of bits. Production moves the tail;
    consumption, expiry and overflow move the head, so the oldest bits leave first and no bit is
    handed out twice. ``tails`` keeps the tails at the end of the last slots: what lies before
    the oldest of them has outlived its lifetime.

    Attributes
    ----------
    head, tail : shape (2, F)
        By pool, reservation first.
    tails : shape (2, lifetime + 1, F)
    lit, used, ready : shape (F,)
        In this slot: channels lit, KM wavelengths in use, tick at which the channels that were
        lit last on demand deliver.
    size : shape (3,)
        At ``QUEUED``, ``LOGGED`` and ``FOLLOWED``.
    row : shape (R,)
        Row of ``choice`` that each request goes by.
    request, level, arrival, deadline, left, started, status : shape (capacity,)
        The queue in order of arrival; ``left`` counts the slots that are still to be served.
    log : shape (rows, LOG_COLUMNS)
        One row for each fibre of each delivery, where keys are carried as real bytes; the columns
        are ``LOG_SLOT`` to ``LOG_ON_DEMAND_BITS``. No rows: nothing is logged.
    """

    head: IntArray
    tail: IntArray
    tails: IntArray
    lit: IntArray
    used: IntArray
    ready: IntArray
    size: IntArray
    row: IntArray
    request: IntArray
    level: IntArray
    arrival: IntArray
    deadline: IntArray
    left: IntArray
    started: IntArray
    status: IntArray
    log: IntArray


class Rules(NamedTuple):
    """What holds for a whole run.

    Attributes
    ----------
    slot_ticks, patience, setup, store_bits, level_bits, classes, wait_ticks : int
        Lengths in ticks; ``wait_ticks`` is the width of a bin of waiting times.
    proportional : bool
        A request of level k takes k times the bits of level 1 on every fibre.
    max_channels, ports : shape (F,)
        Channels and KM wavelengths that can be lit at most.
    group, priority : shape (R,)
    need : shape (K, F)
        Bits that one request of a level takes on a fibre.
    """

    slot_ticks: int
    patience: int
    setup: int
    store_bits: int
    level_bits: int
    classes: int
    wait_ticks: int
    proportional: bool
    max_channels: IntArray
    ports: IntArray
    group: IntArray
    priority: IntArray
    need: IntArray


class Moves(NamedTuple):
    """Requests that leave the path asked for, table by table.

    Attributes
    ----------
    first : shape (tables + 1,)
        First position in the others of each table.
    request, row : shape (moves,)
        Who is moved, and to which row of ``choice``.
    """

    first: IntArray
    request: IntArray
    row: IntArray


class Slots(NamedTuple):
    """What an interval of slots brings.

    Attributes
    ----------
    first : int
        Number of the first slot.
    levels : int16, shape (S, G)
    channels, wavelengths : shape (S, F)
        Reserved.
    channel_bits : shape (S, F) or (1, F)
        What one channel yields.
    order, offset : shape (S, R) or (0, R)
        Requests in order of arrival, and their ticks from the slot's start in that order; no
        rows where all arrive at the start.
    holding : shape (S, R) or (0, R)
        No rows where all are served for one slot.
    phase : shape (S + 1,)
        First phase of each slot. A phase starts at the slot's start, or where a fibre goes
        down or up, or where the control plane learns of it.
    tick, mask, table : shape (phases,)
        Start of each phase, row of ``down`` and table of ``moves`` that hold in it. Table 0
        moves nobody.
    down : shape (masks, F)
    moves : Moves
    choice : shape (rows, K)
        Path of a request at each level: a position in ``path``, ``NO_PATH`` or ``REFUSED``. The
        first R rows are what the policy asked for.
    path : shape (paths + 1,)
        First position in ``fibre`` of each path.
    fibre : shape (sum of the paths' lengths,)
    trusted : shape (paths,)
        Trusted relays on the path.
    asked_paths : int
        The first paths, those that the policy asked for.
    plain : bool
        The policy asked for a path for everybody.
    row_need, row_count : shape (K, F) or (0, F)
        With one group: bits and requests that a level puts on each fibre by table 0.
    row_exposed : shape (K,) or (0,)
        Bits that trusted relays see then.
    """

    first: int
    levels: npt.NDArray[np.int16]
    channels: IntArray
    wavelengths: IntArray
    channel_bits: IntArray
    order: IntArray
    offset: IntArray
    holding: IntArray
    phase: IntArray
    tick: IntArray
    mask: IntArray
    table: IntArray
    down: npt.NDArray[np.bool_]
    moves: Moves
    choice: IntArray
    path: IntArray
    fibre: IntArray
    trusted: IntArray
    asked_paths: int
    plain: bool
    row_need: IntArray
    row_count: IntArray
    row_exposed: IntArray


class Flows(NamedTuple):
    """What comes of the slots; everything starts at zero.

    Attributes
    ----------
    produced, consumed, expired, overflowed, stored : shape (2, S, F)
        Bits, by pool.
    channels, wavelengths : shape (S, F)
        Lit on demand; KM wavelengths in use.
    served, blocked, interrupted, waiting, holding, rerouted, exposed : shape (S,)
    waits : shape (S, bins)
        Requests first served in the slot, by bin of their waiting time; those that did not wait
        are in none.
    carried : shape (paths,)
        Key bits that went each path.
    whole : shape (K,)
        Slots that were served whole from ``row_need``, by level; not in ``carried``.
    """

    produced: IntArray
    consumed: IntArray
    expired: IntArray
    overflowed: IntArray
    stored: IntArray
    channels: IntArray
    wavelengths: IntArray
    served: IntArray
    blocked: IntArray
    interrupted: IntArray
    waiting: IntArray
    holding: IntArray
    rerouted: IntArray
    exposed: IntArray
    waits: IntArray
    carried: IntArray
    whole: IntArray


def _zeros(*shape: int) -> IntArray:
    return np.zeros(shape, dtype=np.int64)


def new_state(
    fibres: int, requests: int, lifetime_slots: int, capacity: int, log_rows: int
) -> State:
    """Empty pools and an empty queue."""
    return State(
        head=_zeros(2, fibres),
        tail=_zeros(2, fibres),
        tails=_zeros(2, lifetime_slots + 1, fibres),
        lit=_zeros(fibres),
        used=_zeros(fibres),
        ready=_zeros(fibres),
        size=_zeros(3),
        row=np.arange(requests, dtype=np.int64),
        request=_zeros(capacity),
        level=_zeros(capacity),
        arrival=_zeros(capacity),
        deadline=_zeros(capacity),
        left=_zeros(capacity),
        started=_zeros(capacity),
        status=_zeros(capacity),
        log=_zeros(log_rows, LOG_COLUMNS),
    )


def grown(state: State, capacity: int, log_rows: int) -> State:
    """Copy with more room in the queue and in the log."""
    queue = ("request", "level", "arrival", "deadline", "left", "started", "status")
    longer = {name: np.resize(getattr(state, name), capacity) for name in queue}
    log = state.log
    if log_rows > len(log):
        log = np.concatenate([log, _zeros(log_rows - len(log), LOG_COLUMNS)])
    return state._replace(log=log, **longer)


def new_flows(slots: int, fibres: int, paths: int, bins: int, levels: int) -> Flows:
    """Zeros for an interval."""
    pool = (2, slots, fibres)
    lit = (slots, fibres)
    return Flows(
        produced=_zeros(*pool),
        consumed=_zeros(*pool),
        expired=_zeros(*pool),
        overflowed=_zeros(*pool),
        stored=_zeros(*pool),
        channels=_zeros(*lit),
        wavelengths=_zeros(*lit),
        served=_zeros(slots),
        blocked=_zeros(slots),
        interrupted=_zeros(slots),
        waiting=_zeros(slots),
        holding=_zeros(slots),
        rerouted=_zeros(slots),
        exposed=_zeros(slots),
        waits=_zeros(slots, bins),
        carried=_zeros(paths),
        whole=_zeros(levels),
    )
