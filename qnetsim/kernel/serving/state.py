"""The arrays that the serving loop works on: what stays, what is given, what comes out.

They are named tuples of arrays, so that the same code runs compiled and as it stands. All
integers are int64; F fibres, R requests, K levels, G groups, S slots of the interval.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from qnetsim.arrays import IntArray, PlaceArray

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
#: Flows of a pool, in the order of ``vocabulary.FLOWS``.
PRODUCED = 0
CONSUMED = 1
EXPIRED = 2
OVERFLOWED = 3
STORED = 4
#: Columns of ``State.fibres``. Those of pools are two each, reservation first.
HEAD = 0
TAIL = 2
FIRST_HEAD = 4
FIRST_TAIL = 6
LIT = 8
USED = 9
READY = 10
RESERVED = 11
MAX_CHANNELS = 12
PORTS = 13
FIBRE_COLUMNS = 14
#: Columns of the books of a phase: bits ``LEFT`` in the two pools, reservation first; bits that
#: there are if all channels are lit; wavelengths that are free, none where the fibre is down; what
#: all sessions that go on ask of it: bits, and how many of them ask.
LEFT = 0
ROOM = 2
FREE = 3
ASKED_BITS = 4
ASKING_SESSIONS = 5
BOOK_COLUMNS = 6
#: Most bits that all channels of a fibre count for: more than any number of requests asks for.
MOST_ROOM = 2**61
#: Columns of ``State.queue``.
REQUEST = 0
LEVEL = 1
ARRIVAL = 2
DEADLINE = 3
LEFT_SLOTS = 4
STARTED = 5
STATUS = 6
PATH = 7
QUEUE_COLUMNS = 8
#: Places in ``State.size``: entries of the queue, rows of the log, table that ``row`` follows, rows
#: of the notes; phases that are left of a pause of ``sessions``, and the length of that pause.
QUEUED = 0
LOGGED = 1
FOLLOWED = 2
NOTED = 3
PAUSE_LEFT = 4
PAUSE = 5
SIZES = 6
#: What is counted in a slot, in the order of ``Flows.counts``.
COUNTS = ("served", "blocked", "interrupted", "waiting", "holding", "rerouted", "exposed")
SERVED_COUNT = 0
BLOCKED_COUNT = 1
INTERRUPTED_COUNT = 2
WAITING_COUNT = 3
HOLDING_COUNT = 4
REROUTED_COUNT = 5
EXPOSED_BITS = 6
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
#: Columns of ``State.notes``; those of ``State.queue`` up to ``LEFT_SLOTS`` stand ahead of them.
NOTE_TICK = 5
NOTE_PATH = 6
NOTE_FIBRE = 7
NOTE_OUTCOME = 8
NOTE_COLUMNS = 9
#: Why a try came to nothing: the fibre has too few bits, it is down or has no wavelength, or there
#: was no path to try.
SHORT = -1
CLOSED = -2
SENT_NOWHERE = -3


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
    fibres : shape (F, FIBRE_COLUMNS)
        One row a fibre, so that what a request touches lies side by side. ``HEAD`` and ``TAIL``
        of both pools, and ``FIRST_HEAD`` and ``FIRST_TAIL``, which are theirs at the start of the
        slot; in this slot: channels ``LIT``, KM wavelengths ``USED``, ``READY``, the tick at which
        the channels that were lit last on demand deliver, and channels ``RESERVED`` that were lit
        at its start; of the run: ``MAX_CHANNELS`` and ``PORTS`` that can be lit at most.
    tails : shape (2, lifetime + 1, F)
    size : shape (SIZES,)
        At ``QUEUED``, ``LOGGED``, ``FOLLOWED``, ``NOTED``, ``PAUSE_LEFT`` and ``PAUSE``.
    row : shape (R,)
        Row of ``choice`` that each request goes by.
    queue : shape (capacity, QUEUE_COLUMNS)
        In order of arrival. ``REQUEST``, ``LEVEL``, ticks ``ARRIVAL`` and ``DEADLINE``, slots
        ``LEFT_SLOTS`` to be served, whether it has ``STARTED``, ``STATUS``, and the ``PATH`` by the
        row of ``choice`` that its request goes by.
    log : shape (rows, LOG_COLUMNS)
        One row for each fibre of each delivery, where keys are carried as real bytes; the columns
        are ``LOG_SLOT`` to ``LOG_ON_DEMAND_BITS``. No rows: nothing is logged.
    notes : shape (rows, NOTE_COLUMNS)
        One row for each try of an entry, where requests are followed one by one: the entry as it
        was, ``NOTE_TICK``, ``NOTE_PATH``, the fibre where it failed, and the tick of delivery or
        why there was none. No rows: nothing is noted. Slots that are served whole leave no notes.
    """

    fibres: IntArray
    tails: IntArray
    size: IntArray
    row: IntArray
    queue: IntArray
    log: IntArray
    notes: IntArray

    @property
    def head(self) -> IntArray:
        """First bit of each pool, shape (2, F): a view."""
        return self.fibres[:, HEAD : HEAD + 2].T

    @property
    def tail(self) -> IntArray:
        """End of each pool, shape (2, F): a view."""
        return self.fibres[:, TAIL : TAIL + 2].T


class Rules(NamedTuple):
    """What holds for a whole run.

    Attributes
    ----------
    slot_ticks, patience, setup, store_bits, level_bits, classes, wait_ticks : int
        Lengths in ticks; ``wait_ticks`` is the width of a bin of waiting times.
    proportional : bool
        A request of level k takes k times the bits of level 1 on every fibre.
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


class Paths(NamedTuple):
    """The paths that requests can take.

    Attributes
    ----------
    choice : shape (rows, K)
        Path of a request at each level: a position in ``first``, ``NO_PATH`` or ``REFUSED``. The
        first R rows are what the policy asked for.
    first : shape (paths + 1,)
        First position in ``fibre`` of each path.
    fibre : uint64, shape (sum of the paths' lengths,)
        Unsigned, because compiled code asks of other numbers whether they count from the end.
    trusted : shape (paths,)
        Trusted relays on the path.
    """

    choice: IntArray
    first: IntArray
    fibre: PlaceArray
    trusted: IntArray


class Sums(NamedTuple):
    """What all requests of one group ask by table 0, at each level; no rows with more groups.

    Attributes
    ----------
    need, requests : shape (K, F) or (0, F)
        Bits and requests on each fibre.
    exposed : shape (K,) or (0,)
        Bits that trusted relays see.
    """

    need: IntArray
    requests: IntArray
    exposed: IntArray


class Slots(NamedTuple):
    """What an interval of slots brings.

    Attributes
    ----------
    first : int
        Number of the first slot.
    levels : int16, shape (S, G)
    channels : shape (S, F) or (1, F)
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
    paths : Paths
    sums : Sums
    asked_paths : int
        The first paths, those that the policy asked for.
    plain : bool
        The policy asked for a path for everybody.
    """

    first: int
    levels: npt.NDArray[np.int16]
    channels: IntArray
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
    paths: Paths
    sums: Sums
    asked_paths: int
    plain: bool


class Part(NamedTuple):
    """A phase of a slot, as it is served request by request.

    Attributes
    ----------
    row, slot : int
        Of the interval, and of the run.
    begins, until, ends : int
        Ticks at which the phase begins and is over, and at which the slot ends.
    yields : int
        Row of ``Slots.channel_bits``.
    """

    row: int
    slot: int
    begins: int
    until: int
    ends: int
    yields: int


class Desk(NamedTuple):
    """What requests are served by, one by one: arrays of the other tables, and the books.

    Compiled code counts the holders of every array that is handed on, wanted or not.
    """

    books: IntArray
    queue: IntArray
    size: IntArray
    choice: IntArray
    first: IntArray
    fibre: PlaceArray
    trusted: IntArray
    channel_bits: IntArray
    fibres: IntArray
    counts: IntArray
    waits: IntArray
    carried: IntArray
    log: IntArray
    notes: IntArray


class Flows(NamedTuple):
    """What comes of the slots.

    ``counts``, ``waits``, ``carried`` and ``whole`` start at zero; the loop writes all others.

    Attributes
    ----------
    bits : shape (5, 2, S, F)
        By flow, in the order of ``vocabulary.FLOWS``, and by pool.
    channels, wavelengths : shape (S, F)
        Lit on demand; KM wavelengths in use.
    counts : shape (7, S)
        In the order of ``COUNTS``.
    waits : shape (S, bins)
        Requests first served in the slot, by bin of their waiting time; those that did not wait
        are in none.
    carried : shape (paths,)
        Key bits that went each path.
    whole : shape (K,)
        Slots that were served whole from ``Slots.sums``, by level; not in ``carried``.
    """

    bits: IntArray
    channels: IntArray
    wavelengths: IntArray
    counts: IntArray
    waits: IntArray
    carried: IntArray
    whole: IntArray
