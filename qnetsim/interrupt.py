"""Stop in good order: SIGINT, SIGTERM and SIGHUP take effect between two steps of the work.

While files are written (``stoppable``) a signal is noted, and the next check raises. An exception
at an arbitrary instruction could be lost (in a destructor) or interrupt a write. While nothing is
written, the command line ends at once, from a thread of its own: a solver or a compiler does not
delay it, and no library gets to see an exception.
"""

from __future__ import annotations

import os
import select
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from qnetsim.last_message import forget_files, say_end, tell

SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
#: Signals this long after the first no longer wait for the work to reach its next check.
PATIENCE_S = 5.0
#: A single signal waits no longer than this for it, be it that a library is in C for minutes, and
#: for the end after it, be it that nobody reads the last message.
LONGEST_S = 25.0
#: Stands in the pipe of signals, and is none.
_PAUSE = 0
SHOW_CURSOR = b"\x1b[?25h"


class Interrupted(KeyboardInterrupt):
    """The work was stopped by a signal.

    Attributes
    ----------
    number : int
        Of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class _Process:
    """What this process knows of signals and of its files.

    Attributes
    ----------
    noted : list of int
        Signals that came.
    first_s : float
        When the first one came.
    noting : int
        Blocks of work in which signals are noted.
    deferring : int
        Blocks of work that are stopped at their next check only.
    lock : RLock
        Held to begin or end such a block, to change what is removed at the end, and by the thread
        that ends the process between them.
    taken_over, over : bool
        Whether the command line handles signals; has done its work.
    places : set of Path
        Files and folders that are worth nothing once the process is gone.
    folders : set of Path
        Folders that this process made, worth nothing if they are empty.
    """

    def __init__(self) -> None:
        self.noted: list[int] = []
        self.first_s = 0.0
        self.noting = 0
        self.deferring = 0
        self.lock = threading.RLock()
        self.taken_over = False
        self.over = False
        self.places: set[Path] = set()
        self.folders: set[Path] = set()
        self.watcher: _Watcher | None = None

    def note(self, number: int) -> None:
        """A signal came."""
        if not self.noted:
            self.first_s = time.monotonic()
        self.noted.append(number)

    @property
    def impatient(self) -> bool:
        """Whether the first signal has waited for too long."""
        return bool(self.noted) and time.monotonic() - self.first_s > PATIENCE_S


_process = _Process()


@contextmanager
def stoppable(*, at_once: bool = False) -> Iterator[Callable[[], None]]:
    """Note signals while the block runs; yields what raises ``Interrupted`` if one came.

    Leaving the block raises too, where a signal came after the last check.

    Parameters
    ----------
    at_once : bool
        The command line ends at once all the same, but for what is ``deferred``.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    with ExitStack() as stack:
        with _process.lock:
            if not (_process.noting or _process.taken_over):
                _process.noted.clear()
            _process.noting += 1
        stack.callback(_noted_block_ends)
        if not at_once:
            stack.enter_context(deferred())
        before = {} if _process.taken_over else _handle(_note_or_raise)
        try:
            yield _check
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
    _check()


def _noted_block_ends() -> None:
    with _process.lock:
        _process.noting -= 1


@contextmanager
def deferred() -> Iterator[None]:
    """Complete what this block writes ahead of the end, where somebody looks for signals."""
    with _process.lock:
        counts = _process.noting > 0
        _process.deferring += counts
    try:
        yield
    finally:
        with _process.lock:
            _process.deferring -= counts


@contextmanager
def undisturbed() -> Iterator[None]:
    """Do not end the process within this block, which is one of a few system calls."""
    with _process.lock:
        yield


def _check() -> None:
    if _process.noted:
        raise Interrupted(_process.noted[0])


def check_here() -> None:
    """Raise ``Interrupted`` if a signal came, for work that was given no check of its own.

    Outside a block of ``stoppable``, and in other threads, this does nothing.
    """
    if _process.noting and threading.current_thread() is threading.main_thread():
        _check()


def _handle(handler: Callable[[int, FrameType | None], None]) -> dict[int, Any]:
    """Handle signals, but for those that are to be ignored (``nohup``); returns what was set."""
    found = {number: signal.getsignal(number) for number in SIGNALS}
    before = {number: old for number, old in found.items() if old is not signal.SIG_IGN}
    for number in before:
        signal.signal(number, handler)
    return before


def _note_or_raise(number: int, frame: FrameType | None) -> None:
    impatient = _process.impatient
    _process.note(number)
    if impatient:
        raise Interrupted(number)


def take_over() -> None:
    """Handle signals for the rest of this process, as the command line does; safe to repeat."""
    if _process.taken_over:
        return
    _process.taken_over = True
    _process.watcher = _Watcher()
    _handle(lambda number, frame: _process.note(number))


class _Watcher:
    """The thread that signals wake, even while the main thread is in C."""

    def __init__(self) -> None:
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._writing, False)
        self.start()
        # the number of each signal is written at once
        signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)

    def start(self) -> None:
        """Watch."""
        target, given = _watch, (self._reading,)
        self._thread = threading.Thread(target=target, args=given, daemon=True, name="signals")
        self._thread.start()

    def pause(self) -> None:
        """End the thread; signals wait in the pipe until it is started again."""
        os.write(self._writing, bytes((_PAUSE,)))
        self._thread.join()


@contextmanager
def unwatched() -> Iterator[None]:
    """Do without a thread that watches for signals: a process is forked from one thread only.

    Signals that come meanwhile take effect at the end.
    """
    watcher = _process.watcher
    if watcher is None:
        yield
        return
    watcher.pause()
    try:
        yield
    finally:
        watcher.start()


def forget_parent() -> None:
    """In a process that was forked: signals and files are no longer those of its parent."""
    signal.set_wakeup_fd(-1)
    for number in SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    vars(_process).update(vars(_Process()))
    forget_files()


def _watch(reading: int) -> None:
    """End the process at a signal, unless its work is to be stopped at its next check."""
    while True:
        number = _next_signal(reading)
        if number is None or number == _PAUSE:
            return
        if number not in SIGNALS:
            continue
        with _process.lock:
            impatient = _process.impatient
            _process.note(number)
            if _process.over or (_process.deferring and not impatient):
                continue
            _end_now(number)


def _next_signal(reading: int) -> int | None:
    """Number of the next signal; the first one's again once it has waited for too long."""
    while True:
        waits = _process.noted and not _process.over
        left = _process.first_s + LONGEST_S - time.monotonic() if waits else None
        if left is not None and left <= 0:
            return _process.noted[0]
        # looked at twice a second, for a block of work may begin or end meanwhile
        ready, _, _ = select.select([reading], [], [], None if left is None else min(left, 0.5))
        if ready:
            data = os.read(reading, 1)
            return data[0] if data else None


def end_unless_deferred(status: int) -> None:
    """End this process, without a word, unless its work is to be stopped at its next check."""
    with _process.lock:
        if not _process.deferring:
            end_process(status)


def end_process(status: int) -> NoReturn:
    """End this process, without a word, whatever it is at."""
    with _process.lock:
        _remove_all()
        os._exit(status)


def _remove_all() -> None:
    """Remove what is worth nothing once this process is gone."""
    for place in _process.places:
        with suppress(OSError):
            if place.is_dir():
                import shutil

                shutil.rmtree(place)
            place.unlink()
    # the innermost first
    for folder in sorted(_process.folders, key=lambda one: len(one.parts), reverse=True):
        with suppress(OSError):
            folder.rmdir()


def _end_now(number: int) -> None:
    _remove_all()
    if os.isatty(2):
        tell(SHOW_CURSOR)  # a progress display may have hidden it
    say_end(number)
    os._exit(128 + number)


def end_of_command() -> None:
    """From here on signals change nothing: all is done and said."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    _process.over = True


def remove_at_end(place: Path) -> None:
    """Remove this file or folder if a signal ends the process before it has become another."""
    with _process.lock:
        _process.places.add(place.absolute())


def remove_now(place: Path) -> None:
    """Remove a file that was to be removed at the end: from here on its name is free for others.

    Raises
    ------
    OSError
    """
    with _process.lock:
        _process.places.discard(place.absolute())
        place.unlink(missing_ok=True)


def remove_empty_at_end(folders: Sequence[Path]) -> None:
    """Remove these folders, as far as they are empty, if a signal ends the process."""
    with _process.lock:
        _process.folders.update(folder.absolute() for folder in folders)
