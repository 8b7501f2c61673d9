"""What is shipped of the benchmark comes out again."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import qnetsim
from qnetsim.analysis.paired import paired_ratio
from qnetsim.errors import BoundError, PolicyError, WorldMismatchError
from qnetsim.network import BLOCKED, RouteTable
from qnetsim.optimize import Plan
from qnetsim.plans.make import make_plan
from qnetsim.policies.chosen import choose
from qnetsim.shipped import benchmark_scenarios, scenario_file, shipped_scenarios, summary_of
from qnetsim.studies.benchmark.bench_run import (
    bench_row,
    measured,
    refuse_below_floor,
    refuse_other_rules,
)
from qnetsim.studies.benchmark.benchmark_worlds import open_world
from qnetsim.studies.benchmark.make_reference import memoryless, world_record
from qnetsim.studies.benchmark.reference_rows import reference, refuse_drift
from tests.support.bench_rows import QUICK, Cautious, quick_row, shipped_row

WORLDS = list(benchmark_scenarios())


def test_every_world_has_a_record_and_a_row_for_each_of_its_policies() -> None:
    found = reference()
    assert 8 <= len(WORLDS) <= 13
    assert [world.name for world in found.worlds] == WORLDS
    for name in WORLDS:
        world = open_world(name)
        assert world.scenario.run.replications == 10
        titles = [table.title for table in world.scenario.policy]
        assert {"sip", "evf", "random", "perfect"} <= set(titles)
        assert [row.policy for row in found.rows if row.world == name] == titles


def test_settings_are_those_that_the_bounds_are_for() -> None:
    for record in reference().worlds:
        assert open_world(record.name).setup_digest == record.setup_digest


def test_worlds_are_scenarios_of_every_command_and_no_clutter_of_their_list() -> None:
    for name, path in benchmark_scenarios().items():
        assert scenario_file(f"benchmark/{name}") == path
        assert summary_of(path.read_text("utf-8")).endswith(".")
        assert path not in shipped_scenarios().values()


def test_ratios_follow_from_costs_and_bounds() -> None:
    found = reference()
    for row in found.rows:
        record = found.world(row.world)
        ratio = paired_ratio(np.array(row.costs), np.array(record.bound_costs))
        assert ratio is not None
        assert (row.ratio, row.low, row.high) == (ratio.estimate, ratio.low, ratio.high)
        assert row.ratio == pytest.approx(row.cost_per_slot / row.bound, rel=1e-12)
        assert row.bound == record.bound
        assert row.world_digest == record.world_digest


def test_no_row_falls_below_what_holds_in_every_replication() -> None:
    for row in reference().rows:
        if row.bound_status == "wait-and-see bound":
            bounds = np.array(reference().world(row.world).bound_costs)
            assert np.all(np.array(row.costs) >= bounds * (1 - 1e-9)), (row.world, row.policy)


def test_no_row_without_foresight_is_better_than_an_optimal_plan_beyond_chance() -> None:
    planned = [row for row in reference().rows if row.bound_status != "wait-and-see bound"]
    assert {row.world for row in planned} >= {"nsfnet", "usnet", "usnet-wavelengths"}
    for row in planned:
        if not row.sees_future:
            assert row.high is not None
            assert row.high >= 1.0, (row.world, row.policy)


def test_bound_of_the_paper_s_world_is_the_optimum_that_sip_proves() -> None:
    record = reference().world("nsfnet")
    world = open_world("nsfnet")
    plan = make_plan(world.case, "sip")
    assert record.bound_status == "optimal plan"
    assert record.expected == pytest.approx(plan.bound, rel=1e-12)
    assert shipped_row("sip", "nsfnet").ratio == 1.0
    # that of `make demo`, which README shows
    assert record.world_digest.startswith("8e076960f0949bca")


def test_mean_costs_of_plans_are_near_their_expectations() -> None:
    for world in reference().worlds:
        if world.expected is not None:
            costs = np.array(world.bound_costs)
            error = costs.std(ddof=1) / np.sqrt(costs.size)
            assert abs(costs.mean() - world.expected) < 4 * error, world.name


def test_a_world_and_its_rows_come_out_again() -> None:
    world = open_world(QUICK)
    record = reference().world(QUICK)
    assert world.drawn.digest == record.world_digest
    assert world.drawn.floors == pytest.approx(record.bound_costs, rel=1e-12)
    assert quick_row("evf") == shipped_row("evf")


def test_a_world_that_differs_here_is_an_error() -> None:
    world = open_world(QUICK)
    record = reference().world(QUICK)
    drifted = record.model_copy(update={"world_digest": "0" * 64})
    with pytest.raises(WorldMismatchError, match="'madqci' draws another world here"):
        refuse_drift(world, world.drawn, drifted)
    reset = record.model_copy(update={"setup_digest": "0" * 64})
    with pytest.raises(WorldMismatchError, match="'madqci' has other settings here"):
        bench_row(world, reset, choose("evf"))


def test_a_cost_below_the_least_is_an_error() -> None:
    world = open_world(QUICK)
    floors = world.drawn.floors
    refuse_below_floor(world, world.drawn, "mine", floors)
    low = (*floors[:3], floors[3] * 0.999, *floors[4:])
    with pytest.raises(BoundError, match=r"'mine' costs .* in replication 3 of world 'madqci'"):
        refuse_below_floor(world, world.drawn, "mine", low)


def test_a_policy_that_meets_another_world_gets_no_row() -> None:
    world = open_world(QUICK)
    runs = measured(world, choose("evf"))
    refuse_other_rules(world, "mine", runs)
    runs[3] = dataclasses.replace(runs[3], world_digest="0" * 64)
    with pytest.raises(PolicyError, match="'mine' met another world in replication 3 of 'madqci'"):
        refuse_other_rules(world, "mine", runs)


class Refusing(Cautious):
    """Serves all requests but the first, which costs nothing."""

    def prepare(self, setting: qnetsim.Setting, plan: Plan | None) -> None:
        super().prepare(setting, plan)
        choice = self.routes.choice.copy()
        choice[0] = len(self.routes.routes)
        self.routes = RouteTable((*self.routes.routes, BLOCKED), choice)


def test_a_policy_that_leaves_requests_unserved_for_nothing_gets_no_row() -> None:
    world = open_world(QUICK)
    told = "1,000 of 30,000 requests unserved in replication 0 of world 'madqci', where blocking"
    with pytest.raises(PolicyError, match=told):
        bench_row(world, reference().world(QUICK), choose(Refusing))


def test_a_row_below_a_plan_s_bound_is_not_believed() -> None:
    assert not any(row.incredible for row in reference().rows)
    row = shipped_row("evf", "nsfnet").model_copy(update={"high": 0.99})
    assert row.incredible
    assert not row.model_copy(update={"sees_future": True}).incredible


def test_plans_bound_worlds_without_memory_only() -> None:
    without = {name for name in WORLDS if memoryless(open_world(name).scenario)}
    assert without.isdisjoint({"stores", "regimes", "outages", "fel"})
    for world in reference().worlds:
        if world.bound_status != "wait-and-see bound":
            assert world.name in without


@pytest.mark.slow
@pytest.mark.parametrize("name", WORLDS)
def test_every_world_and_its_bound_come_out_again(name: str) -> None:
    assert world_record(open_world(name)) == reference().world(name)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "policy"), [("stores", "fedsac"), ("outages", "random")])
def test_further_rows_come_out_again(name: str, policy: str) -> None:
    world = open_world(name)
    chosen = choose(policy, world.scenario.policy)
    assert bench_row(world, reference().world(name), chosen) == shipped_row(policy, name)
