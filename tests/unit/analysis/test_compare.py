"""Comparisons: paired, over the same worlds, the same for any number of workers."""

from __future__ import annotations

from dataclasses import astuple
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from qnetsim.analysis import compare_traces
from qnetsim.analysis.report import write_report
from qnetsim.analysis.waits import Waits
from qnetsim.errors import TraceError, UsageError, WorldMismatchError
from qnetsim.policies import Decision, Observation, Policy
from qnetsim.policies.chosen import policy_table
from qnetsim.runs.batch import run_policies
from qnetsim.runs.simulate import simulate
from qnetsim.scenario import PolicyTable
from qnetsim.trace import open_trace
from tests.support.helpers import nsfnet, outages

SMALL = {"run__slots": "300", "run__replications": "4", "demand__requests": "20"}
TABLES = [PolicyTable(name=n) for n in ("sip", "evf", "random", "perfect")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("compare")
    run_policies(nsfnet(**SMALL), TABLES, path)
    return path


def digests(folder: Path) -> dict[str, str]:
    found = {}
    for path in sorted(folder.glob("*.h5")):
        with open_trace(path) as trace:
            found[path.name] = trace.attribute("content_digest")
    return found


def test_intervals_are_the_paired_formulas(folder: Path) -> None:
    comparison = compare_traces(sorted(folder.glob("*.h5")))
    assert (comparison.reference, comparison.replications, comparison.slots) == ("sip", 4, 300)
    by_name = {p.name: p for p in comparison.policies}
    base = np.array([r.cost for r in by_name["sip"].runs])
    for policy in comparison.policies:
        costs = np.array([r.cost for r in policy.runs])
        assert policy.cost_per_slot == pytest.approx(costs.mean())
        assert policy.ratio == pytest.approx(costs.mean() / base.mean())
        if policy.name == "sip":
            continue
        low, high = stats.ttest_rel(costs, base).confidence_interval(0.95)
        assert (policy.difference.low, policy.difference.high) == pytest.approx((low, high))
        # Fieller's interval of the ratio, which the linearised one approaches
        residual = stats.sem(costs - policy.ratio * base) * stats.t.ppf(0.975, 3) / base.mean()
        assert policy.relative_cost.high - policy.ratio == pytest.approx(residual)
    assert by_name["perfect"].sees_future
    assert by_name["perfect"].ratio < 1 < by_name["evf"].ratio < by_name["random"].ratio


def test_the_order_of_traces_does_not_matter(folder: Path) -> None:
    paths = sorted(folder.glob("*.h5"))
    straight = compare_traces(paths)
    mixed = compare_traces([paths[i] for i in np.random.default_rng(1).permutation(len(paths))])
    known = {p.name: p for p in mixed.policies}
    for policy in straight.policies:
        other = known[policy.name]
        for name in ("cost", "relative_cost", "difference"):
            ours, theirs = (astuple(getattr(found, name)) for found in (policy, other))
            assert theirs == pytest.approx(ours)
        assert other.served == pytest.approx(policy.served)
        assert other.variance_reduction == pytest.approx(policy.variance_reduction)
    assert mixed.world_digest == straight.world_digest


def test_variance_reduction_is_that_of_common_worlds(folder: Path) -> None:
    by_name = {p.name: p for p in compare_traces(sorted(folder.glob("*.h5"))).policies}
    evf, sip = (np.array([r.cost for r in by_name[n].runs]) for n in ("evf", "sip"))
    expected = (evf.var(ddof=1) + sip.var(ddof=1)) / (evf - sip).var(ddof=1)
    assert by_name["evf"].variance_reduction == pytest.approx(expected)
    assert by_name["sip"].variance_reduction is None


def test_shares_are_those_of_the_columns(tmp_path: Path) -> None:
    """With blocking, waiting and both pools in use, over two replications."""
    scenario = nsfnet(
        run__slots="40",
        run__replications="2",
        demand__requests="60",
        network__qkd_wavelengths="120",
        key_management__patience_s="2.5",
    )
    paths = run_policies(scenario, [PolicyTable(name="level", level=2)], tmp_path)
    (policy,) = compare_traces(paths).policies
    sums = dict.fromkeys(("arrived", "served", "blocked"), 0)
    pools = [0, 0]
    pending = 0
    for path in paths:
        with open_trace(path) as trace:
            for name in sums:
                sums[name] += int(trace.column(f"slots/{name}").sum())
            pending += int(trace.column("slots/waiting")[-1])
            for i, pool in enumerate(("reservation", "on_demand")):
                pools[i] += int(trace.column(f"slots/{pool}_consumed_bits").sum())
    assert sums["arrived"] == 2 * 40 * 60
    assert sums["served"] + sums["blocked"] + pending == sums["arrived"]
    assert policy.served == sums["served"] / sums["arrived"]
    assert policy.blocked == sums["blocked"] / sums["arrived"] > 0
    assert policy.pending == pending / sums["arrived"] > 0
    assert policy.on_demand_share == pytest.approx(pools[1] / sum(pools))
    assert 0 < policy.on_demand_share < 0.5
    run = policy.runs[0]
    assert run.blocked_share == run.blocked / run.arrived


def test_other_prices_in_the_same_world_are_pointed_out(folder: Path, tmp_path: Path) -> None:
    dear = nsfnet(**SMALL, cost__on_demand_multiplier="2.0")
    path = simulate(dear, PolicyTable(name="evf"), tmp_path / "evf.h5")
    comparison = compare_traces([folder / "sip-r000.h5", path])
    assert comparison.warnings == (
        "the traces differ in [cost]: their costs are not of the same network",
    )
    assert compare_traces([folder / "sip-r000.h5", folder / "evf-r000.h5"]).warnings == ()


def test_one_and_two_workers_and_two_runs_give_the_same_traces(
    folder: Path, tmp_path: Path
) -> None:
    run_policies(nsfnet(**SMALL), TABLES, tmp_path, workers=2)
    assert digests(tmp_path) == digests(folder)


def test_another_policy_list_meets_the_same_worlds(folder: Path, tmp_path: Path) -> None:
    run_policies(nsfnet(**SMALL), TABLES[2:3], tmp_path)
    alone = compare_traces(list(tmp_path.glob("*.h5")))
    together = compare_traces(sorted(folder.glob("*.h5")))
    assert alone.world_digest == together.world_digest
    assert alone.reference == "random"
    # and the policy itself draws the same, whoever else is compared
    assert digests(tmp_path).items() <= digests(folder).items()


def test_perfect_information_is_a_bound_slot_by_slot(folder: Path) -> None:
    def costs(name: str) -> np.ndarray:
        with open_trace(folder / f"{name}-r000.h5") as trace:
            kinds = ("qkd_reserved", "km_reserved", "qkd_on_demand", "km_on_demand")
            return sum(trace.column(f"slots/{kind}_cost") for kind in kinds)

    for name in ("sip", "evf", "random"):
        assert (costs("perfect") <= costs(name) + 1e-6).all()


def test_unequal_worlds_are_refused_and_named(folder: Path, tmp_path: Path) -> None:
    other = simulate(
        nsfnet(**{**SMALL, "run__seed": "2"}), PolicyTable(name="random"), tmp_path / "r.h5"
    )
    with pytest.raises(WorldMismatchError, match=r"run\.seed is 1 in the first and 2 in"):
        compare_traces([folder / "sip-r000.h5", other])
    with pytest.raises(WorldMismatchError, match="not paired: replications \\[1\\]"):
        paths = [folder / f for f in ("sip-r000.h5", "sip-r001.h5", "evf-r000.h5")]
        compare_traces(paths)
    with pytest.raises(TraceError, match="give each run once"):
        compare_traces([folder / "sip-r000.h5"] * 2)
    with pytest.raises(UsageError, match="no trace"):
        compare_traces([])


def test_one_replication_has_no_interval(folder: Path) -> None:
    comparison = compare_traces([folder / "sip-r000.h5", folder / "evf-r000.h5"])
    assert all(p.relative_cost.low is None and p.cost.low is None for p in comparison.policies)


class Own(Policy):
    """A user's policy, run as an object."""

    def decide(self, observation: Observation) -> Decision:
        return Decision(np.full(21, 9), np.full(21, 4), observation.slots_left)


def test_a_users_policy_joins_a_comparison(folder: Path, tmp_path: Path) -> None:
    path = simulate(nsfnet(**SMALL), Own(), tmp_path / "own.h5")
    comparison = compare_traces([folder / "sip-r000.h5", path])
    assert [p.name for p in comparison.policies] == ["sip", "Own"]


def test_a_report_names_its_world_and_no_other_place(folder: Path, tmp_path: Path) -> None:
    comparison = compare_traces(sorted(folder.glob("*.h5")))
    text = write_report(comparison, tmp_path, formats=("svg",)).read_text("utf-8")
    assert comparison.world_digest in text
    assert "http" not in text.replace("http://www.w3.org", "")


def test_policies_from_the_command_line() -> None:
    scenario = nsfnet()
    table = policy_table("level:level=3", scenario.policy)
    assert (table.name, table.title, table.options) == ("level", "level-level3", {"level": 3})
    assert policy_table("random:reading=literal,label=lit", scenario.policy).title == "lit"
    long = policy_table(f"fedsac:model=my/{'weights' * 20}.safetensors", scenario.policy)
    assert long.title == f"fedsac-model{'weights' * 20}"[:64]
    for text in (
        "level",
        "level:3",
        "level:level=x",
        "nobody",
        "sip:depth=2",
        ":a=1",
        "sip:label=/",
    ):
        with pytest.raises(UsageError):
            policy_table(text, scenario.policy)
    with pytest.raises(UsageError, match="given twice"):
        run_policies(scenario, [PolicyTable(name="sip")] * 2, Path("unused"))
    with pytest.raises(UsageError, match="no policy"):
        run_policies(scenario, [], Path("unused"))


def test_a_comparison_shows_keys_and_waiting(tmp_path: Path) -> None:
    scenario = outages(slots=60, replications=2)
    paths = run_policies(scenario, scenario.policy, tmp_path)
    compared = compare_traces(paths)
    for policy in compared.policies:
        keys = policy.keys
        runs = policy.runs
        assert keys.dynamic
        assert keys.rerouted == sum(r.rerouted for r in runs) / sum(r.slots for r in runs)
        least, most = (f(r.waits.percentile(0.95) for r in runs) for f in (min, max))
        assert least <= keys.wait_percentiles_s["p95"] <= most
        spells = [(r.depletion_s or 0) * r.depletions for r in runs]
        if keys.depletion_s is not None:
            assert keys.depletion_s == pytest.approx(sum(spells) / sum(r.depletions for r in runs))
        assert 0 < keys.utilisation <= keys.busiest_utilisation <= 1
        assert policy.plan is not None
        assert "without regard to key stores, sessions" in policy.plan["note"]
    page = write_report(compared, tmp_path, formats=("svg",)).read_text("utf-8")
    assert "Keys and waiting" in page


def test_waits_of_runs_with_other_bins_add_up() -> None:
    one = Waits(np.array([0.0, 1.0, 2.0]), np.array([5, 3, 2]))
    two = Waits(np.array([0.0, 1.5]), np.array([0, 10]))
    both = Waits.merged([one, two])
    assert both.upto_s.tolist() == [0, 1, 1.5, 2]
    assert both.counts.tolist() == [5, 3, 10, 2]
    assert both.percentiles_s == {"p50": 1.5, "p90": 1.5, "p95": 2, "p99": 2, "max": 2}
    assert Waits.merged([Waits(np.zeros(1), np.zeros(1, np.int64))]).percentile(0.5) == 0
