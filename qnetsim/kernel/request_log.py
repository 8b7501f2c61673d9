"""Requests one by one: what became of each, made of the notes of the serving loop.

The loop notes each try of a request. Here the notes of some slots are put in order in array steps:
tries of one request that came to the same are one *turn*, and a request whose fate has fallen
becomes an *entry*. Those whose fate is open are carried on as their turns. Entries come in the
order of the slots in which fates fell, then of arrival; it does not depend on how many slots are
looked at together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from qnetsim.arrays import BoolArray, IntArray
from qnetsim.forecast import Forecast
from qnetsim.kernel.followed_requests import FollowedRequests
from qnetsim.kernel.request_tables import Ended, RequestTables, TableParts, Turns
from qnetsim.kernel.serving.paths import PathTable
from qnetsim.kernel.serving.state import Rules, Slots
from qnetsim.kernel.tries import TryColumn, tries_of
from qnetsim.vocabulary import RequestCause, RequestFate

#: Rows for notes at first: a call of the serving loop takes as many slots as they hold.
NOTE_ROWS = 2**14


@dataclass(frozen=True)
class _Groups:
    """Tries in order of request and time, and where each request begins and ends in them."""

    tries: IntArray
    first: IntArray
    last: IntArray

    def total(self, column: TryColumn) -> IntArray:
        """Sum of a column over each request."""
        return np.asarray(np.add.reduceat(self.tries[:, column], self.first))

    @property
    def request(self) -> IntArray:
        """Which request each try is of."""
        return np.repeat(np.arange(len(self.first)), self.last - self.first + 1)


class _Fates(NamedTuple):
    """Which requests were served to their end, which went unserved, and which were sent away."""

    done: BoolArray
    gone: BoolArray
    refused: BoolArray


class RequestLog:
    """Follows requests from their arrival to their fate.

    Parameters
    ----------
    followed : FollowedRequests
    rules : Rules
    forecast : Forecast
    """

    def __init__(self, followed: FollowedRequests, rules: Rules, forecast: Forecast) -> None:
        self._followed = followed
        self._rules = rules
        self._requests = forecast.requests
        self._open: IntArray = np.zeros((0, len(TryColumn)), dtype=np.int64)
        # in the order in which requests that arrive together are served
        self._order = np.lexsort((np.arange(forecast.requests), forecast.priority))
        self._parts = TableParts(forecast.priority)

    def add(self, notes: IntArray, slots: Slots, paths: PathTable, begin: int, end: int) -> None:
        """Take the notes of rows ``begin .. end − 1`` of an interval."""
        if begin == end:
            return
        tries = tries_of(notes, self._rules, slots, paths, self._parts.way)
        walked = np.unique(tries[:, TryColumn.TICK] // self._rules.slot_ticks) - slots.first
        if self._followed.which == "sample":
            tries = tries[self._sampled(tries[:, TryColumn.ARRIVAL], tries[:, TryColumn.REQUEST])]
        whole = np.setdiff1d(np.arange(begin, end), walked)
        ended = self._ended(tries, (slots.first + end) * self._rules.slot_ticks)
        if len(whole) and self._followed.which != "blocked":
            ended = [*ended, (self._served_whole(slots, paths, whole), None)]
        self._parts.add(ended)

    def finish(self, end_tick: int) -> None:
        """Enter the requests whose fate is open when the run ends."""
        ended = self._ended(self._open[:0], end_tick, run_is_over=True)
        self._parts.add(ended)

    def close(self, first_slot: int, slots: int) -> RequestTables:
        """Everything since the last close, which ended at ``first_slot``; starts anew."""
        return self._parts.close(first_slot, slots)

    def _sampled(self, arrivals: IntArray, numbers: IntArray) -> IntArray:
        slots = arrivals // self._rules.slot_ticks
        return np.flatnonzero(self._followed.sampled(slots, numbers, self._requests))

    def _served_whole(self, slots: Slots, paths: PathTable, rows: IntArray) -> Ended:
        """Requests of slots without notes: all were served as they arrived."""
        numbers = np.tile(self._order, len(rows))
        row = np.repeat(rows, self._requests)
        slot = slots.first + row
        if self._followed.which == "sample":
            kept = self._sampled(slot * self._rules.slot_ticks, numbers)
            numbers, row, slot = numbers[kept], row[kept], slot[kept]
        level = slots.levels[row, self._rules.group[numbers]].astype(np.int64)
        path = slots.paths.choice[numbers, level]
        none = np.zeros(len(numbers), dtype=np.int64)
        return Ended(
            end_slot=slot,
            arrival=slot * self._rules.slot_ticks,
            request=numbers,
            arrival_slot=slot,
            level=level,
            wait_ns=none,
            service_slot=slot,
            first_way=self._parts.ways_of(path, paths),
            deliveries=none + 1,
            detours=none,
            fate=none + RequestFate.SERVED,
            cause=none,
            cause_fibre=none - 1,
        )

    def _ended(
        self, tries: IntArray, tick: int, *, run_is_over: bool = False
    ) -> list[tuple[Ended, Turns | None]]:
        """Requests whose fate has fallen by a tick; the others are carried on."""
        tries = np.concatenate([self._open, tries])
        if not len(tries):
            return []
        groups = _grouped(tries)
        tries = groups.tries
        last = tries[groups.last]
        delivered = last[:, TryColumn.CAUSE] == RequestCause.NONE
        done = delivered & (last[:, TryColumn.LEFT] == 1)
        refused = np.isin(last[:, TryColumn.CAUSE], (RequestCause.OUTAGE, RequestCause.REFUSED))
        gone = refused | (~delivered & (last[:, TryColumn.DEADLINE] <= tick))
        over = done | gone | run_is_over
        fates = _Fates(done, gone, refused)
        ended = self._entries(groups, fates, tick).where(over)
        counts = (TryColumn.DELIVERIES, TryColumn.DETOURS)
        totals = [groups.total(column) for column in counts]
        tries[:, counts] = 0
        tries[groups.first[:, None], counts] = np.stack(totals, axis=1)
        request = groups.request
        turned = _turned(groups)
        self._open = tries[turned & ~over[request]]
        several = np.bincount(request[turned], minlength=len(over)) > 1
        told = turned & (over & several)[request]
        turns = Turns(
            entry=(np.cumsum(over) - 1)[request[told]],
            tick_ns=tries[told, TryColumn.TICK],
            cause=tries[told, TryColumn.CAUSE],
            fibre=tries[told, TryColumn.FIBRE],
            way=tries[told, TryColumn.WAY],
        )
        if self._followed.which == "blocked":
            lost = np.isin(ended.fate, (RequestFate.BLOCKED, RequestFate.INTERRUPTED))
            return [(ended.where(lost), turns.of_entries(lost))]
        return [(ended, turns)]

    def _entries(self, groups: _Groups, fates: _Fates, tick: int) -> Ended:
        """What has become of the requests by a tick."""
        tries = groups.tries
        done, gone, refused = fates
        ticks = self._rules.slot_ticks
        places = np.arange(len(tries))
        none = len(tries)
        got = tries[:, TryColumn.CAUSE] == RequestCause.NONE
        served_at = np.minimum.reduceat(np.where(got, places, none), groups.first)
        failed_at = np.maximum.reduceat(np.where(got, -1, places), groups.first)
        begun = served_at < none
        at_delivery = tries[np.minimum(served_at, none - 1)]
        at_failure = tries[np.maximum(failed_at, 0)]
        failed = failed_at >= 0
        last = tries[groups.last]
        arrival = last[:, TryColumn.ARRIVAL]
        left_at = np.where(refused, last[:, TryColumn.TICK], last[:, TryColumn.DEADLINE])
        end = np.where(gone, left_at, tick)
        # patience that ends with the slot ends in it
        lost_in = np.maximum(last[:, TryColumn.TICK] // ticks, (left_at - 1) // ticks)
        lost_in = np.where(refused, last[:, TryColumn.TICK] // ticks, lost_in)
        in_run = np.where(gone, lost_in, tick // ticks - 1)
        fate = np.where(begun, RequestFate.HOLDING, RequestFate.WAITING)
        fate = np.where(gone, np.where(begun, RequestFate.INTERRUPTED, RequestFate.BLOCKED), fate)
        return Ended(
            end_slot=np.where(done, last[:, TryColumn.TICK] // ticks, in_run),
            arrival=arrival,
            request=last[:, TryColumn.REQUEST],
            arrival_slot=arrival // ticks,
            level=last[:, TryColumn.LEVEL],
            wait_ns=np.where(begun, at_delivery[:, TryColumn.READY], end) - arrival,
            service_slot=np.where(begun, at_delivery[:, TryColumn.TICK] // ticks, -1),
            first_way=np.where(begun, at_delivery[:, TryColumn.WAY], -1),
            deliveries=groups.total(TryColumn.DELIVERIES),
            detours=groups.total(TryColumn.DETOURS),
            fate=np.where(done, RequestFate.SERVED, fate),
            cause=np.where(failed, at_failure[:, TryColumn.CAUSE], RequestCause.NONE),
            cause_fibre=np.where(failed, at_failure[:, TryColumn.FIBRE], -1),
        )


def _grouped(tries: IntArray) -> _Groups:
    """Tries by request; those of one request stay in order of time."""
    tries = tries[np.lexsort((tries[:, TryColumn.REQUEST], tries[:, TryColumn.ARRIVAL]))]
    names = tries[:, [TryColumn.ARRIVAL, TryColumn.REQUEST]]
    starts = np.ones(len(tries), dtype=bool)
    starts[1:] = (names[1:] != names[:-1]).any(axis=1)
    first = np.flatnonzero(starts)
    return _Groups(tries, first, np.append(first[1:], len(tries)) - 1)


def _turned(groups: _Groups) -> BoolArray:
    """Which tries came to something else than the one before."""
    what = groups.tries[:, [TryColumn.CAUSE, TryColumn.FIBRE, TryColumn.WAY]]
    turned = np.ones(len(what), dtype=bool)
    turned[1:] = (what[1:] != what[:-1]).any(axis=1)
    turned[groups.first] = True
    return turned
