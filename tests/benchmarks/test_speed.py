"""Speed, as ratios within one run on one machine: ``make bench``.

Nothing here is asserted against a clock but the ratio to the baseline that the project promises.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from baseline import Baseline
from helpers import nsfnet, run

from qnetsim.planning import make_plan
from qnetsim.policies.registry import make_policy
from qnetsim.scenario import PolicyTable
from qnetsim.simulate import open_case, run_case, simulate
from qnetsim.trace import open_trace

pytestmark = pytest.mark.slow

SIP = PolicyTable(name="sip")
#: Kernel with trace over baseline, in requests per CPU second.
PROMISED = 60
ROUNDS = 5


def cpu(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


@pytest.mark.parametrize("requests", [100, 1000])
@pytest.mark.parametrize("coupling", ["comonotone", "independent"])
def test_kernel_against_the_baseline(requests: int, coupling: str, tmp_path: Path) -> None:
    slots, few = 50 * 1024 if coupling == "comonotone" else 8 * 1024, 20_000 // requests
    keys = {"demand__requests": str(requests), "demand__coupling": json.dumps(coupling)}
    long = nsfnet(run__slots=str(slots), **keys)
    short = nsfnet(run__slots=str(few), **keys)
    case = open_case(short)
    plan = make_plan(long, SIP)
    levels = next(case.realisation(0).chunks()).levels
    judged = run(case, make_policy("sip", {}))
    ratios, rates, slow = [], [], []
    for number in range(ROUNDS):
        baseline = Baseline(case, plan, levels)
        slow.append(few * requests / cpu(baseline.run))
        path = tmp_path / f"{number}.h5"
        rates.append(slots * requests / cpu(lambda p=path: simulate(long, SIP, p, plan=plan)))
        ratios.append(rates[-1] / slow[-1])
        path.unlink()
    # the same numbers, or the ratio would mean nothing
    np.testing.assert_array_equal(judged.cost, baseline.cost)
    assert judged.columns["served"].sum() == baseline.served
    for i, pool in enumerate(("reservation", "on_demand")):
        for flow in ("produced", "consumed", "expired"):
            ledger = judged.ledger[f"{pool}_{flow}_bits"]
            np.testing.assert_array_equal(ledger, getattr(baseline, flow)[i])
    ratio = float(np.median(ratios))
    print(
        f"\nR = {requests}, {coupling}: {np.median(rates) / 1e6:.2f} M requests/s with trace, "
        f"{requests / np.median(rates) * 1e6:.1f} µs a slot; baseline "
        f"{np.median(slow) / 1e3:.1f} k requests/s; ratio {ratio:.0f} "
        f"({min(ratios):.0f} … {max(ratios):.0f})"
    )
    if requests == 100 and coupling == "comonotone":
        assert ratio >= PROMISED


def test_share_of_the_trace(tmp_path: Path) -> None:
    scenario = nsfnet(run__slots=str(100 * 1024), demand__requests="100")
    plan, case = make_plan(scenario, SIP), open_case(scenario)
    path = tmp_path / "t.h5"
    whole = cpu(lambda: simulate(scenario, SIP, path, plan=plan))
    world = case.realisation(0).chunks()
    kernel = cpu(
        lambda: run_case(case, make_policy("sip", {}), "t", world, 0, lambda *_: None, plan)
    )
    with open_trace(path) as trace:
        slots = trace.slots
    print(
        f"\nkernel {kernel / slots * 1e6:.2f} µs a slot, with trace {whole / slots * 1e6:.2f}; "
        f"{path.stat().st_size / slots:.1f} bytes a slot"
    )


@pytest.mark.parametrize(("topology", "requests"), [("nsfnet", 100), ("usnet", 200)])
def test_a_comparison(topology: str, requests: int, tmp_path: Path) -> None:
    from qnetsim.cli import _run

    root = Path(__file__).parents[2]
    arguments = ["compare", str(root / "scenarios" / f"{topology}.toml"), "--out", str(tmp_path)]
    started = time.perf_counter()
    assert _run(arguments) == 0
    print(f"\ncompare {topology}, |R| = {requests}: {time.perf_counter() - started:.1f} s")


@pytest.mark.benchmark(group="serve")
@pytest.mark.parametrize("coupling", ["comonotone", "independent"])
def test_serve_a_chunk(benchmark: Callable[..., object], coupling: str) -> None:
    case = open_case(
        nsfnet(run__slots="1024", demand__requests="100", demand__coupling=json.dumps(coupling))
    )
    plan = make_plan(case.scenario, SIP)
    benchmark(lambda: run(case, make_policy("sip", {}), plan=plan))
