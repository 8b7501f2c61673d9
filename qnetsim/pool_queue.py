"""Work that waits for the processes of a pool, in groups."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from typing import Any, NamedTuple


class Work(NamedTuple):
    """What waits for a process.

    Attributes
    ----------
    future : Future
    task : callable
    given : tuple
        Its arguments.
    group : hashable
        What shares something that a process makes once: its work goes to one process while there
        is other work for the others.
    """

    future: Future[Any]
    task: Callable[..., object]
    given: tuple[Any, ...]
    group: Hashable


class PoolQueue:
    """Work by group, in the order in which it came."""

    def __init__(self) -> None:
        # a dict would go through all groups that have left its front, to find the first one
        self._groups: OrderedDict[Hashable, deque[Work]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def put(self, work: Work) -> None:
        """Add work."""
        self._groups.setdefault(work.group, deque()).append(work)
        self._count += 1

    def take(self, last: Hashable, others: Sequence[Hashable]) -> Work:
        """Take the next work for a process; some has to be there.

        Parameters
        ----------
        last : hashable
            Group of the work that it did last: it goes on with it.
        others : sequence of hashable
            Groups of the other processes, which are left to them while there are more. Then it
            takes from the group that the fewest of them have.
        """
        groups = self._groups
        if last not in groups:
            for last in groups:
                if last not in others:
                    break
            else:
                # so there are no more groups than processes
                last = min(groups, key=others.count)
        works = groups[last]
        work = works.popleft()
        if not works:
            del groups[last]
        self._count -= 1
        return work

    def empty(self) -> list[Work]:
        """Take all."""
        left = [work for works in self._groups.values() for work in works]
        self._groups.clear()
        self._count = 0
        return left
