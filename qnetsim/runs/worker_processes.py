"""How worker processes begin, and that they end with the process that started them."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext

from qnetsim.errors import speak_of_options
from qnetsim.interrupt import SIGNALS, end_process, end_unless_deferred
from qnetsim.network import TopologyWarning

#: How often the parent looks for signals, and how long work may take to stop, in seconds.
LOOK_S = 0.2
GRACE_S = 30.0
#: How long a thread may take to end once it has nothing to do, in seconds.
END_S = 0.1


def context_for(module: str) -> BaseContext:
    """How workers begin: forked, where that is safe.

    A process with one thread is forked itself: its workers share what it has imported, planned
    and drawn. Another one may hold locks, so workers are forked from a process that has imported
    the module and does nothing else.
    """
    if can_fork():
        return get_context("fork")
    if sys.platform != "linux":
        return get_context("spawn")
    context = get_context("forkserver")
    context.set_forkserver_preload([module])
    return context


def can_fork() -> bool:
    """Whether workers can be forked from this process: it has one thread, which holds no locks."""
    return sys.platform == "linux" and _has_one_thread()


def _has_one_thread() -> bool:
    """Whether this process has no other thread; one that has ended may be there for a moment."""
    until = time.monotonic() + END_S
    while threading.active_count() == 1:
        if _native_threads() == 1:
            return True
        if time.monotonic() > until:
            return False
        time.sleep(END_S / 100)
    return False


def _native_threads() -> int:
    """Threads of this process, those of libraries too."""
    try:
        return len(os.listdir("/proc/self/task"))  # noqa: PTH208 - a count of names
    except OSError:
        return 0  # not known, so not one


@contextmanager
def untouched_by_terminal() -> Iterator[None]:
    """Start processes that signals to a group do not reach: their parent tells them to stop."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def end_with_parent(pipe: Connection, of_options: bool) -> None:
    """Stop this process once the other end of the pipe is closed; first thing in a worker.

    Work in hand is stopped as by SIGTERM, so its trace keeps what is in it.
    """
    speak_of_options(of_options)
    # the parent has read the same file, and told
    warnings.filterwarnings("ignore", category=TopologyWarning)
    for number in SIGNALS:
        if number != signal.SIGTERM:
            signal.signal(number, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM,))

    def watch() -> None:
        pipe.poll(None)
        os.kill(os.getpid(), signal.SIGTERM)
        deadline = time.monotonic() + GRACE_S
        while time.monotonic() < deadline:
            end_unless_deferred(1)
            time.sleep(LOOK_S / 10)
        end_process(1)

    threading.Thread(target=watch, daemon=True, name="parent").start()
