"""Jobs in several processes, which end with the process that started them."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple, Protocol, TypeVar

from qnetsim.errors import QnetsimError, TraceError, argument, speaks_of_options
from qnetsim.interrupt import forget_parent, stoppable, unwatched
from qnetsim.last_message import note_standing
from qnetsim.plain_text import counted
from qnetsim.process_pool import LEAVE_S, ProcessPool
from qnetsim.runs.worker_processes import (
    GRACE_S,
    LOOK_S,
    can_fork,
    context_for,
    end_with_parent,
    untouched_by_terminal,
)
from qnetsim.trace import open_trace

#: Fewer items are not worth the start of workers.
FEW_ITEMS = 128
#: Pieces for each worker: more wait for the next one more often, fewer leave the others idle at
#: the end.
PIECES = 16


class WritesTrace(Protocol):
    """A job that writes one trace."""

    @property
    def out(self) -> Path:
        """The trace."""
        ...


Job = TypeVar("Job", bound=WritesTrace)
Item = TypeVar("Item")
Found = TypeVar("Found")


def run_in_workers(
    run: Callable[[Job], object],
    jobs: Sequence[Job],
    workers: int,
    done: Callable[[], None],
    group: Callable[[Job], Hashable] = lambda job: None,
) -> None:
    """Do jobs in worker processes.

    A signal to this process stops the workers: traces in hand are closed and keep what is in them.
    The workers also stop when this process is gone, however it ended.

    Parameters
    ----------
    run : callable
        Does a job; picklable.
    jobs : sequence
        Picklable.
    workers : int
        Processes.
    done : callable
        Called after each job.
    group : callable
        What a job shares with others: those go to one process while there are more for the others.

    Raises
    ------
    Interrupted
        By a signal.
    TraceError
        A worker process died.
    QnetsimError
        What a job raised first.
    """
    job_of: dict[Future[Any], Job] = {}
    before = {job.out: _written(job.out) for job in jobs}
    with stoppable() as check:

        def finished(future: Future[Any]) -> None:
            _result(future, check)
            note_standing(job_of[future].out, "complete")
            done()

        try:
            with _working(run, jobs, workers, group) as futures:
                job_of.update(zip(futures, jobs, strict=True))
                _await(futures, check, finished)
        except BaseException:
            for future, job in job_of.items():
                _note(future, job.out, before[job.out])
            raise


def map_in_workers(
    find: Callable[[Item], Found], items: Sequence[Item], workers: int
) -> Iterable[Found]:
    """What a function finds for each item, in their order, in processes forked from this one.

    Parameters
    ----------
    find : callable
        Picklable, as the items and what it returns.
    items : sequence
    workers : int
        Processes. With one, with few items and where this process cannot be forked it does all by
        itself: to begin others takes a second, and they would run a caller's script again.

    Raises
    ------
    Interrupted
        By a signal.
    TraceError
        A worker process died.
    QnetsimError
        What was raised for the first of the items for which something was.
    """
    with unwatched():
        here = workers <= 1 or len(items) < FEW_ITEMS or not can_fork()
    if here:
        return map(find, items)
    size = max(1, len(items) // (workers * PIECES))
    pieces = [items[first : first + size] for first in range(0, len(items), size)]
    work = _working(partial(_found, find), pieces, workers, lambda piece: None)
    with stoppable() as check, work as futures:
        _await(futures, check, lambda future: None)
        return [found for future in futures for found in _result(future, check)]


def _found(find: Callable[[Item], Found], items: Sequence[Item]) -> list[Found]:
    return [find(item) for item in items]


@contextmanager
def _working(
    run: Callable[[Any], object],
    jobs: Sequence[Any],
    workers: int,
    group: Callable[[Any], Hashable],
) -> Iterator[list[Future[Any]]]:
    """Begin workers that do jobs; they are stopped, and have ended, where an error leaves this."""
    # its start sets the mask of signals
    resource_tracker.ensure_running()
    with ExitStack() as stack:
        with unwatched(), untouched_by_terminal():
            context = context_for(run.__module__)
            forks = context.get_start_method() == "fork"
            reading, writing = context.Pipe(duplex=False)
            # a process that is forked has all of it already, and the pipe's other end too
            given = (reading, writing if forks else None, speaks_of_options(), run, jobs)
            pool = ProcessPool(min(workers, len(jobs)), context, _begin, given)
            stack.callback(pool.end)
            futures = [_submit(pool, number, group(job)) for number, job in enumerate(jobs)]
        try:
            yield futures
        except BaseException:
            writing.close()
            # they end by themselves, but for one that is stopped, or that C code does not let go
            pool.end(GRACE_S + LEAVE_S)
            raise


def _submit(pool: ProcessPool, number: int, group: Hashable) -> Future[Any]:
    """Submit a job; where a worker has died it fails, as those that were submitted before."""
    try:
        return pool.submit(_do, number, group=group)
    except BrokenProcessPool as error:
        failed: Future[Any] = Future()
        failed.set_exception(error)
        return failed


class _Work(NamedTuple):
    """What a worker has to do."""

    run: Callable[[Any], object]
    jobs: Sequence[Any]


#: Of this process, where it is a worker: its only entry.
_work: list[_Work] = []


def _begin(
    pipe: Connection,
    other_end: Connection | None,
    of_options: bool,
    run: Callable[[Any], object],
    jobs: Sequence[Any],
) -> None:
    """Begin as a worker; jobs come once, not each by itself, and share what they have in common."""
    if other_end is not None:
        other_end.close()
        forget_parent()
    end_with_parent(pipe, of_options)
    _work.append(_Work(run, jobs))


def _do(number: int) -> object:
    """Do the job of this number."""
    work = _work[0]
    return work.run(work.jobs[number])


def _await(
    futures: Sequence[Future[Any]],
    check: Callable[[], None],
    finished: Callable[[Future[Any]], None],
) -> None:
    """Wait for all, each told as it ends; to ask all that are left at each end costs the square."""
    ended: SimpleQueue[Future[Any]] = SimpleQueue()
    for future in futures:
        future.add_done_callback(ended.put)
    left = len(futures)
    while left:
        try:
            future = ended.get(timeout=LOOK_S)
        except Empty:
            check()
            continue
        check()
        finished(future)
        left -= 1


def _result(future: Future[Any], check: Callable[[], None]) -> Any:
    """What a job returned."""
    try:
        return future.result()
    except BrokenProcessPool:
        time.sleep(LOOK_S)  # a signal to all processes may reach this one last
        check()
        raise TraceError(
            "a worker process died, killed or out of memory; use fewer "
            f"{argument('workers')}{_guard()}"
        ) from None


def _guard() -> str:
    """What a script needs around the call that starts workers."""
    return "" if speaks_of_options() else ', and call below `if __name__ == "__main__":`'


def _written(path: Path) -> tuple[int, int] | None:
    """Which file has this name, and when it was written last; None for none."""
    with suppress(OSError):
        found = path.stat()
        return found.st_ino, found.st_mtime_ns
    return None


def _note(future: Future[object], path: Path, before: tuple[int, int] | None) -> None:
    """Look what a job that was stopped has left."""
    if future.cancelled():
        return
    if future.exception() is None:
        note_standing(path, "complete")
        return
    if _written(path) == before:
        note_standing(path, "")
        return
    try:
        with open_trace(path) as trace:
            complete = trace.status == "complete"
            note_standing(path, "complete" if complete else counted(trace.slots, "slot"))
    except QnetsimError:
        return  # what is there was not made by this command
