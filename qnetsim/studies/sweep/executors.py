"""Work off a sweep with any executor: a local pool, a Dask cluster, or one of the caller's own."""

from __future__ import annotations

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from contextlib import ExitStack
from multiprocessing import get_context, resource_tracker
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from qnetsim.errors import TraceError, UsageError, argument, speaks_of_options
from qnetsim.interrupt import stoppable
from qnetsim.process_pool import LEAVE_S, ProcessPool
from qnetsim.runs.worker_processes import (
    GRACE_S,
    LOOK_S,
    end_with_parent,
    untouched_by_terminal,
)
from qnetsim.studies.sweep.agenda import Agenda, JobGroup, Tell
from qnetsim.studies.sweep.job_records import JobRecord
from qnetsim.studies.sweep.jobs import do_jobs

#: Units that wait for a worker, beside those that are being done, for each worker.
AHEAD = 1
#: With fewer units for each worker than this, the jobs of a world are done apart.
FEW = 4
#: What a job is told whose worker is gone.
DIED = "its worker process died, killed or out of memory"


class Crew(Protocol):
    """Who does the jobs."""

    @property
    def workers(self) -> int:
        """How many jobs are done at the same time."""
        ...

    def submit(self, folder: Path, lines: Sequence[str]) -> Future[list[JobRecord]]:
        """Begin jobs."""
        ...

    def renew(self) -> None:
        """Make up for workers that died.

        Raises
        ------
        TraceError
            That is not possible.
        """
        ...


class ExecutorCrew:
    """An executor of the caller's own.

    Parameters
    ----------
    executor : concurrent.futures.Executor
    workers : int
        How many jobs it does at the same time.
    """

    def __init__(self, executor: Executor, workers: int) -> None:
        self._executor = executor
        self._workers = workers

    @property
    def workers(self) -> int:
        """How many jobs are done at the same time."""
        return self._workers

    def submit(self, folder: Path, lines: Sequence[str]) -> Future[list[JobRecord]]:
        """Begin jobs.

        Raises
        ------
        UsageError
            The executor takes none.
        """
        try:
            return self._executor.submit(do_jobs, str(folder), tuple(lines))
        except BrokenExecutor:
            raise
        except RuntimeError as error:
            raise UsageError(f"{argument('executor')}: takes no jobs: {error}") from None

    def renew(self) -> None:
        """Refuse: the executor is the caller's."""
        raise TraceError("the executor lost its workers; what is done stands, run it again")


class HeldCrew(ABC):
    """A crew with something to give back: at the end of a ``with`` block."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close(failed=kind is not None)

    @abstractmethod
    def close(self, *, failed: bool) -> None:
        """Give it back, also where the work was given up."""


class LocalCrew(HeldCrew):
    """Worker processes on this machine, which end with this process.

    Parameters
    ----------
    workers : int
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._stopping = ExitStack()
        self._context = get_context("spawn")
        # its start sets the mask of signals
        resource_tracker.ensure_running()
        self._reading, self._writing = self._context.Pipe(duplex=False)
        self._pool = self._new_pool()

    def _new_pool(self) -> ProcessPool:
        given = (self._reading, speaks_of_options())
        return ProcessPool(self._workers, self._context, end_with_parent, given)

    @property
    def workers(self) -> int:
        """How many jobs are done at the same time."""
        return self._workers

    def submit(self, folder: Path, lines: Sequence[str]) -> Future[list[JobRecord]]:
        """Begin jobs."""
        with untouched_by_terminal():  # a process may start here
            return self._pool.submit(do_jobs, str(folder), tuple(lines))

    def renew(self) -> None:
        """Start another pool in place of one whose worker died."""
        # the other workers were told to stop; one in the code of a user may not hear it
        self._pool.end(GRACE_S)
        self._pool = self._new_pool()

    def __enter__(self) -> Self:
        # a signal waits until the processes are gone, and their semaphores with them
        self._stopping.enter_context(stoppable())
        return self

    def close(self, *, failed: bool) -> None:
        """Stop the workers."""
        with self._stopping:
            if failed:
                self._writing.close()  # which stops the workers
            self._pool.end(GRACE_S + LEAVE_S if failed else LEAVE_S)
            self._writing.close()
            self._reading.close()


def default_workers() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def work_off(agenda: Agenda, folder: Path, crew: Crew, tell: Tell = lambda record: None) -> None:
    """Do all jobs of an agenda; those that fail do not stop the others.

    Raises
    ------
    Interrupted
        By a signal.
    TraceError
        The executor is broken, and cannot be renewed.
    """
    out: dict[Future[list[JobRecord]], JobGroup] = {}
    with stoppable() as check:
        try:
            while True:
                check()
                _begin(agenda, folder, crew, out)
                if not out:
                    return
                finished, _ = wait(out, timeout=LOOK_S, return_when=FIRST_COMPLETED)
                if _settle(agenda, finished, out, tell):
                    time.sleep(LOOK_S)  # a signal to all processes may reach this one last
                    check()
                    crew.renew()
        except BaseException:
            for future in out:
                future.cancel()
            raise


def _begin(
    agenda: Agenda, folder: Path, crew: Crew, out: dict[Future[list[JobRecord]], JobGroup]
) -> None:
    """Give jobs to all workers, and to each one more."""
    workers = max(crew.workers, 1)
    while len(out) < workers * (1 + AHEAD) and not any(unit.alone for unit in out.values()):
        split = len(out) + agenda.ready < FEW * workers
        unit = agenda.next_unit(idle=not out, split=split)
        if unit is None:
            return
        try:
            out[crew.submit(folder, [job.line() for job in unit.jobs])] = unit
        except BrokenExecutor:
            # told by the futures of the others, where there are any
            agenda.lost(unit, DIED)
            if not out:
                crew.renew()
            return


def _settle(
    agenda: Agenda,
    finished: set[Future[list[JobRecord]]],
    out: dict[Future[list[JobRecord]], JobGroup],
    tell: Tell,
) -> bool:
    """Note how jobs ended; returns whether the workers are gone."""
    broken = False
    for future in finished:
        unit = out.pop(future)
        try:
            records = future.result()
        except BrokenExecutor:
            agenda.lost(unit, DIED)
            broken = True
        except Exception as error:  # noqa: BLE001 - whatever an executor says of a lost worker
            agenda.lost(unit, f"{DIED} ({type(error).__name__}: {error})")
        else:
            agenda.done(records)
            for record in records:
                tell(record)
    if broken:
        for unit in out.values():
            agenda.lost(unit, DIED)
        out.clear()
    return broken
