"""The only wiring: scenario to network to policies and worlds to traces to comparison."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy.typing as npt

from qnetsim.case import Case, load, open_case
from qnetsim.errors import ScenarioError, UsageError
from qnetsim.exogenous.realisation import WorldChunk, WorldDigest
from qnetsim.interrupt import stoppable
from qnetsim.kernel import Kernel, Relay, Simulation, SlotBlock
from qnetsim.kernel.jit import chosen
from qnetsim.optimize import Plan
from qnetsim.planning import plan_policies, planned
from qnetsim.policies import Policy
from qnetsim.policies.base import guarded
from qnetsim.policies.registry import make_policy
from qnetsim.provenance import trace_header
from qnetsim.scenario import PolicyTable, Scenario
from qnetsim.tasks import open_tasks
from qnetsim.trace import Block, TraceWriter, WriteBehind, refuse_existing
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
    kernel: Kernel = "auto",
    relay: Relay | None = None,
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
    kernel : {"auto", "numba", "numpy", "loop"}
        What serves the requests. The results are the same; ``auto`` takes numba where it is
        installed and the run is long enough.
    relay : Relay, optional
        Carries every key as real bytes; made here where the scenario asks for it.
    """
    if relay is None and case.scenario.key_management.relay == "real":
        seed = case.scenario.run.seed
        relay = Relay(case.network, case.forecast, seed, replication, check=check)
    plan = plan if plan is not None else planned(policy, title, case)
    with guarded(title, "prepare"):
        policy.prepare(case.setting, plan)
    tasks = open_tasks(case.scenario, case.network.topology.nodes, replication)
    task_relay = relay
    if relay is None and any(task.real for task in tasks):
        seed = case.scenario.run.seed
        task_relay = Relay(case.network, case.forecast, seed, replication, check=check)
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
        chosen(kernel, case.setting.slots * case.forecast.requests, walks=_walks(case.scenario)),
        relay,
        tasks,
        task_relay,
    )
    simulation.run()
    return simulation


def _walks(scenario: Scenario) -> bool:
    """Whether slots are tied to each other, or requests inside a slot come one by one."""
    keys, demand = scenario.key_management, scenario.demand
    tied = keys.store_bits or keys.patience_s or keys.on_demand_setup_s or keys.relay == "real"
    return bool(tied or demand.holding_slots > 1 or demand.arrivals != "slot_start")


def simulate(
    scenario: Scenario,
    policy: PolicyTable | Policy,
    out: Path | str,
    *,
    replication: int = 0,
    plan: Plan | None = None,
    force: bool = False,
    progress: Progress | None = None,
    kernel: Kernel = "auto",
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
    kernel : {"auto", "numba", "numpy", "loop"}
        As in ``run_case``.

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
    header = trace_header(case, runner, table, realisation, plan)
    with (
        stoppable() as check,
        TraceWriter(Path(out), header, force=force) as writer,
        WriteBehind(_writes(writer, realisation.digest()), lambda done: done[1].nbytes) as rows,
    ):

        def sink(chunk: WorldChunk, block: SlotBlock) -> None:
            rows.put((chunk, Block(block.columns, _world_columns(chunk), block.totals)))
            if progress:
                progress(block.slots)
            check()

        world = realisation.chunks()
        run_case(case, runner, table.title, world, replication, sink, plan, check, kernel)
    return writer.path


Done = tuple[WorldChunk, Block]


def _writes(writer: TraceWriter, digest: WorldDigest) -> Callable[[list[Done]], None]:
    """What writes chunks of the world, and what came of them, and keeps the world's digest."""

    def write(done: list[Done]) -> None:
        for chunk, _ in done:
            digest.update(chunk)
        writer.append([block for _, block in done])
        writer.world_digest = digest.hexdigest()

    return write


def _world_columns(chunk: WorldChunk) -> dict[str, npt.NDArray[Any] | None]:
    """Growing columns of the trace's world; None where nothing differs from the usual."""
    return {
        "levels": chunk.levels,
        "yield_ppm": chunk.yield_ppm,
        "arrival_ns": chunk.arrivals,
        "holding_slots": chunk.holding,
    }


def _table_of(policy: Policy) -> PolicyTable:
    return PolicyTable.model_validate({"name": type(policy).__name__})


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
