"""The books of a slot and of its phases: what fibres can give, and what came of it.

Loaded plain and compiled, as a part of ``whole``, ``sessions`` and ``loop``.
"""

from __future__ import annotations

from qnetsim.arrays import BoolArray, IntArray
from qnetsim.compiling import inlined, jit
from qnetsim.kernel.serving import state as at
from qnetsim.kernel.serving.state import Slots


@jit
def light(fibres: IntArray, slots: Slots, row: int) -> None:
    """Open the books of a slot: light what is reserved, and let it produce where it is up."""
    reserved = min(row, slots.channels.shape[0] - 1)
    yields = min(row, slots.channel_bits.shape[0] - 1)
    mask = slots.mask[slots.phase[row]]
    for f in range(fibres.shape[0]):
        lit = min(slots.channels[reserved, f], fibres[f, at.MAX_CHANNELS])
        for pool in range(2):
            fibres[f, at.FIRST_HEAD + pool] = fibres[f, at.HEAD + pool]
            fibres[f, at.FIRST_TAIL + pool] = fibres[f, at.TAIL + pool]
        fibres[f, at.LIT] = lit
        fibres[f, at.RESERVED] = lit
        fibres[f, at.USED] = 0
        fibres[f, at.READY] = 0
        if not slots.down[mask, f]:
            fibres[f, at.TAIL + at.RESERVATION] += lit * slots.channel_bits[yields, f]


@jit
def close(
    fibres: IntArray,
    tails: IntArray,
    slot: int,
    store_bits: int,
    flows: IntArray,
    channels: IntArray,
    wavelengths: IntArray,
    row: int,
) -> None:
    """Close the books of a slot: apply lifetime and cap of the stores, and write what came."""
    kept = tails.shape[1]
    newest = slot % kept
    # the ring holds the tails of the last slots; the oldest is next to the newest
    oldest = (newest + 1) % kept
    for pool in range(2):
        for f in range(fibres.shape[0]):
            head = fibres[f, at.HEAD + pool]
            tail = fibres[f, at.TAIL + pool]
            tails[pool, newest, f] = tail
            expired = max(tails[pool, oldest, f] - head, 0)
            over = max(tail - head - expired - store_bits, 0)
            first = head + expired + over
            fibres[f, at.HEAD + pool] = first
            flows[at.PRODUCED, pool, row, f] = tail - fibres[f, at.FIRST_TAIL + pool]
            flows[at.CONSUMED, pool, row, f] = head - fibres[f, at.FIRST_HEAD + pool]
            flows[at.EXPIRED, pool, row, f] = expired
            flows[at.OVERFLOWED, pool, row, f] = over
            flows[at.STORED, pool, row, f] = tail - first
    for f in range(fibres.shape[0]):
        channels[row, f] = fibres[f, at.LIT] - fibres[f, at.RESERVED]
        wavelengths[row, f] = fibres[f, at.USED]


@jit
def open_books(
    fibres: IntArray, bits: IntArray, yields: int, down: BoolArray, mask: int, books: IntArray
) -> None:
    """Write down what every fibre can give in a phase, one number for each question."""
    for f in range(fibres.shape[0]):
        # the product might not fit into 64 bits where channels are unlimited
        dark = fibres[f, at.MAX_CHANNELS] - fibres[f, at.LIT]
        fits = float(dark) * bits[yields, f] < at.MOST_ROOM
        books[f, at.ROOM] = dark * bits[yields, f] if fits else at.MOST_ROOM
        for pool in range(2):
            books[f, at.LEFT + pool] = fibres[f, at.TAIL + pool] - fibres[f, at.HEAD + pool]
            books[f, at.ROOM] += books[f, at.LEFT + pool]
        books[f, at.FREE] = 0 if down[mask, f] else fibres[f, at.PORTS] - fibres[f, at.USED]


@jit
def close_books(fibres: IntArray, down: BoolArray, mask: int, books: IntArray) -> None:
    """Let the fibres follow what was taken in a phase."""
    for f in range(fibres.shape[0]):
        if not down[mask, f]:
            fibres[f, at.USED] = fibres[f, at.PORTS] - books[f, at.FREE]
            for pool in range(2):
                fibres[f, at.HEAD + pool] = fibres[f, at.TAIL + pool] - books[f, at.LEFT + pool]


@inlined
def take(fibres: IntArray, f: int, bits: int, need: int, ready: int) -> int:
    """Take bits out of a fibre's pools; returns how many came out of the on-demand pool.

    Channels are lit for a shortfall; they deliver at the tick ``ready``.
    """
    first = min(need, fibres[f, at.TAIL + at.RESERVATION] - fibres[f, at.HEAD + at.RESERVATION])
    rest = need - first
    short = rest - (fibres[f, at.TAIL + at.ON_DEMAND] - fibres[f, at.HEAD + at.ON_DEMAND])
    if short > 0:
        lit = -(-short // bits)
        fibres[f, at.LIT] += lit
        fibres[f, at.TAIL + at.ON_DEMAND] += lit * bits
        fibres[f, at.READY] = ready
    fibres[f, at.HEAD + at.RESERVATION] += first
    fibres[f, at.HEAD + at.ON_DEMAND] += rest
    return int(rest)
