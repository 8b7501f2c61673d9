"""Serve the sessions that go on in one step, where all of them fit.

Then what they take of a fibre does not depend on their order. Loaded plain and compiled, as a part
of ``loop``.
"""

from __future__ import annotations

from qnetsim.arrays import IntArray, PlaceArray
from qnetsim.compiling import inlined
from qnetsim.kernel.serving import fibre_books
from qnetsim.kernel.serving import state as at

#: What is compiled with it.
PARTS = (fibre_books,)

#: Most phases of a pause, in which nobody asks whether all fit. One begins where they do not all
#: fit, twice as long as the last one; each time that they do, the next becomes half as long.
MOST_PAUSE = 127


@inlined
def all_fit(
    queue: IntArray,
    queued: int,
    first: IntArray,
    hops: PlaceArray,
    need: IntArray,
    books: IntArray,
) -> bool:
    """Add up what sessions that go on ask of the fibres; whether every fibre has it."""
    for fibre in range(books.shape[0]):
        books[fibre, at.ASKED_BITS] = 0
        books[fibre, at.ASKING_SESSIONS] = 0
    for i in range(queued):
        if queue[i, at.STATUS] == at.ASKING and queue[i, at.STARTED]:
            path = queue[i, at.PATH]
            if path < 0:
                return False
            level = queue[i, at.LEVEL]
            for k in range(first[path], first[path + 1]):
                f = hops[k]
                books[f, at.ASKED_BITS] += need[level, f]
                books[f, at.ASKING_SESSIONS] += 1
    fits = True
    for fibre in range(books.shape[0]):
        fits &= books[fibre, at.ASKED_BITS] <= books[fibre, at.ROOM]
        fits &= books[fibre, at.ASKING_SESSIONS] <= books[fibre, at.FREE]
    return fits


@inlined
def give(fibres: IntArray, books: IntArray, bits: IntArray, yields: int, ready: int) -> None:
    """Take what they ask of the fibres; channels that are lit for it deliver at ``ready``."""
    for f in range(books.shape[0]):
        if books[f, at.ASKING_SESSIONS]:
            asked = books[f, at.ASKED_BITS]
            fibre_books.take(fibres, f, bits[yields, f], asked, ready)
            books[f, at.FREE] -= books[f, at.ASKING_SESSIONS]
            books[f, at.ROOM] -= asked
            for pool in range(2):
                books[f, at.LEFT + pool] = fibres[f, at.TAIL + pool] - fibres[f, at.HEAD + pool]


@inlined
def write_served(
    queue: IntArray,
    queued: int,
    carried: IntArray,
    trusted: IntArray,
    counts: IntArray,
    row: int,
    level_bits: int,
) -> int:
    """Write down that sessions that go on were served; returns how many others ask."""
    others = 0
    exposed = 0
    for i in range(queued):
        if queue[i, at.STATUS] != at.ASKING:
            continue
        if not queue[i, at.STARTED]:
            others += 1
            continue
        path = queue[i, at.PATH]
        key = queue[i, at.LEVEL] * level_bits
        carried[path] += key
        exposed += key * trusted[path]
        queue[i, at.LEFT_SLOTS] -= 1
        queue[i, at.STATUS] = at.SERVED if queue[i, at.LEFT_SLOTS] else at.GONE
    counts[at.EXPOSED_BITS, row] += exposed
    return others


@inlined
def count_rerouted(
    queue: IntArray, queued: int, choice: IntArray, counts: IntArray, row: int
) -> None:
    """Count sessions that go on by another path than their plan's."""
    for i in range(queued):
        if queue[i, at.STATUS] == at.ASKING and queue[i, at.STARTED]:
            planned = choice[queue[i, at.REQUEST], queue[i, at.LEVEL]]
            counts[at.REROUTED_COUNT, row] += queue[i, at.PATH] != planned
