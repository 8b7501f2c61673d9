"""Stop cleanly: SIGINT and SIGTERM are noted, and take effect between two steps of the work.

An exception that is raised at an arbitrary instruction can be lost (in a destructor) or interrupt
a write. A second signal does raise at once, in case the work never reaches its next check.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)
#: How often a worker looks for its parent, and how long its work may take to stop, in seconds.
LOOK_S = 1.0
GRACE_S = 30.0


@contextmanager
def stoppable() -> Iterator[Callable[[], None]]:
    """Note signals while the block runs; yields what raises ``KeyboardInterrupt`` if one came."""
    noted: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        if noted:
            raise KeyboardInterrupt
        noted.append(number)

    def check() -> None:
        if noted:
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield check
        return
    before = {number: signal.signal(number, note) for number in SIGNALS}
    try:
        yield check
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def end_with_parent(parent: int) -> None:
    """Stop this process once its parent is gone, however that ended.

    Called first thing in a worker process. Work in hand is stopped as by SIGTERM, so its trace
    keeps what is in it.

    Parameters
    ----------
    parent : int
        Number of the process that started this one.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(LOOK_S)
        os.kill(os.getpid(), signal.SIGTERM)
        deadline = time.monotonic() + GRACE_S
        # work that can be stopped has a handler of its own until its files are closed
        while signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
            if time.monotonic() > deadline:
                break
            time.sleep(LOOK_S / 10)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
