"""Which workers of a task are there when, and how long its parties compute: part of the world."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from qnetsim import seeds
from qnetsim.arrays import IntArray, frozen
from qnetsim.errors import SettingError
from qnetsim.scenario import FelTable
from qnetsim.units import TICKS_PER_SECOND
from qnetsim.world.renewal import Renewal, absences

#: Absences of all workers of a task at most.
MOST_ABSENCES = 10**6


@dataclass(frozen=True)
class Attendance:
    """Drop-outs and compute times of one task.

    Attributes
    ----------
    away : tuple of ndarray of int64, shape (absences, 2)
        For each worker: the tick at which it leaves, and the one at which it is back.
    compute : ndarray of int64, shape (rounds + 1, parties)
        Ticks for which a party computes ahead of what it sends; row 0 is the set-up, the parties
        are owner, heads, workers.
    missing : ndarray of bool, shape (rounds + 1, workers)
        Workers that take no part in a round.
    """

    away: tuple[IntArray, ...]
    compute: IntArray
    missing: npt.NDArray[np.bool_]

    def digest(self) -> str:
        """SHA-256 over everything, hexadecimal."""
        found = hashlib.sha256()
        # what came later changes no digest where it is not used
        missing = (self.missing.astype(np.int64),) if self.missing.any() else ()
        for values in (*self.away, self.compute, *missing):
            found.update(repr(values.shape).encode())
            found.update(np.ascontiguousarray(values, dtype="<i8").data)
        return found.hexdigest()


def draw_attendance(
    table: FelTable, task: int, seed: int, replication: int, end_tick: int
) -> Attendance:
    """Draw the drop-outs and compute times of a task, each party from streams of its own."""
    workers = [name for group in table.workers for name in group]
    away = []
    for name in workers:
        found: list[tuple[int, int]] = []
        if table.worker_mtbf_s is not None and table.worker_mttr_s is not None:
            bits = seeds.stream(seed, "fel", "away", replication, task, name)
            renewal = Renewal(bits, table.worker_mtbf_s, table.worker_mttr_s)
            [found] = absences([renewal], end_tick)
        away.append(frozen(np.array(found, dtype=np.int64).reshape(-1, 2), np.int64))
    ticks = np.zeros((table.rounds + 1, len(table.parties)), dtype=np.int64)
    if table.compute_s:
        mean = table.compute_s * TICKS_PER_SECOND
        for party, (_, name) in enumerate(table.parties):
            bits = seeds.stream(seed, "fel", "compute", replication, task, name)
            factor = 1 + table.compute_spread * (2 * seeds.uniform(bits, len(ticks)) - 1)
            ticks[:, party] = (mean * factor).astype(np.int64)
    return Attendance(
        tuple(away), frozen(ticks, np.int64), _missing(table, task, seed, replication)
    )


def _missing(table: FelTable, task: int, seed: int, replication: int) -> npt.NDArray[np.bool_]:
    """Workers that miss a round, each from a stream of its own; a label holder misses none."""
    workers = [name for group in table.workers for name in group]
    found = np.zeros((table.rounds + 1, len(workers)), dtype=bool)
    if table.worker_dropout:
        may_miss = workers if table.kind == "horizontal" else workers[:-1]
        for i, name in enumerate(may_miss):
            bits = seeds.stream(seed, "fel", "missing", replication, task, name)
            found[1:, i] = seeds.uniform(bits, table.rounds) < table.worker_dropout
    return frozen(found, np.bool_)


def refuse_too_many_absences(tables: Sequence[FelTable], run_s: float) -> None:
    """Refuse tasks whose workers would come and go too often.

    Raises
    ------
    SettingError
    """
    for i, table in enumerate(tables):
        if table.worker_mtbf_s is None or table.worker_mttr_s is None:
            continue
        cycle_s = table.worker_mtbf_s + table.worker_mttr_s
        expected = sum(map(len, table.workers)) * run_s / cycle_s
        if expected > MOST_ABSENCES:
            text = (
                f"workers leave about {expected:.3g} times in the run; allowed: {MOST_ABSENCES:,} "
                "(raise the mean times or lower run.slots)"
            )
            raise SettingError([(("fel", i, "worker_mtbf_s"), text)])
