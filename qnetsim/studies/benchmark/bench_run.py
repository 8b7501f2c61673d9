"""Run a policy in a world of the benchmark: one row."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from typing import Any

import numpy as np

from qnetsim.analysis.metrics import RunMetrics, run_metrics
from qnetsim.analysis.warm_up import given_warm_up
from qnetsim.errors import BoundError, PolicyError
from qnetsim.interrupt import stoppable
from qnetsim.plain_text import counted
from qnetsim.plans.make import plan_policies
from qnetsim.policies.chosen import ChosenPolicy
from qnetsim.runs.batch import run_policies
from qnetsim.runs.simulate import Progress
from qnetsim.studies.benchmark.benchmark_worlds import BenchmarkWorld, DrawnWorld
from qnetsim.studies.benchmark.reference_rows import refuse_drift
from qnetsim.studies.benchmark.row_file import BenchmarkRow, WorldRecord
from qnetsim.trace import open_trace

#: Relative difference of costs that is rounding.
ROUNDING = 1e-9


def bench_row(
    world: BenchmarkWorld,
    record: WorldRecord,
    policy: ChosenPolicy,
    *,
    workers: int = 1,
    progress: Progress | None = None,
) -> BenchmarkRow:
    """Run a policy in all replications of a world.

    Parameters
    ----------
    world : BenchmarkWorld
    record : WorldRecord
        What is shipped of it.
    policy : ChosenPolicy
    workers : int
        Processes; the row is the same for any number.
    progress : callable, optional

    Raises
    ------
    WorldMismatchError
        The world drawn here is not the one of the record.
    BoundError
        The policy costs less than what was proved to be the least.
    PolicyError
        The policy changed the world, or left requests unserved where that has no price.
    QnetsimError
        The policy cannot be run in this world.
    """
    refuse_drift(world, world.drawn, record)
    runs = measured(world, policy, workers=workers, progress=progress)
    refuse_other_rules(world, policy.title, runs)
    costs = tuple(run.cost for run in runs)
    refuse_below_floor(world, world.drawn, policy.title, costs)
    ratio = record.ratio_of(costs)
    made: dict[str, Any] = runs[0].provenance["policy"]
    return BenchmarkRow(
        world=world.name,
        policy=policy.title,
        cost_per_slot=float(np.mean(costs)),
        ratio=ratio.estimate,
        low=ratio.low,
        high=ratio.high,
        world_digest=record.world_digest,
        setup_digest=record.setup_digest,
        bound=record.bound,
        bound_status=record.bound_status,
        sees_future=runs[0].sees_future,
        blocked=sum(run.blocked for run in runs) / sum(run.arrived for run in runs),
        name=made["name"],
        options=made["options"],
        source_sha256=made.get("source_sha256"),
        weights_sha256=made.get("weights_sha256"),
        costs=costs,
        content_digests=tuple(run.content_digest for run in runs),
    )


def measured(
    world: BenchmarkWorld,
    policy: ChosenPolicy,
    *,
    workers: int = 1,
    progress: Progress | None = None,
) -> list[RunMetrics]:
    """Figures of a policy in each replication of a world; no trace is kept."""
    plans = plan_policies(world.case, [policy])
    # a signal waits for the next slot, so that the folder is removed
    with stoppable(), tempfile.TemporaryDirectory(prefix="qnetsim-") as folder:
        paths = run_policies(
            world.case, [policy], folder, plans=plans, workers=workers, progress=progress
        )
        runs = []
        for path in paths:
            with open_trace(path) as trace:
                # bounds are of all slots
                runs.append(run_metrics(trace, given_warm_up(trace)))
    return runs


def refuse_other_rules(world: BenchmarkWorld, title: str, runs: Sequence[RunMetrics]) -> None:
    """Refuse runs whose costs compare with no bound.

    Raises
    ------
    PolicyError
        A run met another world than the one that was drawn, or requests went unserved for nothing.
    """
    for run, drawn in zip(runs, world.drawn.digests, strict=True):
        if run.world_digest != drawn:
            raise PolicyError(
                f"policy {title!r} met another world in replication {run.replication} of "
                f"{world.name!r} than is drawn without it: it changes what it is given"
            )
        if run.blocked and world.case.network.costs.blocking is None:
            raise PolicyError(
                f"policy {title!r} leaves {run.blocked:,} of {counted(run.arrived, 'request')} "
                f"unserved in replication {run.replication} of world {world.name!r}, where "
                "blocking has no price: all are to be served there, so its routes must block none"
            )


def refuse_below_floor(
    world: BenchmarkWorld, drawn: DrawnWorld, title: str, costs: tuple[float, ...]
) -> None:
    """Refuse costs below those of serving every request as if it were foreseen.

    Raises
    ------
    BoundError
    """
    for number, (cost, floor) in enumerate(zip(costs, drawn.floors, strict=True)):
        if cost < floor * (1.0 - ROUNDING):
            raise BoundError(
                f"policy {title!r} costs {cost:,.6g} per slot in replication {number} of world "
                f"{world.name!r}, but {floor:,.6g} was proved to be the least; please report this"
            )
