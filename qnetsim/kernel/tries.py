"""Tries of requests, made of the notes of the serving loop: which of them failed, and why."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

import numpy as np

from qnetsim.arrays import IntArray
from qnetsim.kernel.serving import state as at
from qnetsim.kernel.serving.paths import PathTable
from qnetsim.kernel.serving.state import Rules, Slots
from qnetsim.vocabulary import RequestCause


class TryColumn(IntEnum):
    """Columns of a table of tries."""

    REQUEST = 0
    LEVEL = 1
    ARRIVAL = 2
    DEADLINE = 3
    LEFT = 4
    TICK = 5
    CAUSE = 6
    FIBRE = 7
    WAY = 8
    READY = 9
    DELIVERIES = 10
    DETOURS = 11


def tries_of(
    notes: IntArray,
    rules: Rules,
    slots: Slots,
    paths: PathTable,
    way_of: Callable[[tuple[int, ...]], int],
) -> IntArray:
    """Say what came of each try, shape (notes, columns).

    Parameters
    ----------
    notes : ndarray of int64, shape (notes, NOTE_COLUMNS)
    rules : Rules
    slots : Slots
        The interval that they were made in.
    paths : PathTable
    way_of : callable
        Number of a way, by its fibres.
    """
    tries = np.zeros((len(notes), len(TryColumn)), dtype=np.int64)
    tries[:, : TryColumn.TICK + 1] = notes[:, : at.NOTE_TICK + 1]
    outcome = notes[:, at.NOTE_OUTCOME]
    path = notes[:, at.NOTE_PATH]
    asked = slots.paths.choice[notes[:, at.REQUEST], notes[:, at.LEVEL]]
    got = outcome >= 0
    tries[:, TryColumn.READY] = np.where(got, outcome, -1)
    tries[:, TryColumn.DELIVERIES] = got
    tries[:, TryColumn.DETOURS] = got & (path != asked)
    tries[:, TryColumn.FIBRE] = -1
    tries[:, TryColumn.WAY] = -1
    tries[got, TryColumn.WAY] = numbered(path[got], paths, way_of)
    _explain_failures(tries, notes, rules, slots)
    _explain_outages(tries, path, asked, slots, paths)
    return tries


def numbered(
    path: IntArray, paths: PathTable, way_of: Callable[[tuple[int, ...]], int]
) -> IntArray:
    """Numbers of the ways that paths of a table are."""
    known, place = np.unique(path, return_inverse=True)
    ways = [way_of(paths.route(p).fibres) for p in known.tolist()]
    return np.array(ways, dtype=np.int64)[place] if ways else path


def _explain_failures(tries: IntArray, notes: IntArray, rules: Rules, slots: Slots) -> None:
    """Say why a fibre of the path gave nothing."""
    outcome = notes[:, at.NOTE_OUTCOME]
    failed = np.flatnonzero((outcome == at.CLOSED) | (outcome == at.SHORT))
    fibre = notes[failed, at.NOTE_FIBRE]
    tick = notes[failed, at.NOTE_TICK]
    slot = tick // rules.slot_ticks
    row = np.minimum(slot - slots.first, len(slots.channel_bits) - 1)
    down = slots.down[slots.mask[_phase(tick, slots)], fibre]
    late = tick + rules.setup > (slot + 1) * rules.slot_ticks
    cause = np.select(
        [
            (outcome[failed] == at.CLOSED) & down,
            outcome[failed] == at.CLOSED,
            slots.channel_bits[row, fibre] == 0,
            late,
        ],
        [
            RequestCause.FIBRE_DOWN,
            RequestCause.NO_WAVELENGTH,
            RequestCause.NO_KEY,
            RequestCause.TOO_LATE,
        ],
        RequestCause.NO_CHANNEL,
    )
    tries[failed, TryColumn.CAUSE] = cause
    tries[failed, TryColumn.FIBRE] = fibre


def _explain_outages(
    tries: IntArray, path: IntArray, asked: IntArray, slots: Slots, paths: PathTable
) -> None:
    """Say why a request had no path to try: the policy, or an outage on the path asked for."""
    nowhere = path < 0
    refused = nowhere & (asked == at.REFUSED)
    tries[refused, TryColumn.CAUSE] = RequestCause.REFUSED
    known = np.flatnonzero(nowhere & ~refused)
    if not len(known):
        return
    table = slots.table[_phase(tries[known, TryColumn.TICK], slots)]
    cases, place = np.unique(np.stack([table, asked[known]], axis=1), axis=0, return_inverse=True)
    fibres = [_first_down(paths, *case) for case in cases.tolist()]
    gives_up = path[known] == at.REFUSED
    tries[known, TryColumn.FIBRE] = np.array(fibres, dtype=np.int64)[place.ravel()]
    tries[known, TryColumn.CAUSE] = np.where(gives_up, RequestCause.OUTAGE, RequestCause.NO_DETOUR)


def _first_down(paths: PathTable, table: int, path: int) -> int:
    """First fibre of a path that is known to be down."""
    known = paths.known(table)
    return next(fibre for fibre in paths.route(path).fibres if fibre in known)


def _phase(tick: IntArray, slots: Slots) -> IntArray:
    return np.searchsorted(slots.tick, tick, side="right") - 1
