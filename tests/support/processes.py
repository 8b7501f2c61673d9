"""Commands in processes of their own, and what they leave."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.support import ROOT

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
#: What no output of a stopped command may hold.
UGLY = ("Traceback", "Exception ignored", "BrokenPipe", "Error in")


def mind_signals() -> None:
    """Let signals act, also where the tests run in the background and ignore them."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def start(folder: Path, *arguments: str, **more: Any) -> subprocess.Popen[str]:
    """Begin a command in a folder."""
    return start_python(folder, "-m", "qnetsim", *arguments, **more)


def start_python(folder: Path, *words: str, **more: Any) -> subprocess.Popen[str]:
    """Begin Python in a folder."""
    settings: dict[str, Any] = {
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "preexec_fn": mind_signals,
        "env": ENVIRONMENT,
    }
    return subprocess.Popen(
        [sys.executable, *words],
        cwd=folder,
        text=True,
        **(settings | more),
    )


@contextmanager
def killed_at_end(process: subprocess.Popen[Any]) -> Iterator[None]:
    """Kill a process at the end of a block, which a failure may leave while the process waits."""
    try:
        yield
    finally:
        kill(process)


def kill(process: subprocess.Popen[Any], *others: int) -> None:
    """Kill a command and others by their numbers, as far as they are alive; none waits for ever."""
    process.kill()
    for number in others:
        with suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)
    process.communicate(timeout=60)


def wait_until(true: Callable[[], bool], seconds: float = 120) -> bool:
    """Look again and again; returns whether it came true."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def descendants(parent: int) -> list[int]:
    """Processes below a process, by their numbers; dead ones are left out."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z":
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = children.get(parent, [])
    for number in found:
        found += children.get(number, [])
    return found


def alive(number: int) -> bool:
    """Whether a process runs."""
    try:
        state = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def minds_signals(number: int) -> bool:
    """Whether a process handles SIGHUP, as commands do from their first line on."""
    try:
        status = Path(f"/proc/{number}/status").read_text()
    except OSError:
        return False
    caught = int(status.partition("SigCgt:")[2].split()[0], 16)
    return bool(caught >> (signal.SIGHUP - 1) & 1)
