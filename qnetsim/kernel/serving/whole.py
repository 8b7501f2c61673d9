"""Serve slots whose requests all arrive together and all fit, without a queue.

Loaded plain and compiled, as a part of ``loop``.
"""

from __future__ import annotations

import numpy as np

from qnetsim.arrays import IntArray, LevelArray
from qnetsim.compiling import jit
from qnetsim.kernel.serving import fibre_books
from qnetsim.kernel.serving import state as at
from qnetsim.kernel.serving.state import Flows, Paths, Rules, Slots, State

#: What is compiled with it.
PARTS = (fibre_books,)


@jit
def serve_whole(
    state: State, rules: Rules, slots: Slots, out: Flows, row: int, end: int, closes: bool
) -> int:
    """Serve rows whose requests all arrive together and all fit; returns the first that is left.

    The totals of a fibre do not depend on the order in which its requests are served. Where all
    ask the same, nothing is kept in stores and no other row is given, a row is that of an earlier
    slot of its level.
    """
    fibres = state.fibres
    paths = slots.paths
    sums = slots.sums
    levels = slots.levels
    both = np.zeros((2, fibres.shape[0]), dtype=np.int64)
    need = both[0]
    count = both[1]
    books = np.empty((fibres.shape[0], at.BOOK_COLUMNS), dtype=np.int64)
    asked = np.zeros(slots.asked_paths, dtype=np.int64)
    alike = sums.need.shape[0] > 0
    standing = alike and closes and max(slots.channels.shape[0], slots.channel_bits.shape[0]) == 1
    empty = standing and all_empty(fibres)
    earlier = np.full(sums.need.shape[0], -1)
    while row < end and not state.size[at.QUEUED]:
        phase = slots.phase[row]
        if slots.phase[row + 1] - phase > 1 or slots.table[phase]:
            break
        level = int(levels[row, 0])
        if empty and earlier[level] >= 0:
            other = earlier[level]
            if slots.mask[slots.phase[other]] == slots.mask[phase]:
                repeat(fibres, state.tails, slots.first + row, out, other, row)
                out.whole[level] += 1
                row += 1
                continue
        if alike:
            for f in range(fibres.shape[0]):
                need[f] = sums.need[level, f]
                count[f] = sums.requests[level, f]
        else:
            ask_paths(levels[row], rules.group, paths.choice, asked)
            spread(asked, paths, rules.need[1], both)
        yields = min(row, slots.channel_bits.shape[0] - 1)
        fibre_books.light(fibres, slots, row)
        fibre_books.open_books(
            fibres, slots.channel_bits, yields, slots.down, slots.mask[phase], books
        )
        if not fits_whole(books, need, count):
            # whoever serves it request by request lights it anew
            fibres[:, at.TAIL : at.TAIL + 2] = fibres[:, at.FIRST_TAIL : at.FIRST_TAIL + 2]
            break
        for f in range(fibres.shape[0]):
            fibres[f, at.USED] = count[f]
            if need[f]:
                fibre_books.take(fibres, f, slots.channel_bits[yields, f], need[f], 0)
        out.counts[at.SERVED_COUNT, row] = rules.group.size
        if alike:
            out.counts[at.EXPOSED_BITS, row] = sums.exposed[level]
            out.whole[level] += 1
        else:
            for path in range(asked.size):
                key = asked[path] * rules.level_bits
                out.carried[path] += key
                out.counts[at.EXPOSED_BITS, row] += key * paths.trusted[path]
        if closes:
            slot = slots.first + row
            store = rules.store_bits
            fibre_books.close(
                fibres, state.tails, slot, store, out.bits, out.channels, out.wavelengths, row
            )
        if empty:
            earlier[level] = row
            empty = all_empty(fibres)
        row += 1
    return row


@jit
def all_empty(fibres: IntArray) -> bool:
    """Whether the pools hold nothing."""
    left = 0
    for f in range(fibres.shape[0]):
        for pool in range(2):
            left |= fibres[f, at.TAIL + pool] - fibres[f, at.HEAD + pool]
    return left == 0


@jit
def repeat(fibres: IntArray, tails: IntArray, slot: int, out: Flows, other: int, row: int) -> None:
    """Let a slot be like that of another row: its pools are empty ahead of it and behind it."""
    bits = out.bits
    newest = slot % tails.shape[1]
    for pool in range(2):
        for flow in range(bits.shape[0]):
            for f in range(fibres.shape[0]):
                bits[flow, pool, row, f] = bits[flow, pool, other, f]
        for f in range(fibres.shape[0]):
            end = fibres[f, at.TAIL + pool] + bits[at.PRODUCED, pool, other, f]
            fibres[f, at.TAIL + pool] = end
            fibres[f, at.HEAD + pool] = end
            tails[pool, newest, f] = end
    for f in range(fibres.shape[0]):
        out.channels[row, f] = out.channels[other, f]
        out.wavelengths[row, f] = out.wavelengths[other, f]
    out.counts[at.SERVED_COUNT, row] = out.counts[at.SERVED_COUNT, other]
    out.counts[at.EXPOSED_BITS, row] = out.counts[at.EXPOSED_BITS, other]


@jit
def ask_paths(levels: LevelArray, group: IntArray, choice: IntArray, asked: IntArray) -> None:
    """Add up what requests ask of the paths, levels in the upper half, counts in the lower."""
    asked[:] = 0
    for r in range(group.size):
        level = int(levels[group[r]])
        asked[choice[r, level]] += (level << 32) + 1


@jit
def spread(asked: IntArray, paths: Paths, amounts: IntArray, both: IntArray) -> None:
    """Spread what is asked of the paths over their fibres; ``asked`` becomes the sums of levels."""
    both[:] = 0
    for path in range(asked.size):
        levels = asked[path] >> 32
        many = asked[path] & 0xFFFFFFFF
        asked[path] = levels
        for k in range(paths.first[path], paths.first[path + 1]):
            f = paths.fibre[k]
            both[0, f] += levels * amounts[f]
            both[1, f] += many


@jit
def fits_whole(books: IntArray, need: IntArray, count: IntArray) -> bool:
    """Whether every fibre can give what all requests ask of it."""
    for f in range(need.size):
        if count[f] > books[f, at.FREE] or need[f] > books[f, at.ROOM]:
            return False
    return True
