"""Traces of a million slots: opened as fast as short ones, compared in little memory."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from qnetsim.runs.simulate import simulate
from qnetsim.scenario import PolicyTable
from qnetsim.trace import open_trace
from tests.support.helpers import nsfnet
from tests.support.release import PEAK

pytestmark = pytest.mark.slow

SLOTS = 1_000_000
FEW = 1_000
ROUNDS = 5


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


def test_opening_takes_as_long_as_that_of_a_short_trace(traces: list[Path], tmp_path: Path) -> None:
    scenario = nsfnet(run__slots=str(FEW), demand__requests="100")
    short = simulate(scenario, PolicyTable(name="sip"), tmp_path / "short.h5")

    def opened(path: Path) -> float:
        started = time.process_time()
        with open_trace(path) as trace:
            assert trace.slots == (FEW if path == short else SLOTS)
        return time.process_time() - started

    opened(short)
    pairs = [(opened(short), opened(traces[0])) for _ in range(ROUNDS)]
    few, many = map(min, zip(*pairs, strict=True))
    size = traces[0].stat().st_size
    print(
        f"\n{SLOTS:,} slots opened in {1e3 * many:.1f} ms, {FEW:,} in {1e3 * few:.1f}, "
        f"{many / few:.2f} times; {size / SLOTS:.1f} bytes a slot"
    )
    assert many <= 1.8 * few


def test_a_comparison_needs_less_than_500_mb(traces: list[Path], tmp_path: Path) -> None:
    paths = ", ".join(repr(str(path)) for path in traces)
    code = (
        f"{PEAK}\nfrom pathlib import Path\nfrom qnetsim.analysis import compare_traces\n"
        "from qnetsim.analysis.report import write_report\n"
        f"write_report(compare_traces([{paths}]), Path({str(tmp_path)!r}))\n"
        "print(peak_mb())\n"
    )
    megabytes = float(measured(code)[0])
    print(f"\ncompare of two: {megabytes:.0f} MB")
    assert megabytes < 500
