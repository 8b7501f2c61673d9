"""Prints the shipped reference of the benchmark: ``make benchmark``."""

from __future__ import annotations

import sys

import numpy as np

from qnetsim.network import Network
from qnetsim.optimize import Plan
from qnetsim.plans.make import make_plan
from qnetsim.policies.chosen import choose
from qnetsim.scenario import FaultTable, Scenario
from qnetsim.studies.benchmark.bench_run import bench_row, measured
from qnetsim.studies.benchmark.benchmark_worlds import BenchmarkWorld, all_worlds
from qnetsim.studies.benchmark.reference_rows import Reference
from qnetsim.studies.benchmark.row_file import BenchmarkRow, BoundStatus, WorldRecord
from qnetsim.vocabulary import PlanStatus

#: A plan's bound, which holds in expectation, is taken where it is so much above the one that holds
#: in every world.
WORTH_A_PLAN = 1.01


def memoryless(scenario: Scenario) -> bool:
    """Whether the slots are independent and alike, so that no policy can beat the best plan."""
    tied = (
        scenario.regimes is not None,
        scenario.jobs is not None,
        scenario.recording is not None,
        scenario.key_management.store_bits > 0,
        bool(scenario.outage) or scenario.faults != FaultTable(),
        bool(scenario.fel),
        scenario.planning.risk is not None,
    )
    return not any(tied)


def world_record(world: BenchmarkWorld) -> WorldRecord:
    """Work out the bound of a world: what foresight proves, or what a plan does where that is more.

    In a memoryless world a plan's bound is the cost of sip's plan in the same replications, lowered
    by the gap to which the plan is proved. Its expectation is the proved bound.
    """
    drawn = world.drawn
    status: BoundStatus = "wait-and-see bound"
    costs = np.array(drawn.floors)
    expected = None
    if memoryless(world.scenario):
        chosen = choose("sip", world.scenario.policy)
        plan = make_plan(world.case, chosen)
        proved = _proved_share(plan, world.case.network) * np.array(
            [run.cost for run in measured(world, chosen)]
        )
        if proved.mean() > costs.mean() * WORTH_A_PLAN:
            optimal = plan.status is PlanStatus.OPTIMAL
            status = "optimal plan" if optimal else "plan within its gap"
            costs, expected = proved, plan.bound
    return WorldRecord(
        name=world.name,
        world_digest=drawn.digest,
        setup_digest=world.setup_digest,
        bound_status=status,
        expected=expected,
        bound_costs=tuple(costs.tolist()),
    )


def _proved_share(plan: Plan, network: Network) -> float:
    """Proved bound over the plan's expected cost; 1 for an optimal plan, 0 without a bound."""
    if plan.status is PlanStatus.OPTIMAL:
        return 1.0
    # the bound of a sample is an estimate
    if plan.bound is None or plan.interval is not None:
        return 0.0
    return plan.bound / plan.objective(network)


def world_rows(world: BenchmarkWorld, record: WorldRecord) -> list[BenchmarkRow]:
    """Run the policies that the world's scenario names."""
    return [
        bench_row(world, record, choose(table, world.scenario.policy))
        for table in world.scenario.policy
    ]


def make_reference() -> Reference:
    """Run everything."""
    records = []
    rows = []
    for world in all_worlds():
        records.append(world_record(world))
        rows += world_rows(world, records[-1])
        sys.stderr.write(f"{world.name}: {records[-1].bound_status}\n")
    return Reference(worlds=tuple(records), rows=tuple(rows))


if __name__ == "__main__":
    sys.stdout.write(make_reference().model_dump_json(indent=1) + "\n")
