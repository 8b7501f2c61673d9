"""The only wiring: scenario to network to policies and worlds to traces to comparison."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from qnetsim.case import Case, load, open_case
from qnetsim.errors import ScenarioError, UsageError
from qnetsim.exogenous.realisation import WorldChunk
from qnetsim.interrupt import stoppable
from qnetsim.kernel import Simulation, SlotBlock
from qnetsim.kernel.simulation import checked_owners
from qnetsim.optimize import Plan
from qnetsim.planning import plan_policies, plan_summary, planned
from qnetsim.policies import Policy
from qnetsim.policies.base import guarded
from qnetsim.policies.registry import make_policy
from qnetsim.scenario import PolicyTable, Scenario
from qnetsim.trace import TraceHeader, TraceWriter, refuse_existing
from qnetsim.trace.provenance import environment, software
from qnetsim.trace.schema import PLAN_STATUS

#: Told how many slots were simulated since the last call.
Progress = Callable[[int], None]
Sink = Callable[[WorldChunk, SlotBlock], None]


def run_case(
    case: Case,
    policy: Policy,
    title: str,
    chunks: Iterator[WorldChunk],
    replication: int,
    sink: Sink,
    plan: Plan | None = None,
    check: Callable[[], None] = lambda: None,
) -> Simulation:
    """Simulate a policy in a world; returns the finished simulation.

    Parameters
    ----------
    case : Case
    policy : Policy
        A fresh object; it is prepared here.
    title : str
        Names the policy's random streams and stands in messages.
    chunks : iterator of WorldChunk
        The world, in order.
    replication : int
        Names the policy's random streams too.
    sink : callable
        Receives each chunk of the world with what was recorded for it.
    plan : Plan, optional
        What ``policy.plan`` returned for this case; worked out here unless given.
    check : callable, optional
        Called ahead of every decision; raises to stop the run.
    """
    plan = plan if plan is not None else planned(policy, title, case)
    with guarded(title, "prepare"):
        policy.prepare(case.setting, plan)
    simulation = Simulation(
        case.setting,
        policy,
        chunks,
        case.scenario.key_management,
        lambda controller: case.generator(title, replication, controller),
        sink,
        title,
        check,
        PLAN_STATUS.index(plan.status) if plan else 0,
    )
    simulation.run()
    return simulation


def simulate(
    scenario: Scenario,
    policy: PolicyTable | Policy,
    out: Path | str,
    *,
    replication: int = 0,
    plan: Plan | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Run one policy in one world and write its trace.

    Parameters
    ----------
    scenario : Scenario
    policy : PolicyTable or Policy
        A registered policy with its options, or an object of your own.
    out : path-like
        The trace to write.
    replication : int
        Which of the scenario's worlds.
    plan : Plan, optional
        A plan made before; saves solving again.
    force : bool
        Overwrite an existing trace.
    progress : callable, optional

    Returns
    -------
    Path
        The trace.

    Raises
    ------
    QnetsimError
        Whatever goes wrong; slots simulated until then are in the trace.
    """
    case = open_case(scenario)
    table = policy if isinstance(policy, PolicyTable) else _table_of(policy)
    runner = policy if isinstance(policy, Policy) else make_policy(table.name, table.options)
    plan = plan if plan is not None else planned(runner, table.title, case)
    realisation = case.realisation(replication)
    header = _header(case, runner, table, replication, plan)
    digest = realisation.digest()
    with stoppable() as check, TraceWriter(Path(out), header, force=force) as writer:

        def sink(chunk: WorldChunk, block: SlotBlock) -> None:
            digest.update(chunk)
            writer.append(block.columns, chunk.levels, block.ledger)
            writer.world_digest = digest.hexdigest()
            if progress:
                progress(block.slots)
            check()

        world = realisation.chunks()
        run_case(case, runner, table.title, world, replication, sink, plan, check)
    return writer.path


def _table_of(policy: Policy) -> PolicyTable:
    return PolicyTable.model_validate({"name": type(policy).__name__})


def _header(
    case: Case,
    policy: Policy,
    table: PolicyTable,
    replication: int,
    plan: Plan | None,
) -> TraceHeader:
    network, forecast, topology = case.network, case.forecast, case.network.topology
    costs = network.costs
    provenance = {
        "software": software(),
        "environment": environment(),
        "scenario": case.scenario.portable().model_dump(mode="json"),
        "scenario_digest": case.scenario.digest(),
        "seed": case.scenario.run.seed,
        "replication": replication,
        "policy": {
            "name": table.name,
            "title": table.title,
            "options": policy.options.model_dump(mode="json"),
            "sees_future": policy.sees_future,
        },
        "plan": None if plan is None else plan_summary(plan, network),
    }
    fibres = np.arange(network.fibres)
    columns = {
        "fibres/fibre": fibres,
        "fibres/source": [topology.nodes[a] for a, _ in topology.fibres],
        "fibres/target": [topology.nodes[b] for _, b in topology.fibres],
        "fibres/length_km": np.array(topology.lengths_km),
        "fibres/segments": network.segments,
        "fibres/channel_bits": network.channel_bits,
        "fibres/qkd_reserved_cost": costs.qkd_reserved,
        "fibres/km_reserved_cost": costs.km_reserved,
        "fibres/qkd_on_demand_cost": costs.qkd_on_demand,
        "fibres/km_on_demand_cost": costs.km_on_demand,
        "world/group": np.arange(forecast.groups),
        "world/request": np.arange(forecast.requests),
        "world/request_group": forecast.group,
        "world/request_source": [topology.nodes[a] for a, _ in forecast.pairs],
        "world/request_target": [topology.nodes[b] for _, b in forecast.pairs],
        "decisions/fibre": fibres,
        "decisions/controller": checked_owners(policy, network, table.title),
        "slots/fibre": fibres,
        "ledger/fibre": fibres,
    }
    attributes = {
        "policy": table.title,
        "replication": replication,
        "slot_s": case.scenario.run.slot_s,
        "level_bits": network.level_bits,
        "sees_future": int(policy.sees_future),
    }
    return TraceHeader(provenance, columns, forecast.groups, attributes)


@dataclass(frozen=True)
class Job:
    """One run of a comparison; picklable, so that a worker process can take it."""

    scenario: Scenario
    policy: PolicyTable
    plan: Plan | None
    replication: int
    out: Path
    force: bool


def _run_job(job: Job, progress: Progress | None = None) -> Path:
    return simulate(
        job.scenario,
        job.policy,
        job.out,
        replication=job.replication,
        plan=job.plan,
        force=job.force,
        progress=progress,
    )


def run_policies(
    scenario: Scenario,
    policies: Sequence[PolicyTable],
    out: Path,
    *,
    plans: Sequence[Plan | None] | None = None,
    workers: int = 1,
    force: bool = False,
    progress: Progress | None = None,
) -> list[Path]:
    """Run every policy in every replication's world.

    Parameters
    ----------
    scenario : Scenario
    policies : sequence of PolicyTable
    out : Path
        Folder of the traces, ``POLICY-rNNN.h5``.
    plans : sequence of Plan or None, optional
        What ``plan_policies`` returned; worked out here unless given.
    workers : int
        Processes; the traces are the same for any number.
    force : bool
        Overwrite existing traces.
    progress : callable, optional

    Returns
    -------
    list of Path
        By policy, then by replication.
    """
    if not policies:
        raise UsageError("no policy to run; give --policy NAME or a [[policy]] table")
    titles = [policy.title for policy in policies]
    twice = sorted({title for title in titles if titles.count(title) > 1})
    if twice:
        raise UsageError(f"policy {twice[0]!r} is given twice; give each use its own label")
    places = [
        [out / f"{policy.title}-r{r:03d}.h5" for r in range(scenario.run.replications)]
        for policy in policies
    ]
    for path in (path for paths in places for path in paths):
        refuse_existing(path, force)
    solved = plan_policies(scenario, policies) if plans is None else plans
    jobs = [
        Job(scenario, policy, plan, r, path, force)
        for policy, plan, paths in zip(policies, solved, places, strict=True)
        for r, path in enumerate(paths)
    ]
    advance = progress or (lambda slots: None)
    if workers <= 1:
        return [_run_job(job, advance) for job in jobs]
    with ProcessPoolExecutor(min(workers, len(jobs)), mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(_run_job, job) for job in jobs]
        try:
            for future in as_completed(futures):
                future.result()
                advance(scenario.run.slots)
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return [job.out for job in jobs]


__all__ = [
    "Case",
    "Job",
    "ScenarioError",
    "load",
    "open_case",
    "run_case",
    "run_policies",
    "simulate",
]
