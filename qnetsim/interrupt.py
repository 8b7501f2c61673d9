"""Stop cleanly: SIGINT and SIGTERM are noted, and take effect between two steps of the work.

An exception that is raised at an arbitrary instruction can be lost (in a destructor) or interrupt
a write. A second signal does raise at once, in case the work never reaches its next check.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


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
