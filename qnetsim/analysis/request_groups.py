"""Waits, blocking and interruptions by class and by node pair, from requests that were followed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from qnetsim.analysis.waits import Waits
from qnetsim.arrays import IntArray
from qnetsim.trace import Trace
from qnetsim.units import TICKS_PER_SECOND
from qnetsim.vocabulary import RequestFate

#: A class, or source and target.
GroupName = tuple[str, ...]
#: What is read of each entry.
_COLUMNS = ("request", "arrival_slot", "wait_ns", "deliveries", "fate")


@dataclass(frozen=True)
class RequestGroup:
    """Requests of one class, or between two nodes.

    Attributes
    ----------
    arrived, blocked, interrupted : int
        Of those that were followed, by arrival after the warm-up.
    served : int or None
        Those that got keys; None where only lost requests were followed.
    wait_s : float
        Sum over the served of the time from arrival to first keys.
    waits : Waits
        The same in bins.
    """

    arrived: int
    blocked: int
    interrupted: int
    served: int | None
    wait_s: float
    waits: Waits

    @property
    def blocked_share(self) -> float:
        """Blocked requests over arrivals."""
        return self.blocked / self.arrived if self.arrived else 0.0

    @property
    def interrupted_share(self) -> float:
        """Interrupted sessions over arrivals."""
        return self.interrupted / self.arrived if self.arrived else 0.0

    @property
    def served_share(self) -> float | None:
        """Requests that got keys over arrivals; None where that is not known."""
        if self.served is None:
            return None
        return self.served / self.arrived if self.arrived else 0.0

    @property
    def mean_wait_s(self) -> float | None:
        """Mean time from arrival to first keys; None where nobody is known to have got any."""
        return self.wait_s / self.served if self.served else None

    @classmethod
    def merged(cls, parts: Sequence[RequestGroup]) -> RequestGroup:
        """Several runs as one."""
        served = [part.served for part in parts if part.served is not None]
        return cls(
            arrived=sum(part.arrived for part in parts),
            blocked=sum(part.blocked for part in parts),
            interrupted=sum(part.interrupted for part in parts),
            served=sum(served) if len(served) == len(parts) else None,
            wait_s=sum(part.wait_s for part in parts),
            waits=Waits.merged([part.waits for part in parts]),
        )


@dataclass(frozen=True)
class RequestGroups:
    """Requests that were followed, by class and by node pair.

    Attributes
    ----------
    followed : str
        Which of them: ``"all"``, ``"sample"`` or ``"blocked"``.
    by_class, by_pair : mapping
        By the number of the class, and by the names of source and target.
    """

    followed: str
    by_class: Mapping[GroupName, RequestGroup]
    by_pair: Mapping[GroupName, RequestGroup]


def merged_groups(found: Sequence[RequestGroups | None]) -> RequestGroups | None:
    """Groups of several runs as one; None where a run followed no requests."""
    known = [groups for groups in found if groups is not None]
    if len(known) < len(found) or len({groups.followed for groups in known}) != 1:
        return None
    return RequestGroups(
        known[0].followed,
        _merged([groups.by_class for groups in known]),
        _merged([groups.by_pair for groups in known]),
    )


def _merged(
    tables: Sequence[Mapping[GroupName, RequestGroup]],
) -> dict[GroupName, RequestGroup]:
    names = dict.fromkeys(name for table in tables for name in table)
    return {
        name: RequestGroup.merged([table[name] for table in tables if name in table])
        for name in names
    }


def request_groups(trace: Trace, first: int) -> RequestGroups | None:
    """Sum up the requests that a trace follows, by class and by pair; None where it follows none.

    Parameters
    ----------
    trace : Trace
    first : int
        Requests that arrived in earlier slots are left out.
    """
    followed = str(trace.provenance["scenario"].get("trace", {}).get("requests", "none"))
    if followed == "none":
        return None
    classes = trace.column("world/request_class").astype(np.int64)
    ends = (trace.column(f"world/request_{end}").tolist() for end in ("source", "target"))
    pairs: list[GroupName] = list(zip(*ends, strict=True))
    names = list(dict.fromkeys(pairs))
    place = {name: i for i, name in enumerate(names)}
    sums = (
        _GroupSums(trace, [(str(number),) for number in range(int(classes.max()) + 1)], classes),
        _GroupSums(trace, names, np.array([place[pair] for pair in pairs], dtype=np.int64)),
    )
    for blocks in zip(*(trace.blocks(f"requests/{name}") for name in _COLUMNS), strict=True):
        block = dict(zip(_COLUMNS, blocks, strict=True))
        counted = block["arrival_slot"] >= first
        for one in sums:
            one.add({name: values[counted] for name, values in block.items()})
    slots = max(trace.followed_slots - first, 0)
    return RequestGroups(followed, *(one.groups(followed, slots) for one in sums))


class _GroupSums:
    """Adds up entries by group."""

    def __init__(self, trace: Trace, names: list[GroupName], group: IntArray) -> None:
        self._names = names
        self._group = group
        self._edges_s = np.append(0.0, trace.column("slots/wait_upto_s"))
        self._edges = np.round(self._edges_s * TICKS_PER_SECOND).astype(np.int64)
        size = len(names)
        self._arrived, self._blocked, self._interrupted, self._served, self._wait = np.zeros(
            (5, size), dtype=np.int64
        )
        self._bins = np.zeros((size, len(self._edges)), dtype=np.int64)

    def add(self, block: dict[str, IntArray]) -> None:
        """Take a block of entries."""
        group = self._group[block["request"]]
        size = len(self._names)
        served = block["deliveries"] > 0
        self._arrived += np.bincount(group, minlength=size)
        for total, chosen in (
            (self._blocked, block["fate"] == RequestFate.BLOCKED),
            (self._interrupted, block["fate"] == RequestFate.INTERRUPTED),
            (self._served, served),
        ):
            total += np.bincount(group[chosen], minlength=size)
        waits = block["wait_ns"][served]
        np.add.at(self._wait, group[served], waits)
        # a bin holds the waits above the edge before it, and those that are its own edge
        bins = np.searchsorted(self._edges, waits, side="left")
        np.add.at(self._bins, (group[served], np.minimum(bins, len(self._edges) - 1)), 1)

    def groups(self, followed: str, slots: int) -> dict[GroupName, RequestGroup]:
        """What was added up; where only lost requests are followed, all are known to have come."""
        lost_only = followed == "blocked"
        arrived = np.bincount(self._group, minlength=len(self._names)) * slots
        return {
            name: RequestGroup(
                arrived=int((arrived if lost_only else self._arrived)[i]),
                blocked=int(self._blocked[i]),
                interrupted=int(self._interrupted[i]),
                served=None if lost_only else int(self._served[i]),
                wait_s=0.0 if lost_only else int(self._wait[i]) / TICKS_PER_SECOND,
                waits=Waits(self._edges_s, self._bins[i] * (not lost_only)),
            )
            for i, name in enumerate(self._names)
        }
