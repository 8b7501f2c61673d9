"""Pool of processes that tells of all its work, whichever of them dies and whenever.

Each process has a pipe of its own. So none can take with it what the others need, as the locks of
common queues, and its end is seen at that pipe.
"""

from __future__ import annotations

import pickle
import threading
import time
import traceback
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import ForkingPickler
from multiprocessing.util import Finalize
from typing import Any

from qnetsim.pool_queue import PoolQueue, Work

#: How long processes may take to end once they have nothing to do, in seconds.
LEAVE_S = 10.0
#: How often is looked whether all processes are there, in seconds: a child of a process may keep
#: its pipe open.
LOOK_S = 1.0


@dataclass(eq=False)
class _Worker:
    """A process, our end of its pipe, what it is at, and the group of that."""

    process: BaseProcess
    pipe: Connection
    future: Future[Any] | None = None
    group: Hashable = None


class ProcessPool:
    """Does work in processes, which begin as work comes; those that are forked begin at once.

    A thread hands the work out. If a process dies, all work that is not done fails, and so does
    what is submitted later. End it by :meth:`end`.

    Parameters
    ----------
    processes : int
        At most.
    context : BaseContext
        How they begin. To be forked, this process has to have one thread.
    begin : callable
        Called first in each process; picklable unless it is forked.
    given : tuple
        Its arguments.
    """

    def __init__(
        self,
        processes: int,
        context: BaseContext,
        begin: Callable[..., None],
        given: tuple[Any, ...] = (),
    ) -> None:
        self._most = processes
        self._context: Any = context
        self._begin = begin
        self._given = given
        self._lock = threading.Lock()
        self._waiting = PoolQueue()
        self._workers: list[_Worker] = []
        self._broken = self._closing = False
        self._woken, self._wake = context.Pipe(duplex=False)
        self._is_woken = False
        self._thread: threading.Thread | None = None
        self._forks = context.get_start_method() == "fork"
        # a program that leaves without a word would wait for the processes for ever
        self._at_exit = Finalize(None, self.end, exitpriority=0)
        if self._forks:
            for _ in range(processes):
                self._start_process()

    def submit(
        self, task: Callable[..., Any], /, *given: Any, group: Hashable = None
    ) -> Future[Any]:
        """Begin work.

        Parameters
        ----------
        task : callable
        *given
            Its arguments; all picklable, as what it returns.
        group : hashable
            Work of one group goes to one process while there is other work for the others.

        Raises
        ------
        BrokenProcessPool
            A process has died.
        """
        future: Future[Any] = Future()
        with self._lock:
            if self._broken:
                raise BrokenProcessPool(_DIED)
            if self._closing:
                raise RuntimeError("the pool of processes has ended")
            idle = sum(worker.future is None for worker in self._workers)
            if idle <= len(self._waiting) and len(self._workers) < self._most:
                self._start_process()
            if self._thread is None:
                thread = threading.Thread(target=self._manage, daemon=True, name="pool")
                thread.start()
                self._thread = thread
            self._waiting.put(Work(future, task, given, group))
            self._wake_thread()
        return future

    def end(self, seconds: float = LEAVE_S) -> None:
        """Drop the work that waits, and wait until all processes have ended; safe to repeat.

        Parameters
        ----------
        seconds : float
            Processes that are still there after this time are killed.
        """
        deadline = time.monotonic() + seconds
        with self._lock:
            self._closing = True
            dropped = self._waiting.empty()
            self._wake_thread()
        for work in dropped:
            work.future.cancel()
            work.future.set_running_or_notify_cancel()
        if self._thread is not None:
            self._thread.join(seconds)
            if self._thread.is_alive():
                self._kill()
                self._thread.join()
        for worker in self._workers:
            worker.pipe.close()  # which an idle process takes as its end
        self._wait_for_ends(deadline)
        self._kill()
        self._wait_for_ends(time.monotonic() + LEAVE_S)
        self._at_exit.cancel()

    def _wait_for_ends(self, deadline: float) -> None:
        # not by `join`: a child of a process may keep open what that looks at
        while any(worker.process.is_alive() for worker in self._workers):
            if time.monotonic() > deadline:
                return
            time.sleep(0.005)

    def _kill(self) -> None:
        for worker in self._workers:
            worker.process.kill()

    def _wake_thread(self) -> None:
        """Let the thread look again; a pipe that nobody reads is soon full, so once is enough."""
        if not self._is_woken:
            self._is_woken = True
            self._wake.send_bytes(b"")

    def _start_process(self) -> None:
        pipe, its_end = self._context.Pipe()
        # ends that a forked process has too, and that would keep others from seeing our end
        ours = [*(worker.pipe for worker in self._workers), pipe] if self._forks else []
        process = self._context.Process(
            target=_serve, args=(its_end, ours, self._begin, self._given)
        )
        process.start()
        its_end.close()
        self._workers.append(_Worker(process, pipe))

    def _manage(self) -> None:
        """Hand work out and take results, until the pool ends or breaks."""
        try:
            while self._goes_on():
                pass
        except BaseException:
            self._break()
            raise

    def _goes_on(self) -> bool:
        """Hand work out, and take the next results."""
        self._hand_out()
        with self._lock:
            workers = list(self._workers)
            if self._closing and not any(worker.future for worker in workers):
                return False
        ready = wait([self._woken, *(worker.pipe for worker in workers)], LOOK_S)
        if self._woken in ready:
            with self._lock:
                self._woken.recv_bytes()
                self._is_woken = False
        whole = [_took_result(worker) for worker in workers if worker.pipe in ready]
        if all(whole) and all(worker.process.is_alive() for worker in workers):
            return True
        self._break()
        return False

    def _hand_out(self) -> None:
        """Give work to processes that have none."""
        while True:
            with self._lock:
                idle = next((one for one in self._workers if one.future is None), None)
                if idle is None or not self._waiting:
                    return
                others = [one.group for one in self._workers if one is not idle]
                work = self._waiting.take(idle.group, others)
                idle.future, idle.group = work.future, work.group
            if not work.future.set_running_or_notify_cancel():
                idle.future = None
                continue
            try:
                data = ForkingPickler.dumps((work.task, work.given))
            except Exception as error:  # noqa: BLE001 - whatever a caller's object raises
                idle.future = None
                work.future.set_exception(error)
                continue
            try:
                idle.pipe.send_bytes(data)
            except OSError:
                return  # it has died, which is seen at the other end of its pipe

    def _break(self) -> None:
        """Fail all work that is not done, and end the processes."""
        with self._lock:
            self._broken = True
            left = [work.future for work in self._waiting.empty()]
        for worker in self._workers:
            worker.process.terminate()
            if worker.future is not None:
                worker.future.set_exception(BrokenProcessPool(_DIED))
                worker.future = None
        for future in left:
            if future.set_running_or_notify_cancel():
                future.set_exception(BrokenProcessPool(_DIED))


_DIED = "a process of the pool died"


def _took_result(worker: _Worker) -> bool:
    """Take the result of a process; returns whether it is still there."""
    try:
        data = worker.pipe.recv_bytes()
    except (EOFError, OSError):
        return False
    future, worker.future = worker.future, None
    assert future is not None
    try:
        done, result = pickle.loads(data)  # noqa: S301 - of a process that was begun here
    except Exception as error:  # noqa: BLE001 - a result of a caller that cannot be made again
        done, result = False, error
    if done:
        future.set_result(result)
    else:
        future.set_exception(result)
    return True


def _serve(
    pipe: Connection, others: list[Connection], begin: Callable[..., None], given: tuple[Any, ...]
) -> None:
    """Do what comes by the pipe until it ends."""
    for other in others:
        other.close()
    begin(*given)
    while True:
        try:
            pipe.send_bytes(_result(pipe.recv_bytes()))
        except (EOFError, OSError):
            return


def _result(data: bytes) -> Any:
    """What a task gives, or what it raises, with the place where it did."""
    try:
        task, given = pickle.loads(data)  # noqa: S301 - of the process that began this one
        return ForkingPickler.dumps((True, task(*given)))
    except BaseException as error:  # noqa: BLE001 - raised again where the result is asked for
        error.add_note(f"In a process of the pool:\n{traceback.format_exc()}")
        try:
            told = ForkingPickler.dumps((False, error))
            pickle.loads(told)  # noqa: S301 - whether it can be made again
            return told
        except Exception:  # noqa: BLE001 - whatever is in it
            return ForkingPickler.dumps((False, RuntimeError(traceback.format_exc())))
