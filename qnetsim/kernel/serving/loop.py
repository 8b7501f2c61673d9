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

from qnetsim.arrays import IntArray
from qnetsim.compiling import in_place_of, inlined, jit
from qnetsim.kernel.serving import fibre_books, sessions, whole
from qnetsim.kernel.serving import state as at
from qnetsim.kernel.serving.state import Desk, Flows, Moves, Part, Rules, Slots, State

#: What is compiled with it.
PARTS = (fibre_books, sessions, whole)


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
            row = whole.serve_whole(state, rules, slots, out, row, end, closes)
            if row == end:
                break
        until = row + 1 if together else end
        row = walk(state, rules, slots, out, row, until, closes)
        if row < until:
            break
    return row


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
        fibre_books.light(fibres, slots, row)
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
            fibre_books.open_books(fibres, slots.channel_bits, yields, slots.down, mask, books)
            coming = serve_part(desk, rules, part, coming)
            fibre_books.close_books(fibres, slots.down, mask, books)
            leave(queue, size, coming, out.counts, row, until)
        if closes:
            store = rules.store_bits
            fibre_books.close(
                fibres, state.tails, slot, store, out.bits, out.channels, out.wavelengths, row
            )
            count_left(queue, size[at.QUEUED], out.counts, row)
        row += 1
    return row


@inlined
def serve_part(desk: Desk, rules: Rules, part: Part, coming: int) -> int:
    """Serve a phase of a slot; returns how many are still to come in the slot.

    Who is there at its start is tried in turns: sessions that go on first, in one step where all
    fit, then class by class. Who comes later is tried at once.
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
    size = desk.size
    queued = size[at.QUEUED]
    turn = 0
    later = 0
    ready = part.begins + rules.setup
    if size[at.PAUSE_LEFT]:
        size[at.PAUSE_LEFT] -= 1
    # notes and log are in order of service, and what is lit late serves nobody in the slot
    elif not noting and not desk.log.size and ready <= part.ends:
        if sessions.all_fit(queue, queued, desk.first, hops, need, books):
            sessions.give(fibres, books, desk.channel_bits, part.yields, ready)
            if size[at.FOLLOWED]:
                sessions.count_rerouted(queue, queued, desk.choice, counts, row)
            later = sessions.write_served(
                queue, queued, desk.carried, desk.trusted, counts, row, rules.level_bits
            )
            turn = 1 if later else rules.classes + 1
            size[at.PAUSE] //= 2
        else:
            size[at.PAUSE] = min(2 * size[at.PAUSE] + 1, sessions.MOST_PAUSE)
            size[at.PAUSE_LEFT] = size[at.PAUSE]
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


def close_ranks_by_arrays(queue: IntArray, entries: int) -> int:
    """Do what :func:`close_ranks` does, where nothing is compiled."""
    staying = queue[:entries]
    staying = staying[staying[:, at.STATUS] != at.GONE]
    queue[: len(staying)] = staying
    return len(staying)


@in_place_of(close_ranks_by_arrays)
def close_ranks(queue: IntArray, entries: int) -> int:
    """Let the first entries of the queue move up to where others have left; returns who is left.

    Without a branch, which nothing could foretell.
    """
    kept = 0
    for i in range(entries):
        request, level, arrival, deadline = queue[i, 0], queue[i, 1], queue[i, 2], queue[i, 3]
        left, started, status, path = queue[i, 4], queue[i, 5], queue[i, 6], queue[i, 7]
        queue[kept, 0] = request
        queue[kept, 1] = level
        queue[kept, 2] = arrival
        queue[kept, 3] = deadline
        queue[kept, 4] = left
        queue[kept, 5] = started
        queue[kept, 6] = status
        queue[kept, 7] = path
        kept += status != at.GONE
    return kept


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
    size[at.QUEUED] = close_ranks(queue, queued + coming) - coming


@jit
def count_left(queue: IntArray, queued: int, counts: IntArray, row: int) -> None:
    """Count who is left at the end of a slot: sessions that go on, and who still waits."""
    for i in range(queued):
        counts[at.HOLDING_COUNT if queue[i, at.STARTED] else at.WAITING_COUNT, row] += 1
