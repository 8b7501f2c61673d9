"""The tables of requests that were followed: entries, their turns, and the ways they went."""

from __future__ import annotations

from dataclasses import dataclass, fields
from itertools import chain
from typing import Any, Self

import numpy as np

from qnetsim.arrays import BoolArray, IntArray
from qnetsim.kernel.ledger import Columns
from qnetsim.kernel.serving.paths import PathTable
from qnetsim.kernel.tries import numbered


class _Rows:
    """Columns of one length."""

    def where(self, chosen: BoolArray | IntArray) -> Self:
        """Some of the rows, by mask or by place."""
        columns = {f.name: getattr(self, f.name)[chosen] for f in fields(self)}  # type: ignore[arg-type]
        return type(self)(**columns)

    @classmethod
    def joined(cls, parts: list[Self]) -> Self:
        """Rows of several tables, one after another."""
        names = [f.name for f in fields(cls)]  # type: ignore[arg-type]
        none = [np.zeros(0, dtype=np.int64)]
        return cls(**{n: np.concatenate([*none, *(getattr(p, n) for p in parts)]) for n in names})


@dataclass(frozen=True)
class Ended(_Rows):
    """Requests whose fate has fallen; one array of int64 each, shape (entries,).

    Attributes
    ----------
    end_slot, arrival, request, arrival_slot, level
        Slot in which the fate fell, tick and slot of arrival.
    wait_ns
        Until the first keys, or until the end.
    service_slot, first_way
        Of the first keys; −1 for none.
    deliveries, detours
        Slots in which it was served, and in how many of them over a detour.
    fate, cause, cause_fibre
        Why it was not served when it asked in vain last, and where.
    """

    end_slot: IntArray
    arrival: IntArray
    request: IntArray
    arrival_slot: IntArray
    level: IntArray
    wait_ns: IntArray
    service_slot: IntArray
    first_way: IntArray
    deliveries: IntArray
    detours: IntArray
    fate: IntArray
    cause: IntArray
    cause_fibre: IntArray


@dataclass(frozen=True)
class Turns(_Rows):
    """Turns of requests that had more than one; shape (turns,), entry by entry in order of time."""

    entry: IntArray
    tick_ns: IntArray
    cause: IntArray
    fibre: IntArray
    way: IntArray

    def of_entries(self, chosen: BoolArray) -> Turns:
        """Turns of some of the entries, which are numbered anew."""
        place = np.cumsum(chosen) - 1
        kept = self.where(chosen[self.entry])
        return Turns(place[kept.entry], kept.tick_ns, kept.cause, kept.fibre, kept.way)


@dataclass(frozen=True)
class RequestTables:
    """What is written of some slots.

    Attributes
    ----------
    counts : dict of ndarray of int64, shape (slots,)
        Rows of each table up to the end of each slot: ``entries``, ``turns``, ``ways``, ``hops``.
    rows : dict of ndarray
        Columns of the tables.
    """

    counts: Columns
    rows: Columns


class TableParts:
    """Collects entries and turns, and numbers the ways in the order in which they come up.

    Parameters
    ----------
    priority : ndarray of int64, shape (requests,)
    """

    def __init__(self, priority: IntArray) -> None:
        self._priority = priority
        self._known: dict[tuple[int, ...], int] = {}
        self._fibres: list[tuple[int, ...]] = []
        #: Number in the file of each known way; −1 before it comes up there.
        self._number: IntArray = np.zeros(0, dtype=np.int64)
        self._written = dict.fromkeys(("entries", "turns", "ways", "hops"), 0)
        self._entries = 0
        self._ended: list[Ended] = []
        self._turns: list[Turns] = []
        self._new_ways: list[tuple[int, int]] = []

    def way(self, fibres: tuple[int, ...]) -> int:
        """Number of a way while the run goes on."""
        number = self._known.setdefault(fibres, len(self._known))
        if number == len(self._fibres):
            self._fibres.append(fibres)
            self._number = np.append(self._number, -1)
        return number

    def ways_of(self, path: IntArray, paths: PathTable) -> IntArray:
        """The same of paths of a table."""
        return numbered(path, paths, self.way)

    def add(self, parts: list[tuple[Ended, Turns | None]]) -> None:
        """Take requests that ended in the same slots, in any order."""
        ended = Ended.joined([part for part, _ in parts])
        if not len(ended.fate):
            return
        priority = self._priority[ended.request]
        order = np.lexsort((ended.request, priority, ended.arrival, ended.end_slot))
        place = np.empty(len(order), dtype=np.int64)
        place[order] = np.arange(len(order))
        ended = ended.where(order)
        turns = _in_order(parts, place)
        self._number_ways(ended, turns)
        ended.first_way[:] = self._as_numbered(ended.first_way)
        turns.way[:] = self._as_numbered(turns.way)
        turns.entry[:] += self._entries
        self._entries += len(order)
        self._ended.append(ended)
        self._turns.append(turns)

    def close(self, first_slot: int, slots: int) -> RequestTables:
        """Everything since the last close; starts anew."""
        before = self._written
        ended = Ended.joined(self._ended)
        turns = Turns.joined(self._turns)
        lengths = np.array([len(self._fibres[way]) for way, _ in self._new_ways], dtype=np.int64)
        way_slot = np.array([slot for _, slot in self._new_ways], dtype=np.int64)
        ends = before["hops"] + np.cumsum(lengths)
        until = np.arange(first_slot, first_slot + slots)

        def upto(slot_of: IntArray) -> IntArray:
            return np.searchsorted(slot_of, until, side="right")

        ways = upto(way_slot)
        turn_slot = ended.end_slot[turns.entry - before["entries"]]
        counts = {
            "entries": before["entries"] + upto(ended.end_slot),
            "turns": before["turns"] + upto(turn_slot),
            "ways": before["ways"] + ways,
            "hops": np.concatenate([[before["hops"]], ends])[ways],
        }
        self._written = {name: int(values[-1]) for name, values in counts.items()}
        hops = chain.from_iterable(self._fibres[way] for way, _ in self._new_ways)
        columns: dict[str, Any] = {f.name: getattr(ended, f.name) for f in fields(ended)}
        del columns["arrival"]
        columns |= {f"turn_{f.name}": getattr(turns, f.name) for f in fields(turns)}
        columns |= {"way_end": ends, "hop_fibre": np.fromiter(hops, np.int64)}
        self._ended, self._turns, self._new_ways = [], [], []
        return RequestTables(counts, columns)

    def _as_numbered(self, ways: IntArray) -> IntArray:
        return np.where(ways < 0, -1, np.append(self._number, -1)[ways])

    def _number_ways(self, ended: Ended, turns: Turns) -> None:
        """Number the ways that come up for the first time, entry by entry."""
        ways = np.concatenate([ended.first_way, turns.way])
        entry = np.concatenate([np.arange(len(ended.first_way)), turns.entry])
        new = np.flatnonzero((ways >= 0) & (np.append(self._number, 0)[ways] < 0))
        if not len(new):
            return
        new = new[np.argsort(entry[new], kind="stable")]
        found, place = np.unique(ways[new], return_index=True)
        for at in np.argsort(place, kind="stable").tolist():
            way = int(found[at])
            self._number[way] = int((self._number >= 0).sum())
            self._new_ways.append((way, int(ended.end_slot[entry[new[place[at]]]])))


def _in_order(parts: list[tuple[Ended, Turns | None]], place: IntArray) -> Turns:
    """Turns of all parts, in the order of the places that their entries take."""
    found = []
    before = 0
    for ended, turns in parts:
        if turns is not None:
            found.append(
                Turns(turns.entry + before, turns.tick_ns, turns.cause, turns.fibre, turns.way)
            )
        before += len(ended.fate)
    turns = Turns.joined(found)
    entry = place[turns.entry]
    order = np.argsort(entry, kind="stable")
    return Turns(entry, turns.tick_ns, turns.cause, turns.fibre, turns.way).where(order)
