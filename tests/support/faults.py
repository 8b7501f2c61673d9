"""Commands whose n-th call that changes a folder fails, or is the last one before a kill.

A process is started with ``faults.c`` ahead of the C library. It imports everything once, and
forks for every command.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from tests.support import ROOT

#: Kinds of calls, as in ``faults.c``.
KINDS = ("none", "open", "write", "truncate", "sync", "rename", "unlink", "mkdir")


@dataclass(frozen=True)
class Fault:
    """Which call fails, and how.

    Attributes
    ----------
    number : int
        From 1; 0 for no fault.
    error : int
        ``errno``.
    stays : bool
        From that call on, whatever takes space fails: a full disk.
    kills : bool
        The process is killed in place of the call.
    """

    number: int = 0
    error: int = errno.EIO
    stays: bool = False
    kills: bool = False


@dataclass(frozen=True)
class Done:
    """What became of a command.

    Attributes
    ----------
    status : int
        Exit status, negative for a signal.
    stderr, stdout : str
    calls : int
        Calls that changed the folder.
    kind : str
        Of the call that failed, ``none`` where it was not reached.
    """

    status: int
    stdout: str
    stderr: str
    calls: int
    kind: str


class Faults:
    """Runs commands under faults. Use as a context manager.

    Parameters
    ----------
    scratch : Path
        Folder for what belongs to the harness.
    modules : sequence of str
        Imported once, ahead of all commands.
    """

    def __init__(self, scratch: Path, modules: Sequence[str] = ()) -> None:
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None or not sys.platform.startswith("linux"):
            pytest.skip("needs Linux and a C compiler")
        self._scratch = scratch
        library = scratch / "faults.so"
        source = Path(__file__).with_name("faults.c")
        subprocess.run(
            [compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"],
            check=True,
        )
        environment = os.environ | {"LD_PRELOAD": str(library), "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.faults", str(scratch), *modules],
            cwd=ROOT,
            env=environment,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.communicate()

    def run(self, folder: Path, arguments: Sequence[str], fault: Fault | None = None) -> Done:
        """Run ``qnetsim`` with these arguments; the fault is in what changes ``folder``."""
        fault = fault or Fault()
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        numbers = [fault.number, fault.error, int(fault.stays), int(fault.kills)]
        stdin.write(json.dumps([str(folder), numbers, list(arguments)]) + "\n")
        stdin.flush()
        status, calls, kind = json.loads(stdout.readline())
        out, err = ((self._scratch / name).read_text() for name in ("stdout", "stderr"))
        return Done(status, out, err, calls, KINDS[kind])


def _command(scratch: Path, folder: str, numbers: list[int], arguments: list[str]) -> int:
    """Run one command in this process, a fork; returns its exit status."""
    from qnetsim.cli import _run

    faults = ctypes.CDLL(None)
    for name, number in (("stdout", 1), ("stderr", 2)):
        handle = os.open(scratch / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(handle, number)
    try:
        faults.faults_arm(os.fsencode(folder), *numbers)
        status = _run(arguments)
    except BaseException:  # noqa: BLE001, what a user would see
        import traceback

        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    calls = [faults.faults_seen(), faults.faults_fired()]
    faults.faults_arm(b"", 0, 0, 0, 0)
    (scratch / "calls").write_text(json.dumps(calls))
    return status


def _serve(scratch: Path, modules: Sequence[str]) -> None:
    from importlib import import_module

    for name in ("qnetsim.cli", "h5py", *modules):
        import_module(name)
    for line in sys.stdin:
        (scratch / "calls").write_text("[0, 0]")
        child = os.fork()
        if child == 0:
            signal.alarm(300)
            os._exit(_command(scratch, *json.loads(line)))
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print(json.dumps([status, *json.loads((scratch / "calls").read_text())]), flush=True)


if __name__ == "__main__":
    _serve(Path(sys.argv[1]), sys.argv[2:])
