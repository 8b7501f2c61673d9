"""The only wiring: scenario to network to policies and worlds to traces to comparison."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cached_property, lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from qnetsim import seeds
from qnetsim.errors import ScenarioError, SettingError, TopologyError, UsageError
from qnetsim.exogenous import Forecast
from qnetsim.exogenous.demand import build_forecast
from qnetsim.exogenous.realisation import Realisation, WorldChunk
from qnetsim.kernel import Simulation, SlotBlock
from qnetsim.network import Network, build_network
from qnetsim.optimize import Plan
from qnetsim.policies import Policy, Setting, policy_options
from qnetsim.policies.registry import make_policy
from qnetsim.scenario import PolicyTable, Scenario, load_scenario, locate
from qnetsim.trace import TraceHeader, TraceWriter
from qnetsim.trace.provenance import environment, software
from qnetsim.units import MAX_RUN_BITS, MAX_SLOT_BITS, seconds_to_ticks

#: Told how many slots were simulated since the last call.
Progress = Callable[[int], None]
Sink = Callable[[WorldChunk, SlotBlock], None]


@dataclass(frozen=True)
class Case:
    """A scenario with its network and forecast: what policies are run on."""

    scenario: Scenario
    network: Network
    forecast: Forecast

    @cached_property
    def setting(self) -> Setting:
        """What policies are told before the first slot."""
        run = self.scenario.run
        return Setting(self.network, self.forecast, run.slots, run.slot_s)

    def realisation(self, replication: int) -> Realisation:
        """Return the world of one replication."""
        run = self.scenario.run
        return Realisation(
            self.network,
            self.forecast,
            slots=run.slots,
            slot_ticks=seconds_to_ticks(run.slot_s),
            seed=run.seed,
            replication=replication,
        )

    def generator(self, title: str, replication: int, controller: int) -> np.random.Generator:
        """Return a controller's own stream, apart from the world and from other policies."""
        seed = self.scenario.run.seed
        return np.random.Generator(seeds.stream(seed, "policy", title, replication, controller))


def load(path: Path | str) -> Scenario:
    """Read a scenario file and check everything that can be checked without running it.

    Raises
    ------
    ScenarioError
        Every problem, topology and node pairs included, as ``file:line: key: …``.
    """
    scenario = load_scenario(path, policy_options)
    try:
        open_case(scenario)
    except TopologyError as error:
        problems = [(("network", "topology"), text) for text in error.problems]
        raise locate(path, problems) from None
    except SettingError as error:
        raise locate(path, error.problems) from None
    return scenario


@lru_cache(maxsize=8)
def open_case(scenario: Scenario) -> Case:
    """Build the network and the forecast of a scenario.

    Raises
    ------
    TopologyError, SettingError
    """
    network = build_network(scenario.network, scenario.cost, scenario.run.slot_s)
    forecast = build_forecast(scenario.demand, network.topology, scenario.run.seed)
    _refuse_overflow(scenario, network, forecast)
    return Case(scenario, network, forecast)


def _refuse_overflow(scenario: Scenario, network: Network, forecast: Forecast) -> None:
    """Bits of a slot, its waiting requests included, and of a run must stay exact."""
    run, patience = scenario.run, scenario.key_management.patience_s
    level = max(forecast.levels.levels - 1, 1)
    slot_bits = forecast.requests * level * network.level_bits
    queued = slot_bits * (1 + math.ceil(patience / run.slot_s))
    for bits, most, what in (
        (queued, MAX_SLOT_BITS, "in a slot, waiting requests included"),
        (slot_bits * run.slots, MAX_RUN_BITS, "in the run"),
    ):
        if bits > most:
            text = (
                f"{forecast.requests} requests of up to level {level} ask for {bits:.3g} bits "
                f"{what}; allowed: at most {most:.3g} (lower key_rate_bps, slot_s or patience_s)"
            )
            raise SettingError([(("network", "key_rate_bps"), text)])


def make_plan(scenario: Scenario, policy: PolicyTable) -> Plan:
    """Solve for what a policy decides in advance.

    Raises
    ------
    UsageError
        The policy does not plan.
    """
    plan = make_policy(policy.name, policy.options).plan(open_case(scenario).setting)
    if plan is None:
        raise UsageError(f"policy {policy.title!r} does not plan ahead; run it instead")
    return plan


def run_case(
    case: Case,
    policy: Policy,
    title: str,
    chunks: Iterator[WorldChunk],
    replication: int,
    sink: Sink,
    plan: Plan | None = None,
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
    """
    policy.prepare(case.setting, plan if plan is not None else policy.plan(case.setting))
    simulation = Simulation(
        case.setting,
        policy,
        chunks,
        case.scenario.key_management,
        lambda controller: case.generator(title, replication, controller),
        sink,
        title,
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
    started = time.perf_counter()
    plan = plan if plan is not None else runner.plan(case.setting)
    plan_s = time.perf_counter() - started
    realisation = case.realisation(replication)
    header = _header(case, runner, table, replication, plan, plan_s)
    digest = realisation.digest()
    with TraceWriter(Path(out), header, force=force) as writer:

        def sink(chunk: WorldChunk, block: SlotBlock) -> None:
            digest.update(chunk)
            writer.append(block.columns, chunk.levels, block.ledger)
            writer.world_digest = digest.hexdigest()
            if progress:
                progress(block.slots)

        run_case(case, runner, table.title, realisation.chunks(), replication, sink, plan)
    return writer.path


def _table_of(policy: Policy) -> PolicyTable:
    return PolicyTable.model_validate({"name": type(policy).__name__})


def plan_summary(plan: Plan, network: Network) -> dict[str, Any]:
    """Objective, bound, gap, status, solver and stage costs of a plan, ready for JSON."""
    return {
        "objective": plan.objective(network),
        "bound": plan.bound,
        "gap": plan.gap(network),
        "status": str(plan.status),
        "solver": plan.solver,
        "note": plan.note,
        "first_stage_cost": plan.first_stage_cost(network),
        "second_stage_cost": plan.second_stage_cost(network),
    }


def _header(
    case: Case,
    policy: Policy,
    table: PolicyTable,
    replication: int,
    plan: Plan | None,
    plan_s: float,
) -> TraceHeader:
    network, forecast, topology = case.network, case.forecast, case.network.topology
    costs = network.costs
    provenance = {
        "software": software(),
        "environment": environment(),
        "scenario": case.scenario.model_dump(mode="json"),
        "scenario_digest": case.scenario.digest(),
        "seed": case.scenario.run.seed,
        "replication": replication,
        "policy": {
            "name": table.name,
            "title": table.title,
            "options": policy.options.model_dump(mode="json"),
            "sees_future": policy.sees_future,
        },
        "plan": None if plan is None else plan_summary(plan, network) | {"solve_s": plan_s},
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
        "decisions/controller": policy.owners(network),
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


def _run_job(job: Job) -> Path:
    return simulate(
        job.scenario,
        job.policy,
        job.out,
        replication=job.replication,
        plan=job.plan,
        force=job.force,
    )


def run_policies(
    scenario: Scenario,
    policies: Sequence[PolicyTable],
    out: Path,
    *,
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
    case = open_case(scenario)
    jobs: list[Job] = []
    for policy in policies:
        # one plan serves all replications
        plan = make_policy(policy.name, policy.options).plan(case.setting)
        for replication in range(scenario.run.replications):
            path = out / f"{policy.title}-r{replication:03d}.h5"
            jobs.append(Job(scenario, policy, plan, replication, path, force))
    existing = [job.out for job in jobs if job.out.exists()]
    if existing and not force:
        raise UsageError(
            f"{existing[0]}: exists already; give another --out, or --force to overwrite it"
        )
    advance = progress or (lambda slots: None)
    if workers <= 1:
        paths = []
        for job in jobs:
            paths.append(_run_job(job))
            advance(scenario.run.slots)
        return paths
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


def policy_table(text: str, scenario: Scenario) -> PolicyTable:
    """Read a policy as the command line gives it.

    ``NAME`` takes the scenario's table of that title where there is one, else the policy's
    defaults. ``NAME:key=value,…`` gives options, numbers read as numbers.

    Raises
    ------
    UsageError
        Unknown policy or option, or a malformed text.
    """
    name, _, rest = text.partition(":")
    if not rest:
        for table in scenario.policy:
            if table.title == name:
                return table
    options: dict[str, Any] = {}
    for item in filter(None, rest.split(",")):
        key, equals, value = item.partition("=")
        if not equals or not key:
            raise UsageError(f"--policy {text!r}: write NAME or NAME:key=value,key=value")
        options[key.strip()] = _value(value.strip())
    label = options.pop("label", None)
    if label is None and options:
        label = "-".join([name, *(f"{k}{v}" for k, v in options.items())])
    make_policy(name, options)
    try:
        return PolicyTable.model_validate({"name": name, "label": label, **options})
    except ValueError as error:
        raise UsageError(f"--policy {text!r}: {error}; give label=NAME") from None


def _value(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return {"true": True, "false": False}.get(text, text)


__all__ = [
    "Case",
    "Job",
    "ScenarioError",
    "load",
    "make_plan",
    "open_case",
    "plan_summary",
    "policy_table",
    "run_case",
    "run_policies",
    "simulate",
]
