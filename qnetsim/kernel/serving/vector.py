"""Serve slots in array steps of numpy wherever all requests fit; the loop serves the others."""

from __future__ import annotations

import numpy as np

from qnetsim.arrays import IntArray
from qnetsim.kernel.serving import loop
from qnetsim.kernel.serving.state import (
    CONSUMED,
    EXPIRED,
    EXPOSED_BITS,
    MAX_CHANNELS,
    ON_DEMAND,
    OVERFLOWED,
    PORTS,
    PRODUCED,
    QUEUED,
    RESERVATION,
    SERVED_COUNT,
    STORED,
    Flows,
    Rules,
    Slots,
    State,
)
from qnetsim.network import LoadTable


def serve_slots(
    state: State,
    rules: Rules,
    slots: Slots,
    out: Flows,
    begin: int,
    end: int,
    loads: LoadTable,
) -> int:
    """Do what ``loop.serve_slots`` does, with the same results.

    ``loads`` gives the bits and requests that levels put on the fibres by table 0.
    """
    simple = _simple(rules, slots, state)
    if simple.any():
        need, count = loads.loads(slots.levels[begin:end])
    keeps = bool(rules.store_bits) and state.tails.shape[1] > 1
    row = begin
    while row < end:
        if simple[row] and not state.size[QUEUED]:
            part = slice(row, end)
            if keeps:
                part = slice(row, row + 1)
            else:
                part = slice(row, row + _run(simple[row:end]))
            here = slice(part.start - begin, part.stop - begin)
            served = _serve_rows(state, rules, slots, out, part, need[here], count[here])
            row += served
            if row == part.stop:
                continue
        stopped = loop.serve_slots(state, rules, slots, out, row, row + 1, closes=True)
        if stopped == row:
            return row
        row += 1
    return end


def _simple(rules: Rules, slots: Slots, state: State) -> np.ndarray:
    """Rows with one phase, by table 0, whose requests all arrive at the start for one slot."""
    rows = slots.levels.shape[0]
    inside = slots.offset.shape[0] or slots.holding.shape[0] or rules.setup or state.log.size
    if not slots.plain or inside:
        return np.zeros(rows, dtype=bool)
    first = slots.phase[:-1]
    return np.asarray((np.diff(slots.phase) == 1) & (slots.table[first] == 0))


def _run(flags: np.ndarray) -> int:
    """Length of the leading stretch of true values."""
    stops = np.flatnonzero(~flags)
    return int(stops[0]) if stops.size else len(flags)


def _serve_rows(
    state: State,
    rules: Rules,
    slots: Slots,
    out: Flows,
    part: slice,
    need: IntArray,
    count: IntArray,
) -> int:
    """Serve rows up to the first whose requests do not all fit; returns how many.

    Pools are empty at the start and at the end of each row, or there is one row only. Taking
    bits in order drains the reservation pool, then the on-demand pool, then lights channels. So
    the totals of a fibre do not depend on the order of its requests.
    """
    bits = slots.channel_bits[part] if len(slots.channel_bits) > 1 else slots.channel_bits
    down = slots.down[slots.mask[slots.phase[part]]]
    channels = slots.channels[part] if len(slots.channels) > 1 else slots.channels
    lit = np.minimum(channels, state.fibres[:, MAX_CHANNELS])
    made = np.where(down, 0, lit * bits)
    stored = state.tail - state.head
    reserved = stored[0] + made
    spare = np.minimum(state.fibres[:, MAX_CHANNELS] - lit, 2**53 // np.maximum(bits, 1))
    room = reserved + stored[1] + spare * bits
    short = (count > 0) & (down | (need > room) | (count > state.fibres[:, PORTS]))
    crowded = np.flatnonzero(short.any(axis=1))
    rows = int(crowded[0]) if crowded.size else len(need)
    if rows == 0:
        return 0
    keep = slice(part.start, part.start + rows)
    need = need[:rows]
    count = count[:rows]
    made = made[:rows]
    reserved = reserved[:rows]
    first = np.minimum(need, reserved)
    rest = need - first
    per_channel = np.maximum(bits[:rows], 1)
    extra = -(-np.maximum(rest - stored[1], 0) // per_channel)
    fresh = extra * per_channel
    out.bits[PRODUCED, RESERVATION, keep] = made
    out.bits[PRODUCED, ON_DEMAND, keep] = fresh
    out.bits[CONSUMED, RESERVATION, keep] = first
    out.bits[CONSUMED, ON_DEMAND, keep] = rest
    out.channels[keep] = extra
    out.wavelengths[keep] = count
    _end_slots(state, rules, slots.first + part.start, out, keep)
    out.counts[SERVED_COUNT, keep] = rules.group.size
    _count_paths(rules, slots, out, keep)
    return rows


def _end_slots(state: State, rules: Rules, slot: int, out: Flows, rows: slice) -> None:
    """Move the offsets of the pools, then apply lifetime and cap."""
    made = out.bits[PRODUCED, :, rows]
    used = out.bits[CONSUMED, :, rows]
    kept = state.tails.shape[1]
    state.tail[:] += made.sum(axis=1)
    state.head[:] += used.sum(axis=1)
    if rules.store_bits == 0 or kept == 1:
        # nothing is kept: with a lifetime of zero it expires, else it exceeds the store
        left = made - used
        out.bits[EXPIRED if kept == 1 else OVERFLOWED, :, rows] = left
        # the tails of earlier slots lie before every head to come, so they need no care
        state.head[:] = state.tail
        return
    state.tails[:, slot % kept] = state.tail
    expired = np.maximum(state.tails[:, (slot + 1) % kept] - state.head, 0)
    over = np.maximum(state.tail - state.head - expired - rules.store_bits, 0)
    state.head[:] += expired + over
    out.bits[EXPIRED, :, rows.start] = expired
    out.bits[OVERFLOWED, :, rows.start] = over
    out.bits[STORED, :, rows.start] = state.tail - state.head


def _count_paths(rules: Rules, slots: Slots, out: Flows, rows: slice) -> None:
    """Key bits by path, and bits seen by trusted relays, of rows that were served whole."""
    levels = slots.levels[rows]
    choice = slots.paths.choice[: rules.group.size]
    size = slots.paths.first.size - 1
    for level in range(1, rules.need.shape[0]):
        asked = levels == level
        hits = asked.sum(axis=0)
        if not hits.any():
            continue
        key = level * rules.level_bits
        paths = choice[:, level]
        of_request = hits[rules.group]
        weighted = np.bincount(paths, weights=of_request, minlength=size)
        out.carried[:] += key * weighted.astype(np.int64)
        seen = np.bincount(
            rules.group, weights=slots.paths.trusted[paths], minlength=levels.shape[1]
        )
        out.counts[EXPOSED_BITS, rows] += key * (asked @ seen.astype(np.int64))
