"""All work of a pool is told of, whichever process dies and whenever; and a pool always ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing import get_all_start_methods, get_context
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from qnetsim.process_pool import LEAVE_S, ProcessPool
from tests.support.processes import ENVIRONMENT


def nothing(*given: object) -> None:
    """Begin a process of the pool."""


@pytest.fixture
def pool() -> Iterator[ProcessPool]:
    made = ProcessPool(2, get_context("spawn"), nothing)
    yield made
    made.end(0.0)


def pids(pool: ProcessPool) -> list[int]:
    """Both processes of a pool, once they have begun."""
    for future in [pool.submit(time.sleep, 0.2) for _ in range(2)]:
        future.result(60)
    return [worker.process.pid or 0 for worker in pool._workers]


class Unlike(Exception):
    """Cannot be made again from what it was pickled to."""

    def __init__(self, one: str, other: str) -> None:
        super().__init__(one)


class Unpicklable(Exception):
    def __reduce__(self) -> Any:
        raise TypeError("no pickle of this")


def raise_one(kind: type[BaseException], *given: str) -> None:
    raise kind(*given)


def test_results_and_errors_come_back_each_for_its_work(pool: ProcessPool) -> None:
    futures = [pool.submit(divmod, number, 3) for number in range(20)]
    assert [future.result(60) for future in futures] == [divmod(n, 3) for n in range(20)]
    failed = pool.submit(divmod, 1, 0).exception(60)
    assert isinstance(failed, ZeroDivisionError)
    # where it was raised is told below a traceback
    assert failed.__notes__[0].startswith("In a process of the pool:\nTraceback")
    assert len(set(pids(pool))) == 2


def test_what_no_pipe_can_carry_fails_alone(pool: ProcessPool) -> None:
    lock: object = threading.Lock()
    assert isinstance(pool.submit(print, lock).exception(60), TypeError)
    assert isinstance(pool.submit(threading.Lock).exception(60), TypeError)
    for error in (Unlike, Unpicklable):
        told = pool.submit(raise_one, error, "a", "b").exception(60)
        assert isinstance(told, RuntimeError)
        assert error.__name__ in str(told)
    assert isinstance(pool.submit(raise_one, SystemExit).exception(60), SystemExit)
    assert pool.submit(abs, -1).result(60) == 1


def test_processes_begin_as_work_comes() -> None:
    pool = ProcessPool(3, get_context("spawn"), nothing)
    try:
        assert not pool._workers
        pool.submit(abs, -1).result(60)
        pool.submit(abs, -1).result(60)
        assert len(pool._workers) == 1
        for future in [pool.submit(time.sleep, 0.1) for _ in range(5)]:
            future.result(60)
        assert len(pool._workers) == 3
    finally:
        pool.end()
    with pytest.raises(RuntimeError, match="has ended"):
        pool.submit(abs, -1)


def in_group(group: int) -> tuple[int, int]:
    time.sleep(0.01)
    return group, os.getpid()


def test_work_of_one_group_goes_to_one_process(pool: ProcessPool) -> None:
    futures = [pool.submit(in_group, group, group=group) for group in range(6) for _ in range(4)]
    processes: dict[int, set[int]] = {}
    for future in futures:
        group, process = future.result(60)
        processes.setdefault(group, set()).add(process)
    assert len(processes) == 6
    assert len(set.union(*processes.values())) == 2
    # both share the last one, and the first one where the others are not submitted yet
    assert sum(len(found) > 1 for found in processes.values()) <= 2


def test_all_work_fails_where_a_process_dies(pool: ProcessPool) -> None:
    one, _ = pids(pool)
    futures = [pool.submit(time.sleep, 60) for _ in range(5)]
    time.sleep(0.2)
    os.kill(one, signal.SIGKILL)
    done, left = wait(futures, 30)
    assert not left
    assert all(isinstance(future.exception(), BrokenProcessPool) for future in done)
    with pytest.raises(BrokenProcessPool):
        pool.submit(abs, -1)


def test_work_that_is_submitted_while_a_process_dies_is_told_of() -> None:
    """Again and again, for there is no telling when within a submission it dies."""
    for turn in range(8):
        pool = ProcessPool(2, get_context("spawn"), nothing)
        one, _ = pids(pool)
        futures = []
        with suppress(BrokenProcessPool):
            for number in range(3000):
                futures.append(pool.submit(abs, -number))
                if number == 40 * turn:
                    os.kill(one, signal.SIGKILL)
        assert not wait(futures, 30).not_done
        pool.end()


def test_an_idle_process_that_dies_is_noticed(pool: ProcessPool) -> None:
    one, _ = pids(pool)
    os.kill(one, signal.SIGKILL)
    deadline = time.monotonic() + 30
    with pytest.raises(BrokenProcessPool):
        while time.monotonic() < deadline:
            pool.submit(abs, -1).result(30)


def stop() -> None:
    """Hear of nothing from here on."""
    os.kill(os.getpid(), signal.SIGSTOP)


def die_in_result() -> None:
    """Die where a result is given: after its length."""
    frame: FrameType | None = sys._getframe()
    while frame is not None and "pipe" not in frame.f_locals:
        frame = frame.f_back
    assert frame is not None
    os.write(frame.f_locals["pipe"].fileno(), (100).to_bytes(4, "big"))
    os.kill(os.getpid(), signal.SIGKILL)


def leave_child() -> None:
    """Die, and leave a child that keeps the pipe open."""
    if os.fork():
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(20)
    os._exit(0)


@pytest.mark.parametrize("harm", [die_in_result, leave_child])
def test_a_process_that_dies_at_a_bad_moment_is_noticed(
    pool: ProcessPool, harm: Callable[[], None]
) -> None:
    assert isinstance(pool.submit(harm).exception(15), BrokenProcessPool)


def keep_child(seconds: float) -> int:
    """Leave a child that outlives this process."""
    if child := os.fork():
        return child
    time.sleep(seconds)
    os._exit(0)


def test_a_child_of_a_process_does_not_keep_the_pool(pool: ProcessPool) -> None:
    child = pool.submit(keep_child, 30.0).result(60)
    begun = time.monotonic()
    pool.end()
    assert time.monotonic() - begun < LEAVE_S / 2
    os.kill(child, signal.SIGKILL)


def test_more_may_be_submitted_than_a_pipe_holds(pool: ProcessPool) -> None:
    for pid in pids(pool):
        os.kill(pid, signal.SIGSTOP)
    data = bytes(1 << 20)
    futures = [pool.submit(len, data) for _ in range(2**14 + 100)]
    pool.end(0.5)
    assert all(future.done() for future in futures)


FORGETFUL = """
from multiprocessing import get_all_start_methods, get_context
from pathlib import Path
from qnetsim.process_pool import LEAVE_S, ProcessPool
from tests.support.processes import ENVIRONMENT

def nothing():
    pass

if __name__ == "__main__":
    pool = ProcessPool(2, get_context({kind!r}), nothing)
    print(pool.submit(abs, -1).result(60))
"""


@pytest.mark.parametrize("kind", get_all_start_methods())
def test_a_program_that_does_not_end_its_pool_ends(kind: str, tmp_path: Path) -> None:
    script = tmp_path / "forgetful.py"
    script.write_text(FORGETFUL.format(kind=kind))
    done = subprocess.run(
        [sys.executable, str(script)],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("1\n", "")


@pytest.mark.parametrize("harm", [stop, die_in_result])
def test_a_pool_ends_whatever_its_processes_do(harm: Callable[[], None]) -> None:
    pool = ProcessPool(2, get_context("spawn"), nothing)
    begun = pids(pool)
    future = pool.submit(harm)
    waiting = [pool.submit(time.sleep, 60) for _ in range(3)]
    time.sleep(0.5)
    ending = threading.Thread(target=pool.end, args=(1.0,), daemon=True)
    ending.start()
    ending.join(30)
    # else they would be waited for at the end of the tests
    for pid in begun:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert not ending.is_alive()
    assert all(one.done() for one in (future, *waiting))
    assert waiting[-1].cancelled() or harm is die_in_result
