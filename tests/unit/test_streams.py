"""Stdout is ours: what libraries print by its number does not reach it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from qnetsim.optimize.solvers import highs
from qnetsim.optimize.solvers.program import Program
from qnetsim.optimize.solvers.settings import SolveSettings
from qnetsim.streams import banners_dropped
from tests.support import ROOT

#: A command whose libraries print banners, by number and from a process of their own.
LOUD = """
import os, sys
import qnetsim.policies.sip as sip
plan = sip.StochasticProgram.plan
def loud(self, setting):
    os.write(1, b"a library's banner\\n")
    os.system("echo another banner")
    return plan(self, setting)
sip.StochasticProgram.plan = loud
from qnetsim.__main__ import main
sys.argv = ["qnetsim", "plan", "tiny", "--json"]
main()
"""


def test_what_a_library_prints_in_a_command_goes_to_stderr(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOUD],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
    )
    assert json.loads(done.stdout)["schema"] == "qnetsim.plan/1"
    assert "a library's banner" in done.stderr
    assert "another banner" in done.stderr


def test_the_solver_prints_nothing_in_python(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import highspy

    class Loud(highspy.Highs):
        """As HiGHS 1.16: a banner ahead of every option."""

        def __init__(self) -> None:
            os.write(1, b"Running HiGHS\n")
            super().__init__()

    monkeypatch.setattr(highspy, "Highs", Loud)
    program = Program(
        cost=np.array([-1.0]),
        matrix=csr_matrix(np.array([[1.0]])),
        row_lower=np.array([-np.inf]),
        row_upper=np.array([2.5]),
        lower=np.array([0.0]),
        upper=np.array([9.0]),
        integer=np.array([True]),
    )
    assert highs.solve(program, SolveSettings()).objective == -2.0
    highs.write(program, tmp_path / "model.lp")
    assert capfd.readouterr() == ("", "")


def test_stdout_is_put_back(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyError), banners_dropped():
        os.write(1, b"banner\n")
        raise KeyError
    os.write(1, b"ours\n")
    assert capfd.readouterr().out == "ours\n"


def test_threads_do_not_put_back_each_others_stdout(capfd: pytest.CaptureFixture[str]) -> None:
    inside = threading.Event()
    leave = threading.Event()

    def first() -> None:
        with banners_dropped():
            inside.set()
            leave.wait(10)

    def second() -> None:
        with banners_dropped():
            os.write(1, b"banner\n")

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    threads[0].start()
    assert inside.wait(10)
    threads[1].start()
    threads[1].join(0.05)
    leave.set()
    for thread in threads:
        thread.join()
    os.write(1, b"ours\n")
    assert capfd.readouterr().out == "ours\n"
