"""Where the parties' cryptography is computed: here, or in processes of their own.

What is random is drawn here in the order of the protocol, and only what follows from it is worked
out elsewhere: results are the same for any number of processes.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from typing import Any, Protocol, TypeVar

from qnetsim.errors import UsageError
from qnetsim.fel.messages import Flow

Result = TypeVar("Result")
#: Something that was begun: a call waits for it and gives it.
Later = Callable[[], Result]


class Submits(Protocol):
    """Takes work as an executor of Python does."""

    def submit(self, task: Callable[..., Result], /, *given: Any) -> Future[Result]:
        """Begin work."""
        ...


class Computing:
    """Computes lists, here and one after another, or shared out among processes.

    Parameters
    ----------
    executor : Submits, optional
        Has the processes; without one everything is computed here.
    processes : int
        Into how many parts a list is cut at most.
    """

    def __init__(self, executor: Submits | None = None, processes: int = 1) -> None:
        self._executor = executor
        self._processes = processes

    def begin(self, function: Callable[..., list[int]], *given: Any) -> Later[list[int]]:
        """Begin to compute a list.

        Parameters
        ----------
        function : callable
            Of the module's top level; computes a part of the list from a part of the last argument.
        *given
            Arguments; the last one is a sequence with an entry for each of the list.
        """
        *fixed, entries = given
        if self._executor is None:
            return partial(function, *fixed, entries)
        futures = [
            self._executor.submit(function, *fixed, part)
            for part in parts_of(entries, self._processes)
        ]
        return lambda: [value for future in futures for value in future.result()]


HERE = Computing()


def parts_of(entries: Sequence[Any], count: int) -> list[Sequence[Any]]:
    """Cut a sequence into at most so many parts, nearly equal and in order."""
    count = max(min(count, len(entries)), 1)
    ends = [len(entries) * i // count for i in range(count + 1)]
    return [entries[a:b] for a, b in pairwise(ends)]


@contextmanager
def processes_for_parties(processes: int) -> Iterator[Computing]:
    """Computing in so many processes, which end with the block; one is this process itself.

    Raises
    ------
    UsageError
        A process died.
    """
    if processes == 1:
        yield HERE
        return
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import get_context

    from qnetsim.process_pool import ProcessPool

    # forked from here, a process would inherit open files and locks
    pool = ProcessPool(processes, get_context("spawn"), _leave_signals_to_parent)
    try:
        yield Computing(pool, processes)
    except BrokenProcessPool:
        raise UsageError(
            "a process of the parties died, perhaps for want of memory; try fewer processes"
        ) from None
    finally:
        pool.end()


def _leave_signals_to_parent() -> None:
    """Ctrl-C goes to all processes of a terminal; the parent ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def computed(later: Later[Result]) -> Flow[Result]:
    """Wait for what was begun, after the flows beside this one have begun theirs."""
    yield ()
    return later()
