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

from qnetsim.arrays import FloatArray, IntArray
from qnetsim.case import open_case
from qnetsim.kernel import Kernel, SlotBlock
from qnetsim.kernel.serving.jit import chosen
from qnetsim.kernel.serving.paths import PathTable
from qnetsim.network.detours import Detours
from qnetsim.plans.make import make_plan
from qnetsim.policies.registry import make_policy
from qnetsim.runs.run_context import RunContext, run_case
from qnetsim.runs.simulate import simulate
from qnetsim.scenario import PolicyTable, Scenario
from tests.support import ROOT
from tests.support.baseline import Baseline
from tests.support.helpers import nsfnet, run

pytestmark = pytest.mark.slow

SIP = PolicyTable(name="sip")
#: Kernel with trace over baseline, in requests per CPU second, by requests in a slot.
PROMISED = {100: 100, 1000: 400}
#: The trace's share of a run's time with 100 requests, on two cores.
TRACE_SHARE = 0.2
ROUNDS = 5
SETTINGS = pytest.mark.parametrize(
    ("requests", "coupling"),
    [(100, "comonotone"), (100, "independent"), (1000, "comonotone"), (1000, "independent")],
)


def cpu(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def setting(requests: int, coupling: str, slots: int) -> Scenario:
    return nsfnet(
        run__slots=str(slots), demand__requests=str(requests), demand__coupling=json.dumps(coupling)
    )


def served(scenario: Scenario) -> Kernel:
    """Kernel that a run of this scenario gets."""
    return chosen("auto", scenario.run.slots * (scenario.demand.requests or 0), walks=False)


@SETTINGS
def test_kernel_against_the_baseline(requests: int, coupling: str, tmp_path: Path) -> None:
    # long enough for the compiled loop; a million slots are no faster
    slots, few = 100 * 1024 if requests == 100 else 20 * 1024, 20_000 // requests
    long, short = setting(requests, coupling, slots), setting(requests, coupling, few)
    case = open_case(short)
    plan = make_plan(long, SIP)
    simulate(short, SIP, tmp_path / "warm.h5", plan=plan, kernel=served(long))
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
    assert ratio >= PROMISED[requests]


@SETTINGS
def test_kernel_against_a_bare_loop(requests: int, coupling: str) -> None:
    bare = pytest.importorskip("bare", reason="the bare loop needs numba")
    slots = 20 * 1024 if requests == 100 else 8 * 1024
    case = open_case(setting(requests, coupling, slots))
    plan, chunks = make_plan(case.scenario, SIP), list(case.realisation(0).chunks())
    network = case.network
    need = network.request_bits(case.forecast.level_count, "channel")
    paths = PathTable(
        network, case.forecast, plan.routes, need, Detours(network.topology, []), "wait"
    )
    levels = np.concatenate([c.levels for c in chunks])[:, case.forecast.group].astype(np.int64)
    arrays = (paths.choice[:requests].copy(), paths.path, paths.fibre, need)
    reserved = plan.qkd_channels * network.channel_bits, network.channel_bits.copy()

    def walk() -> list[IntArray]:
        out = [np.zeros((slots, network.fibres), dtype=np.int64) for _ in range(3)]
        bare.serve(levels, *arrays, *reserved, *out)
        return out

    blocks: list[SlotBlock] = []

    def serve(kernel: Kernel) -> None:
        blocks.clear()
        policy, world = make_policy("sip", {}), iter(chunks)
        context = RunContext(case, "t", kernel=kernel)
        run_case(context, policy, world, lambda _, b: blocks.append(b), plan=plan)

    serve("numba")
    lit = np.concatenate([block.columns["on_demand_channels"] for block in blocks])
    np.testing.assert_array_equal(lit, walk()[2])
    for kernel in ("numba", "numpy"):
        pairs = [(cpu(walk), cpu(lambda k=kernel: serve(k))) for _ in range(ROUNDS)]
        least, ours = (min(times) / slots * 1e6 for times in zip(*pairs, strict=True))
        speed = float(np.median([a / b for a, b in pairs]))
        print(
            f"\nR = {requests}, {coupling}: bare loop {least:.1f} µs a slot, {kernel} {ours:.1f}, "
            f"{speed:.2f} of its speed"
        )
        if requests == 1000 and kernel == "numba":
            assert speed >= 0.5


@SETTINGS
def test_share_of_the_trace(requests: int, coupling: str, tmp_path: Path) -> None:
    slots = 1000 * 1024 if requests == 100 else 40 * 1024
    scenario = setting(requests, coupling, slots)
    plan, case = make_plan(scenario, SIP), open_case(scenario)
    path = tmp_path / "t.h5"

    def clocks(work: Callable[[], object]) -> FloatArray:
        before = np.array([time.perf_counter(), time.process_time()])
        work()
        return np.array([time.perf_counter(), time.process_time()]) - before

    def without() -> object:
        policy, world = make_policy("sip", {}), case.realisation(0).chunks()
        return run_case(RunContext(case, "sip"), policy, world, lambda *_: None, plan=plan)

    def whole() -> object:
        return simulate(scenario, SIP, path, plan=plan, force=True)

    pairs = np.array([(clocks(without), clocks(whole)) for _ in range(ROUNDS)])
    least = pairs.min(axis=0) / slots * 1e6
    share = np.median(1 - pairs[:, 0] / pairs[:, 1], axis=0)
    print(
        f"\nR = {requests}, {coupling}: {least[1, 0]:.2f} µs a slot ({least[1, 1]:.2f} CPU), "
        f"without a trace {least[0, 0]:.2f}; the trace is {share[0]:.0%} of the time, "
        f"{share[1]:.0%} of the CPU time; {path.stat().st_size / slots:.0f} bytes a slot"
    )
    if requests == 100:
        assert share[0] <= TRACE_SHARE


@pytest.mark.parametrize(("topology", "requests"), [("nsfnet", 100), ("usnet", 200)])
def test_a_comparison(topology: str, requests: int, tmp_path: Path) -> None:
    from qnetsim.cli import _run

    root = ROOT
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
