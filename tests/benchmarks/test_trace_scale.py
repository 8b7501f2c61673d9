"""Traces of a million slots: opened at once, compared in little memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from qnetsim.runs.simulate import simulate
from qnetsim.scenario import PolicyTable
from tests.support.helpers import nsfnet

SLOTS = 1_000_000


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("million")
    scenario = nsfnet(run__slots=str(SLOTS), demand__requests="100")
    return [
        simulate(scenario, PolicyTable(name=name), folder / f"{name}.h5") for name in ("sip", "evf")
    ]


def measured(code: str) -> list[str]:
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return run.stdout.split()


def test_opening_takes_less_than_a_second(traces: list[Path]) -> None:
    code = (
        "import time, qnetsim\nstart = time.perf_counter()\n"
        f"with qnetsim.open_trace({str(traces[0])!r}) as t: slots = t.slots\n"
        "print(slots, time.perf_counter() - start)\n"
    )
    slots, seconds = measured(code)
    size = traces[0].stat().st_size
    print(f"\nopened in {float(seconds):.2f} s; {size / SLOTS:.1f} bytes a slot")
    assert int(slots) == SLOTS
    assert float(seconds) < 1


def test_a_comparison_needs_less_than_500_mb(traces: list[Path], tmp_path: Path) -> None:
    paths = ", ".join(repr(str(path)) for path in traces)
    code = (
        "import resource\nfrom pathlib import Path\nfrom qnetsim.analysis import compare_traces\n"
        "from qnetsim.analysis.report import write_report\n"
        f"write_report(compare_traces([{paths}]), Path({str(tmp_path)!r}))\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )
    megabytes = int(measured(code)[0]) / 1024
    print(f"\ncompare of two: {megabytes:.0f} MB")
    assert megabytes < 500
