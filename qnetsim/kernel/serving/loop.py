"""Serve slots request by request: the exact order of the model, in plain loops over arrays.

A request takes its bits on every fibre of its path or none at all: reservation pool first, then
on-demand pool, then channels lit for the shortfall, whose bits enter the on-demand pool. This
module runs as it stands and compiled; ``qnetsim.kernel.serving.jit`` loads it either way.
"""

from __future__ import annotations

import numpy as np

from qnetsim.kernel.serving.jit import jit
from qnetsim.kernel.serving.state import (
    ASKING,
    FOLLOWED,
    GONE,
    LOG_FIBRE,
    LOG_LEVEL,
    LOG_ON_DEMAND_BITS,
    LOG_ON_DEMAND_OFFSET,
    LOG_PATH,
    LOG_REQUEST,
    LOG_RESERVATION_BITS,
    LOG_RESERVATION_OFFSET,
    LOG_SLOT,
    LOGGED,
    NO_PATH,
    ON_DEMAND,
    QUEUED,
    REFUSED,
    RESERVATION,
    SERVED,
    Flows,
    Rules,
    Slots,
    State,
)


@jit
def serve_slots(state: State, rules: Rules, slots: Slots, out: Flows, begin: int, end: int) -> int:
    """Serve rows ``begin .. end − 1``; returns the first row that is left.

    It stops early where the queue or the log might not hold what a slot brings.
    """
    for row in range(begin, end):
        if not serve_slot(state, rules, slots, out, row):
            return row
        end_slot(state, rules, slots, out, row)
    return end


@jit
def serve_slot(state: State, rules: Rules, slots: Slots, out: Flows, row: int) -> bool:
    """Serve one row up to its end; returns whether there was room for what it brings."""
    asking = int(state.size[QUEUED]) + rules.group.size
    if asking > state.request.size:
        return False
    if state.log.size and state.size[LOGGED] + asking * rules.ports.size > state.log.shape[0]:
        return False
    start_slot(state, rules, slots, out, row)
    if not serve_at_once(state, rules, slots, out, row):
        serve_phases(state, rules, slots, out, row)
    return True


@jit
def start_slot(state: State, rules: Rules, slots: Slots, out: Flows, row: int) -> None:
    """Light what is reserved, and let it produce where the fibre is up."""
    down = slots.down[slots.mask[slots.phase[row]]]
    bits = slots.channel_bits[min(row, slots.channel_bits.shape[0] - 1)]
    for f in range(rules.ports.size):
        lit = min(slots.channels[row, f], rules.max_channels[f])
        made = 0 if down[f] else lit * bits[f]
        state.lit[f] = lit
        state.used[f] = 0
        state.ready[f] = 0
        state.tail[RESERVATION, f] += made
        out.produced[RESERVATION, row, f] = made
    # sessions ask anew in every slot, with a patience of their own
    start = (slots.first + row) * rules.slot_ticks
    for i in range(state.size[QUEUED]):
        if state.status[i] == SERVED:
            state.status[i] = ASKING
            state.deadline[i] = start + rules.patience


@jit
def room(state: State, rules: Rules, bits: int, f: int) -> int:
    """Bits that a fibre can give: its pools and all channels that may still be lit."""
    pooled = state.tail[0, f] - state.head[0, f] + state.tail[1, f] - state.head[1, f]
    if bits == 0:
        return int(pooled)
    # more channels than a slot's bits can ask for need not be counted
    spare = min(rules.max_channels[f] - state.lit[f], 2**53 // bits)
    return int(pooled + spare * bits)


@jit
def take(state: State, out: Flows, row: int, f: int, bits: int, need: int) -> int:
    """Take bits out of a fibre's pools, lighting channels for a shortfall; returns how many."""
    first = min(need, state.tail[RESERVATION, f] - state.head[RESERVATION, f])
    rest = need - first
    short = rest - (state.tail[ON_DEMAND, f] - state.head[ON_DEMAND, f])
    lit = 0
    if short > 0:
        lit = -(-short // bits)
        state.lit[f] += lit
        state.tail[ON_DEMAND, f] += lit * bits
        out.produced[ON_DEMAND, row, f] += lit * bits
        out.channels[row, f] += lit
    state.head[RESERVATION, f] += first
    state.head[ON_DEMAND, f] += rest
    out.consumed[RESERVATION, row, f] += first
    out.consumed[ON_DEMAND, row, f] += rest
    return int(lit)


@jit
def serve_at_once(state: State, rules: Rules, slots: Slots, out: Flows, row: int) -> bool:
    """Serve a slot whose requests all arrive together and all fit; returns whether they do.

    The totals of a fibre do not depend on the order in which its requests are served.
    """
    fibres = rules.ports.size
    requests = rules.group.size
    if not slots.plain or state.size[QUEUED] or slots.phase[row + 1] - slots.phase[row] > 1:
        return False
    phase = slots.phase[row]
    if slots.offset.shape[0] or slots.holding.shape[0] or rules.setup or state.log.size:
        return False
    if slots.table[phase]:
        return False
    need = out.consumed[RESERVATION, row]  # still zero, as is the count
    count = out.wavelengths[row]
    ask(rules, slots, out, row, 1)
    down = slots.down[slots.mask[phase]]
    bits = slots.channel_bits[min(row, slots.channel_bits.shape[0] - 1)]
    for f in range(fibres):
        if count[f] and (
            down[f] or count[f] > rules.ports[f] or need[f] > room(state, rules, bits[f], f)
        ):
            ask(rules, slots, out, row, -1)
            return False
    for f in range(fibres):
        asked = need[f]
        need[f] = 0
        state.used[f] = count[f]
        if asked:
            take(state, out, row, f, bits[f], asked)
    out.served[row] = requests
    return True


@jit
def ask(rules: Rules, slots: Slots, out: Flows, row: int, sign: int) -> None:
    """Add up what all requests of a slot ask of the fibres by table 0, or take it off again."""
    need = out.consumed[RESERVATION, row]
    count = out.wavelengths[row]
    requests = rules.group.size
    paths = slots.asked_paths
    if slots.row_need.shape[0]:
        level = int(slots.levels[row, 0])
        for f in range(count.size):
            need[f] += sign * slots.row_need[level, f]
            count[f] += sign * slots.row_count[level, f]
        out.exposed[row] += sign * slots.row_exposed[level]
        out.whole[level] += sign
    elif rules.proportional and paths <= requests:
        # levels in the upper half, requests in the lower: one addition for both
        asked = np.zeros(paths, dtype=np.int64)
        for r in range(requests):
            level = int(slots.levels[row, rules.group[r]])
            asked[slots.choice[r, level]] += (level << 32) + 1
        for path in range(paths):
            levels = sign * (asked[path] >> 32)
            many = sign * (asked[path] & 0xFFFFFFFF)
            for at in range(slots.path[path], slots.path[path + 1]):
                f = slots.fibre[at]
                need[f] += levels * rules.need[1, f]
                count[f] += many
            carry(rules, slots, out, row, path, levels)
    else:
        for r in range(requests):
            level = int(slots.levels[row, rules.group[r]])
            path = slots.choice[r, level]
            for at in range(slots.path[path], slots.path[path + 1]):
                f = slots.fibre[at]
                need[f] += sign * rules.need[level, f]
                count[f] += sign
            carry(rules, slots, out, row, path, sign * level)


@jit
def carry(rules: Rules, slots: Slots, out: Flows, row: int, path: int, levels: int) -> None:
    """Note keys of that many levels that went a path, and what its trusted relays saw."""
    key = levels * rules.level_bits
    out.carried[path] += key
    out.exposed[row] += key * slots.trusted[path]


@jit
def serve_phases(state: State, rules: Rules, slots: Slots, out: Flows, row: int) -> None:
    """Serve a slot from phase to phase: who waits first, then who arrives, each in its turn."""
    start = (slots.first + row) * rules.slot_ticks
    requests = rules.group.size
    arrived = 0
    inside = slots.offset.shape[0] > 0
    for phase in range(slots.phase[row], slots.phase[row + 1]):
        now = slots.tick[phase]
        last = phase + 1 == slots.phase[row + 1]
        until = start + rules.slot_ticks if last else slots.tick[phase + 1]
        follow(state, slots, slots.table[phase])
        while arrived < requests and (not inside or start + slots.offset[row, arrived] <= now):
            arrive(state, rules, slots, row, arrived, start)
            arrived += 1
        # sessions go on first, then class by class in order of arrival
        for turn in range(rules.classes + 1):
            for i in range(state.size[QUEUED]):
                if state.status[i] != ASKING:
                    continue
                if state.started[i]:
                    mine = turn == 0
                else:
                    mine = turn == 1 + rules.priority[state.request[i]]
                if mine:
                    attempt(state, rules, slots, out, row, phase, now, i)
        while arrived < requests and start + slots.offset[row, arrived] < until:
            arrive(state, rules, slots, row, arrived, start)
            newest = state.size[QUEUED] - 1
            attempt(state, rules, slots, out, row, phase, state.arrival[newest], newest)
            arrived += 1
        leave(state, out, row, until)


@jit
def follow(state: State, slots: Slots, table: int) -> None:
    """Let requests go by a table, if they do not yet."""
    moves = slots.moves
    last = state.size[FOLLOWED]
    if table == last:
        return
    for i in range(moves.first[last], moves.first[last + 1]):
        state.row[moves.request[i]] = moves.request[i]
    for i in range(moves.first[table], moves.first[table + 1]):
        state.row[moves.request[i]] = moves.row[i]
    state.size[FOLLOWED] = table


@jit
def arrive(state: State, rules: Rules, slots: Slots, row: int, place: int, start: int) -> None:
    """Put the next arriving request at the end of the queue."""
    i = state.size[QUEUED]
    state.size[QUEUED] += 1
    request = place
    tick = start
    if slots.offset.shape[0]:
        request = slots.order[row, place]
        tick = start + slots.offset[row, place]
    state.request[i] = request
    state.level[i] = int(slots.levels[row, rules.group[request]])
    state.arrival[i] = tick
    state.deadline[i] = tick + rules.patience
    state.left[i] = slots.holding[row, request] if slots.holding.shape[0] else 1
    state.started[i] = 0
    state.status[i] = ASKING


@jit
def attempt(
    state: State, rules: Rules, slots: Slots, out: Flows, row: int, phase: int, now: int, i: int
) -> None:
    """Serve an entry of the queue if every fibre of its path can; otherwise it changes nothing."""
    request = state.request[i]
    level = state.level[i]
    path = slots.choice[state.row[request], level]
    if path == REFUSED:
        give_up(state, out, row, i)
        return
    if path == NO_PATH:
        return
    down = slots.down[slots.mask[phase]]
    bits = slots.channel_bits[min(row, slots.channel_bits.shape[0] - 1)]
    ends = (slots.first + row + 1) * rules.slot_ticks
    may_light = now + rules.setup <= ends
    for at in range(slots.path[path], slots.path[path + 1]):
        f = slots.fibre[at]
        yields = bits[f] if may_light else 0
        if down[f] or state.used[f] >= rules.ports[f]:
            return
        if rules.need[level, f] > room(state, rules, yields, f):
            return
    delivered = now
    for at in range(slots.path[path], slots.path[path + 1]):
        f = slots.fibre[at]
        need = rules.need[level, f]
        reserved = state.head[RESERVATION, f]
        bought = state.head[ON_DEMAND, f]
        if take(state, out, row, f, bits[f], need):
            state.ready[f] = now + rules.setup
        state.used[f] += 1
        out.wavelengths[row, f] += 1
        if state.head[ON_DEMAND, f] > bought:
            delivered = max(delivered, state.ready[f])
        if state.log.size:
            line = state.log[state.size[LOGGED]]
            state.size[LOGGED] += 1
            line[LOG_SLOT] = slots.first + row
            line[LOG_REQUEST] = request
            line[LOG_LEVEL] = level
            line[LOG_PATH] = path
            line[LOG_FIBRE] = f
            line[LOG_RESERVATION_OFFSET] = reserved
            line[LOG_RESERVATION_BITS] = state.head[RESERVATION, f] - reserved
            line[LOG_ON_DEMAND_OFFSET] = bought
            line[LOG_ON_DEMAND_BITS] = state.head[ON_DEMAND, f] - bought
    carry(rules, slots, out, row, path, level)
    if path != slots.choice[request, level]:
        out.rerouted[row] += 1
    if not state.started[i]:
        state.started[i] = 1
        out.served[row] += 1
        wait = delivered - state.arrival[i]
        if wait > 0:
            out.waits[row, min((wait - 1) // rules.wait_ticks, out.waits.shape[1] - 1)] += 1
    state.left[i] -= 1
    state.status[i] = SERVED if state.left[i] else GONE


@jit
def give_up(state: State, out: Flows, row: int, i: int) -> None:
    """Let an entry go unserved; a session that had begun is interrupted."""
    if state.started[i]:
        out.interrupted[row] += 1
    else:
        out.blocked[row] += 1
    state.status[i] = GONE


@jit
def leave(state: State, out: Flows, row: int, until: int) -> None:
    """Send away whose patience ends, and close the ranks of the queue.

    Patience runs out ahead of everything else at its tick, so nobody is tried again then.
    """
    kept = 0
    for i in range(state.size[QUEUED]):
        if state.status[i] == ASKING and state.deadline[i] <= until:
            give_up(state, out, row, i)
        if state.status[i] != GONE:
            if kept < i:
                state.request[kept] = state.request[i]
                state.level[kept] = state.level[i]
                state.arrival[kept] = state.arrival[i]
                state.deadline[kept] = state.deadline[i]
                state.left[kept] = state.left[i]
                state.started[kept] = state.started[i]
                state.status[kept] = state.status[i]
            kept += 1
    state.size[QUEUED] = kept


@jit
def end_slot(state: State, rules: Rules, slots: Slots, out: Flows, row: int) -> None:
    """Apply the lifetime, then the cap of the stores, and count who is left."""
    kept = state.tails.shape[1]
    newest = (slots.first + row) % kept
    # the ring holds the tails of the last slots; the oldest is next to the newest
    oldest = (newest + 1) % kept
    for pool in range(2):
        for f in range(rules.ports.size):
            head = state.head[pool, f]
            tail = state.tail[pool, f]
            state.tails[pool, newest, f] = tail
            expired = max(state.tails[pool, oldest, f] - head, 0)
            over = max(tail - head - expired - rules.store_bits, 0)
            state.head[pool, f] = head + expired + over
            out.expired[pool, row, f] = expired
            out.overflowed[pool, row, f] = over
            out.stored[pool, row, f] = tail - state.head[pool, f]
    for i in range(state.size[QUEUED]):
        if state.started[i]:
            out.holding[row] += 1
        else:
            out.waiting[row] += 1
