"""How CPU time grows with slots, requests and fibres: ``make growth`` draws growth.png.

``make bench`` takes each of them to its end (``test_growth.py``).
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from qnetsim.plans.make import make_plan
from qnetsim.runs.simulate import simulate
from qnetsim.scenario import PolicyTable, parse_scenario
from tests.support import ROOT
from tests.support.growing import TEXT, network

PICTURE = ROOT / "docs" / "images" / "growth.png"
LEVEL = PolicyTable.model_validate({"name": "level", "level": 3})
#: Each of the fibres is down for a seventeenth of the time, and requests go around it.
FAILING = """
on_outage = "reroute"
patience_s = 1.0
[faults]
fibre_mtbf_s = 80.0
fibre_mttr_s = 5.0
"""


def seconds(folder: Path, topology: str, slots: int, requests: int, more: str = "") -> float:
    """CPU time of a run with its trace, planning and compiling left out; the better of two."""
    text = TEXT.format(slots=slots, topology=topology, requests=requests)
    scenario = parse_scenario(text + more)
    plan, times = make_plan(scenario, LEVEL), []
    for _ in range(2):
        started = time.process_time()
        simulate(scenario, LEVEL, folder / "t.h5", plan=plan, kernel="numba", force=True)
        times.append(time.process_time() - started)
    return min(times)


def main() -> None:
    """Measure, print, draw."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sweeps = {
            "slots (NSFNET, 100 requests)": [
                (n, seconds(folder, "nsfnet", n, 100)) for n in (2048, 8192, 32768, 131072)
            ],
            "requests (NSFNET, 4096 slots)": [
                (n, seconds(folder, "nsfnet", 4096, n)) for n in (100, 400, 1600, 6400)
            ],
            "fibres (4096 slots, 100 requests)": [
                (3 * n // 2, seconds(folder, network(folder, n), 4096, 100))
                for n in (50, 100, 250, 500, 1000)
            ],
            "slots (90 failing fibres, 300 requests)": [
                (n, seconds(folder, network(folder, 60), n, 300, FAILING))
                for n in (128, 512, 2048, 8192)
            ],
        }
    figure = Figure(figsize=(14, 3.6), layout="constrained")
    for axes, (title, points) in zip(figure.subplots(1, 4), sweeps.items(), strict=True):
        x, y = np.array(points).T
        slope = np.polyfit(np.log(x[1:]), np.log(y[1:]), 1)[0]
        axes.loglog(x, y, "o-", color="#1f5f8b")
        axes.loglog(x, y[-1] * x / x[-1], ":", color="black")
        axes.set(title=f"{title}\nexponent {slope:.2f}", ylabel="CPU s")
        axes.title.set_fontsize(9)
        print(title, ", ".join(f"{int(a)}: {b:.2f} s" for a, b in points), f"exponent {slope:.2f}")
    figure.savefig(PICTURE, dpi=110, metadata={"Software": None})


if __name__ == "__main__":
    main()
