"""Networks, requests and slots, each to its end, in little memory: ``make bench``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import ROOT
from tests.support.growing import TEXT, network
from tests.support.release import PEAK, in_tree

pytestmark = pytest.mark.slow

#: Most peak memory.
MOST_MB = 1000
#: Nodes of a network (none: NSFNET), slots and requests, each to its end.
ENDS = ((1000, 32_768, 100), (0, 2048, 100_000), (0, 1_000_000, 100))
POLICY = "sip"
#: Plans, runs with a trace, and gives CPU seconds and peak memory.
END = """
import tempfile, time
from pathlib import Path
from qnetsim.plans.make import make_plan
from qnetsim.runs.simulate import simulate
from qnetsim.scenario import PolicyTable, parse_scenario
scenario, table = parse_scenario(sys.argv[1]), PolicyTable(name=sys.argv[2])
plan = make_plan(scenario, table)
planned = time.process_time()
with tempfile.TemporaryDirectory() as folder:
    simulate(scenario, table, Path(folder) / "t.h5", plan=plan, kernel="numba")
ran = time.process_time() - planned
print(json.dumps({"plan": planned, "run": ran, "peak": peak_mb()}))
"""


@pytest.mark.parametrize(("nodes", "slots", "requests"), ENDS)
def test_memory_stays_below_a_gigabyte(
    nodes: int, slots: int, requests: int, tmp_path: Path
) -> None:
    pytest.importorskip("numba")
    topology = network(tmp_path, nodes) if nodes else "nsfnet"
    text = TEXT.format(slots=slots, topology=topology, requests=requests)
    found = in_tree(ROOT, PEAK + END, text, POLICY)
    print(
        f"\n| {nodes or 14:,} | {slots:,} | {requests:,} | {found['plan']:.1f} "
        f"| {found['run']:.1f} | {found['peak']:.0f} |"
    )
    assert found["peak"] < MOST_MB
