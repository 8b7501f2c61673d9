"""One input given to one target: how it ends, within limits of time and memory."""

from __future__ import annotations

import hashlib
import resource
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import qnetsim
from qnetsim.errors import QnetsimError
from tests.fuzz.seeds import Home
from tests.fuzz.targets import Refused, StatusError, Stopped, Target

PACKAGE = str(next(iter(qnetsim.__path__)))
#: Ends that are no fault.
FINE = ("accepted", "refused", "stopped")
#: An input that no target was given: HDF5 can crash on a file that is to be changed.
NOT_MADE = "not made"
#: Ends that are faults.
FAULTS = ("traceback", "memory", "status", "hang", "crash")
#: Memory that one input may take beside what the process has, in bytes.
MOST_MEMORY = 3 << 30
#: Time that a command has to stop once it is told to, in seconds.
GRACE_S = 15.0


class HangError(BaseException):
    """An input takes too long; no handler of the package catches it."""


@dataclass(frozen=True)
class End:
    """How an input ended.

    Attributes
    ----------
    kind : str
        One of ``FINE`` or ``FAULTS``.
    text : str
        Message, or traceback.
    key : str
        Tells faults apart: type and place. Empty where there is none.
    """

    kind: str
    text: str = ""
    key: str = ""


class _Watch:
    """Interrupts an input that uses up its CPU time; one that waits gets eight times as long."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.deadline = time.process_time() + target.limit_s
        self.latest = time.monotonic() + 8 * target.limit_s
        self.told = False

    def alarm(self, number: int, frame: FrameType | None) -> None:
        if time.process_time() < self.deadline and time.monotonic() < self.latest:
            return
        if frame is not None and frame.f_code.co_filename.endswith("weakref.py"):
            return  # Python drops what is raised in a callback, and says so on stderr
        if self.target.stops and not self.told:
            self.told = True
            self.deadline = time.process_time() + GRACE_S
            self.latest = time.monotonic() + 8 * GRACE_S
            signal.raise_signal(signal.SIGINT)
            return
        raise HangError


@contextmanager
def _watched(target: Target) -> Iterator[None]:
    before = signal.signal(signal.SIGALRM, _Watch(target).alarm)
    signal.setitimer(signal.ITIMER_REAL, 0.25, 0.25)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def _bounded_memory() -> Iterator[None]:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MOST_MEMORY, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _place(error: BaseException) -> str:
    """Innermost line of the package in a traceback."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if PACKAGE in f.filename]
    if not frames:
        return "outside"
    return f"{Path(frames[-1].filename).stem}-{frames[-1].name}-{frames[-1].lineno}"


def _fault(kind: str, error: BaseException) -> End:
    # frames of endless recursion are not all shown
    text = "".join(traceback.format_exception(error, limit=-40))
    return End(kind, text, f"{type(error).__name__}-{_place(error)}")


def attempt(target: Target, path: Path, home: Home) -> End:
    """Give the input in a file to a target."""
    if torch := sys.modules.get("torch"):
        # what was stopped at any instruction may have left it off
        torch.set_grad_enabled(True)
    try:
        with warnings.catch_warnings(), _bounded_memory(), _watched(target):
            # numpy's complaints reach users as warnings that mean nothing to them
            warnings.simplefilter("error", RuntimeWarning)
            warnings.simplefilter("ignore", UserWarning)
            target.read(path, home)
    except (QnetsimError, Refused) as error:
        return End("refused", str(error))
    except Stopped:
        return End("stopped")
    except KeyboardInterrupt as error:
        return _fault("traceback", error)
    except StatusError as error:
        key = hashlib.sha256(str(error)[-80:].encode("utf-8", "replace")).hexdigest()[:8]
        return End("status", str(error), f"status-{key}")
    except MemoryError as error:
        return _fault("memory", error)
    except HangError as error:
        return _fault("hang", error)
    except Exception as error:  # noqa: BLE001 - whatever reaches the user as a traceback
        return _fault("traceback", error)
    return End("accepted")
