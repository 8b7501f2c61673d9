"""Serve slots request by request: the exact order of the model, in plain loops over arrays.

A request takes its bits on every fibre of its path or none at all: reservation pool first, then
on-demand pool, then channels lit for the shortfall, whose bits enter the on-demand pool. This
module runs as it stands and compiled; ``qnetsim.compiling`` loads it either way.

A compiled call with a tuple of arrays costs more than serving a request, and one with plain arrays
half as much. So functions that take tuples serve many requests in a call and unpack them once; what
is done for each request stands in their loops, or is compiled into them where marked ``inlined``.
"""

from __future__ import annotations

import numpy as np

from qnetsim.arrays import BoolArray, IntArray, LevelArray
from qnetsim.compiling import inlined, jit
from qnetsim.kernel.serving import state as at
from qnetsim.kernel.serving.state import Desk, Flows, Moves, Part, Paths, Rules, Slots, State


@jit
def serve_slots(
    state: State, rules: Rules, slots: Slots, out: Flows, begin: int, end: int, closes: bool
) -> int:
    """Serve rows ``begin .. end − 1``; returns the first row that is left.

    It stops early where the queue or the log might not hold what a slot brings. Without
    ``closes`` the books of the only row stay open.
    """
    inside = slots.offset.shape[0] or slots.holding.shape[0] or rules.setup or state.log.size
    summed = slots.sums.need.shape[0] or rules.proportional
    together = slots.plain and summed and not inside
    row = begin
    while row < end:
        if together:
            row = serve_whole(state, rules, slots, out, row, end, closes)
            if row == end:
                break
        until = row + 1 if together else end
        row = walk(state, rules, slots, out, row, until, closes)
        if row < until:
            break
    return row


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
        light(fibres, slots, row)
        open_books(fibres, slots.channel_bits, yields, slots.down, slots.mask[phase], books)
        if not fits_whole(books, need, count):
            # whoever serves it request by request lights it anew
            fibres[:, at.TAIL : at.TAIL + 2] = fibres[:, at.FIRST_TAIL : at.FIRST_TAIL + 2]
            break
        for f in range(fibres.shape[0]):
            fibres[f, at.USED] = count[f]
            if need[f]:
                take(fibres, f, slots.channel_bits[yields, f], need[f], 0)
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
            close(fibres, state.tails, slot, store, out.bits, out.channels, out.wavelengths, row)
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


@jit
def walk(
    state: State, rules: Rules, slots: Slots, out: Flows, row: int, end: int, closes: bool
) -> int:
    """Serve rows request by request; returns the first that is left."""
    fibres = state.fibres
    queue = state.queue
    size = state.size
    books = np.empty((fibres.shape[0], at.BOOK_COLUMNS), dtype=np.int64)
    desk = Desk(
        books,
        queue,
        size,
        slots.paths.choice,
        slots.paths.first,
        slots.paths.fibre,
        slots.paths.trusted,
        slots.channel_bits,
        fibres,
        out.counts,
        out.waits,
        out.carried,
        state.log,
        state.notes,
    )
    while row < end and has_room(state, rules.group.size, slots.phase[row + 1] - slots.phase[row]):
        slot = slots.first + row
        start = slot * rules.slot_ticks
        ends = start + rules.slot_ticks
        yields = min(row, slots.channel_bits.shape[0] - 1)
        light(fibres, slots, row)
        ask_anew(queue, size[at.QUEUED], start + rules.patience)
        write_down(state, rules, slots, row, start)
        coming = rules.group.size
        for phase in range(slots.phase[row], slots.phase[row + 1]):
            begins = slots.tick[phase]
            until = ends if phase + 1 == slots.phase[row + 1] else slots.tick[phase + 1]
            if slots.table[phase] != size[at.FOLLOWED]:
                follow(state, slots.moves, slots.paths.choice, slots.table[phase], coming)
            while coming and queue[size[at.QUEUED], at.ARRIVAL] <= begins:
                size[at.QUEUED] += 1
                coming -= 1
            mask = slots.mask[phase]
            part = Part(row, slot, begins, until, ends, yields)
            open_books(fibres, slots.channel_bits, yields, slots.down, mask, books)
            coming = serve_part(desk, rules, part, coming)
            close_books(fibres, slots.down, mask, books)
            leave(queue, size, coming, out.counts, row, until)
        if closes:
            store = rules.store_bits
            close(fibres, state.tails, slot, store, out.bits, out.channels, out.wavelengths, row)
            count_left(queue, size[at.QUEUED], out.counts, row)
        row += 1
    return row


@jit
def serve_part(desk: Desk, rules: Rules, part: Part, coming: int) -> int:
    """Serve a phase of a slot; returns how many are still to come in the slot.

    Who is there at its start is tried in turns: sessions that go on first, then class by class.
    Who comes later is tried at once.
    """
    books = desk.books
    queue = desk.queue
    counts = desk.counts
    row = part.row
    fibres = desk.fibres
    hops = desk.fibre
    need = rules.need
    priority = rules.priority
    noting = desk.notes.size > 0
    queued = desk.size[at.QUEUED]
    turn = 0
    later = 0
    i = -1
    while True:
        if turn <= rules.classes:
            i += 1
            if i == queued:
                turn = turn + 1 if later else rules.classes + 1
                i = -1
                continue
            if queue[i, at.STATUS] != at.ASKING:
                continue
            if turn != (0 if queue[i, at.STARTED] else 1 + int(priority[queue[i, at.REQUEST]])):
                later += turn == 0
                continue
            later -= turn > 0
            now = part.begins
        elif coming and queue[queued, at.ARRIVAL] < part.until:
            i = queued
            now = queue[i, at.ARRIVAL]
            queued += 1
            coming -= 1
        else:
            break
        level = queue[i, at.LEVEL]
        path = queue[i, at.PATH]
        if path == at.REFUSED:
            give_up(queue, i, counts, row)
        if path < 0:
            if noting:
                note(desk, i, now, path, -1, at.SENT_NOWHERE)
            continue
        first = desk.first[path]
        last = desk.first[path + 1]
        ready = now + rules.setup
        fits = True
        for k in range(first, last):
            f = hops[k]
            room = books[f, at.ROOM]
            if ready > part.ends:
                room = books[f, at.LEFT + at.RESERVATION] + books[f, at.LEFT + at.ON_DEMAND]
            if books[f, at.FREE] <= 0 or room < need[level, f]:
                fits = False
                break
        if not fits:
            if noting:
                note(desk, i, now, path, f, at.CLOSED if books[f, at.FREE] <= 0 else at.SHORT)
            continue
        if desk.log.size:
            write_log(desk, need, part.slot, i)
        delivered = now
        for k in range(first, last):
            f = hops[k]
            asked = need[level, f]
            rest = max(asked - books[f, at.LEFT + at.RESERVATION], 0)
            books[f, at.FREE] -= 1
            books[f, at.ROOM] -= asked
            books[f, at.LEFT + at.RESERVATION] -= asked - rest
            books[f, at.LEFT + at.ON_DEMAND] -= rest
            if books[f, at.LEFT + at.ON_DEMAND] < 0:
                each = desk.channel_bits[part.yields, f]
                # of positive numbers, which are divided faster
                lit = (each - 1 - books[f, at.LEFT + at.ON_DEMAND]) // each
                books[f, at.LEFT + at.ON_DEMAND] += lit * each
                fibres[f, at.LIT] += lit
                fibres[f, at.TAIL + at.ON_DEMAND] += lit * each
                fibres[f, at.READY] = ready
            if rest:
                delivered = max(delivered, fibres[f, at.READY])
        if noting:
            note(desk, i, now, path, -1, delivered)
        key = level * rules.level_bits
        desk.carried[path] += key
        counts[at.EXPOSED_BITS, row] += key * desk.trusted[path]
        if desk.size[at.FOLLOWED]:
            counts[at.REROUTED_COUNT, row] += path != desk.choice[queue[i, at.REQUEST], level]
        if not queue[i, at.STARTED]:
            queue[i, at.STARTED] = 1
            counts[at.SERVED_COUNT, row] += 1
            wait = delivered - queue[i, at.ARRIVAL]
            if wait > 0:
                desk.waits[row, min((wait - 1) // rules.wait_ticks, desk.waits.shape[1] - 1)] += 1
        queue[i, at.LEFT_SLOTS] -= 1
        queue[i, at.STATUS] = at.SERVED if queue[i, at.LEFT_SLOTS] else at.GONE
    desk.size[at.QUEUED] = queued
    return coming


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
def has_room(state: State, requests: int, phases: int) -> bool:
    """Whether queue, log and notes can hold what a slot may bring."""
    asking = state.size[at.QUEUED] + requests
    logged = state.size[at.LOGGED] + asking * state.fibres.shape[0]
    noted = state.size[at.NOTED] + asking * phases
    fits = asking <= state.queue.shape[0] and (not state.log.size or logged <= state.log.shape[0])
    return bool(fits and (not state.notes.size or noted <= state.notes.shape[0]))


@jit
def ask_anew(queue: IntArray, queued: int, deadline: int) -> None:
    """Let sessions ask for the next slot, with a patience of their own."""
    for i in range(queued):
        if queue[i, at.STATUS] == at.SERVED:
            queue[i, at.STATUS] = at.ASKING
            queue[i, at.DEADLINE] = deadline


@jit
def follow(state: State, moves: Moves, choice: IntArray, table: int, coming: int) -> None:
    """Let requests go by another table of moves, those in the queue and those to come."""
    rows = state.row
    queue = state.queue
    last = state.size[at.FOLLOWED]
    for i in range(moves.first[last], moves.first[last + 1]):
        rows[moves.request[i]] = moves.request[i]
    for i in range(moves.first[table], moves.first[table + 1]):
        rows[moves.request[i]] = moves.row[i]
    for i in range(state.size[at.QUEUED] + coming):
        queue[i, at.PATH] = choice[rows[queue[i, at.REQUEST]], queue[i, at.LEVEL]]
    state.size[at.FOLLOWED] = table


@jit
def write_down(state: State, rules: Rules, slots: Slots, row: int, start: int) -> None:
    """Write who comes in a slot behind those who are in the queue, in order of arrival."""
    queue = state.queue
    offset = slots.offset
    holding = slots.holding
    group = rules.group
    choice = slots.paths.choice
    for place in range(group.size):
        i = state.size[at.QUEUED] + place
        request = place
        tick = start
        if offset.shape[0]:
            request = slots.order[row, place]
            tick = start + offset[row, place]
        level = int(slots.levels[row, group[request]])
        queue[i, at.REQUEST] = request
        queue[i, at.LEVEL] = level
        queue[i, at.ARRIVAL] = tick
        queue[i, at.DEADLINE] = tick + rules.patience
        queue[i, at.LEFT_SLOTS] = holding[row, request] if holding.shape[0] else 1
        queue[i, at.STARTED] = 0
        queue[i, at.STATUS] = at.ASKING
        queue[i, at.PATH] = choice[state.row[request], level]


@jit
def write_log(desk: Desk, need: IntArray, slot: int, i: int) -> None:
    """Write down which bits a delivery is going to take on every fibre, and whose they are."""
    log = desk.log
    books = desk.books
    level = desk.queue[i, at.LEVEL]
    path = desk.queue[i, at.PATH]
    line = desk.size[at.LOGGED]
    for k in range(desk.first[path], desk.first[path + 1]):
        f = desk.fibre[k]
        reserved = books[f, at.LEFT + at.RESERVATION]
        bought = books[f, at.LEFT + at.ON_DEMAND]
        log[line, at.LOG_SLOT] = slot
        log[line, at.LOG_REQUEST] = desk.queue[i, at.REQUEST]
        log[line, at.LOG_LEVEL] = level
        log[line, at.LOG_PATH] = path
        log[line, at.LOG_FIBRE] = f
        log[line, at.LOG_RESERVATION_OFFSET] = desk.fibres[f, at.TAIL + at.RESERVATION] - reserved
        log[line, at.LOG_RESERVATION_BITS] = min(need[level, f], reserved)
        log[line, at.LOG_ON_DEMAND_OFFSET] = desk.fibres[f, at.TAIL + at.ON_DEMAND] - bought
        log[line, at.LOG_ON_DEMAND_BITS] = max(need[level, f] - reserved, 0)
        line += 1
    desk.size[at.LOGGED] = line


@jit
def note(desk: Desk, i: int, now: int, path: int, fibre: int, outcome: int) -> None:
    """Write down what came of a try: the tick of delivery, or why there is none."""
    notes = desk.notes
    line = desk.size[at.NOTED]
    for column in range(at.STARTED):
        notes[line, column] = desk.queue[i, column]
    notes[line, at.NOTE_TICK] = now
    notes[line, at.NOTE_PATH] = path
    notes[line, at.NOTE_FIBRE] = fibre
    notes[line, at.NOTE_OUTCOME] = outcome
    desk.size[at.NOTED] = line + 1


@jit
def give_up(queue: IntArray, i: int, counts: IntArray, row: int) -> None:
    """Let an entry go unserved; a session that had begun is interrupted."""
    counts[at.INTERRUPTED_COUNT if queue[i, at.STARTED] else at.BLOCKED_COUNT, row] += 1
    queue[i, at.STATUS] = at.GONE


@inlined
def move(queue: IntArray, i: int, to: int) -> None:
    """Copy an entry, all columns at once."""
    request, level, arrival, deadline = queue[i, 0], queue[i, 1], queue[i, 2], queue[i, 3]
    left, started, status, path = queue[i, 4], queue[i, 5], queue[i, 6], queue[i, 7]
    queue[to, 0] = request
    queue[to, 1] = level
    queue[to, 2] = arrival
    queue[to, 3] = deadline
    queue[to, 4] = left
    queue[to, 5] = started
    queue[to, 6] = status
    queue[to, 7] = path


@jit
def leave(
    queue: IntArray, size: IntArray, coming: int, counts: IntArray, row: int, until: int
) -> None:
    """Send away whose patience ends, and close the ranks of the queue and of who is to come.

    Patience runs out ahead of everything else at its tick, so nobody is tried again then.
    """
    queued = size[at.QUEUED]
    for i in range(queued):
        if queue[i, at.STATUS] == at.ASKING and queue[i, at.DEADLINE] <= until:
            give_up(queue, i, counts, row)
    kept = 0
    for i in range(queued + coming):
        move(queue, i, kept)
        kept += queue[kept, at.STATUS] != at.GONE
    size[at.QUEUED] = kept - coming


@jit
def count_left(queue: IntArray, queued: int, counts: IntArray, row: int) -> None:
    """Count who is left at the end of a slot: sessions that go on, and who still waits."""
    for i in range(queued):
        counts[at.HOLDING_COUNT if queue[i, at.STARTED] else at.WAITING_COUNT, row] += 1
