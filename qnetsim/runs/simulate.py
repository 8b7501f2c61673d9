"""One run: a policy in a world, and its trace."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from qnetsim.case import Case
from qnetsim.case.case_of import ScenarioLike, case_of
from qnetsim.input_files import inputs_noted
from qnetsim.interrupt import note_standing, stoppable
from qnetsim.kernel import Kernel, Simulation, SlotBlock
from qnetsim.kernel.context import SimulationContext
from qnetsim.kernel.followed_requests import FollowedRequests
from qnetsim.kernel.running_tasks import Task
from qnetsim.kernel.serving.jit import Served
from qnetsim.kernel.serving.jit import chosen as chosen_kernel
from qnetsim.kernel.simulation import Sink
from qnetsim.kernel.task_notes import TaskNotes
from qnetsim.optimize import Plan
from qnetsim.plans.make import planned
from qnetsim.policies import Policy
from qnetsim.policies.base import guarded, steady_foresight
from qnetsim.policies.chosen import ChosenPolicy, PolicyLike, choose
from qnetsim.runs.blocks_at_once import blocks_at_once
from qnetsim.runs.header import policy_provenance, trace_header
from qnetsim.scenario import Scenario
from qnetsim.trace import Block, TraceHeader, TraceWriter, WriteBehind
from qnetsim.trace.schema import FileKind
from qnetsim.trace.schema import trace_kind as kind_of_trace
from qnetsim.trace.whole_writer import SHORT_RUN, WholeTraceWriter
from qnetsim.vocabulary import PLAN_STATUS
from qnetsim.world.joined import joined
from qnetsim.world.realisation import Realisation, WorldChunk, WorldDigest

if TYPE_CHECKING:
    from qnetsim.kernel.relay import Relay
    from qnetsim.runs.resume import UnfinishedFile

#: Told how many slots were simulated since the last call.
Progress = Callable[[int], None]


def _never_stop() -> None:
    """Check that stops nothing."""


@dataclass(frozen=True)
class RunContext:
    """What makes a run: the case, and under what name and number a policy meets it.

    Attributes
    ----------
    case : Case
    title : str
        Names the policy's random streams and stands in messages.
    replication : int
        Names the policy's random streams too.
    check : callable
        Called ahead of every decision; raises to stop the run.
    kernel : {"auto", "numba", "numpy", "loop"}
        What serves the requests. The results are the same; ``auto`` takes numba where it is
        installed and the run is long enough.
    relay : Relay or None
        Carries every key as real bytes; made for the run where the scenario asks for it.
    """

    case: Case
    title: str
    replication: int = 0
    check: Callable[[], None] = _never_stop
    kernel: Kernel = "auto"
    relay: Relay | None = None

    def generator(self, controller: int) -> np.random.Generator:
        """Random stream of a controller."""
        return self.case.generator(self.title, self.replication, controller)

    @property
    def served_by(self) -> Served:
        """What serves the requests, once it is chosen."""
        requests = self.case.setting.slots * self.case.forecast.requests
        return chosen_kernel(self.kernel, requests, walks=_walks(self.case.scenario))

    def for_kernel(self, tasks: Sequence[Task]) -> SimulationContext:
        """What the kernel goes by, with relays where keys are carried as bytes."""
        case = self.case
        keys = self.case.scenario.key_management
        relay = self.relay
        if relay is None and keys.relay == "real":
            relay = self._new_relay()
        task_relay = relay
        if relay is None and any(task.real for task in tasks):
            task_relay = self._new_relay()
        return SimulationContext(
            setting=case.setting,
            key_management=keys,
            title=self.title,
            check=self.check,
            kernel=self.served_by,
            relay=relay,
            task_relay=task_relay,
            followed=self._followed(),
        )

    def _followed(self) -> FollowedRequests | None:
        """Which requests are followed one by one, as the scenario says."""
        scenario = self.case.scenario
        which = scenario.trace.requests
        if which == "none":
            return None
        share = scenario.trace.requests_sample
        return FollowedRequests(which, share, scenario.run.seed, self.replication)

    def _new_relay(self) -> Relay:
        case = self.case
        seed = case.scenario.run.seed
        from qnetsim.kernel.relay import Relay

        return Relay(case.network, case.forecast, seed, self.replication, check=self.check)


def run_case(
    context: RunContext,
    policy: Policy,
    chunks: Iterator[WorldChunk],
    sink: Sink,
    *,
    plan: Plan | None = None,
    statuses: npt.NDArray[np.uint8] | None = None,
) -> Simulation:
    """Simulate a policy in a world; returns the finished simulation.

    Parameters are those of :func:`new_simulation`; the plan is worked out here unless given.
    """
    plan = plan if plan is not None else planned(policy, context.title, context.case)
    simulation = new_simulation(context, policy, chunks, sink, plan=plan, statuses=statuses)
    simulation.run()
    return simulation


def new_simulation(
    context: RunContext,
    policy: Policy,
    chunks: Iterator[WorldChunk],
    sink: Sink,
    *,
    plan: Plan | None = None,
    statuses: npt.NDArray[np.uint8] | None = None,
) -> Simulation:
    """Prepare a policy and what simulates it, at the start of the run.

    Parameters
    ----------
    context : RunContext
    policy : Policy
        A fresh object; it is prepared here.
    chunks : iterator of WorldChunk
        The world, in order.
    sink : callable
        Receives each chunk of the world with what was recorded for it.
    plan : Plan, optional
        What ``policy.plan`` returned for this case.
    statuses : ndarray of uint8, shape (slots,), optional
        Status of the plan behind each slot, where it is not that of ``plan`` throughout.
    """
    case = context.case
    title = context.title
    if statuses is None:
        statuses = np.broadcast_to(plan_status_code(plan), case.setting.slots)
    tasks: list[Task] = []
    if case.scenario.fel:
        from qnetsim.case.tasks import open_tasks

        tasks = open_tasks(case.scenario, case.network.topology.nodes, context.replication)
    with steady_foresight(policy, title):
        with guarded(title, "prepare"):
            policy.prepare(case.setting, plan)
        return Simulation(
            context.for_kernel(tasks),
            policy,
            chunks=chunks,
            sink=sink,
            generators=context.generator,
            plan_status=statuses,
            tasks=tasks,
        )


def plan_status_code(plan: Plan | None) -> np.uint8:
    """Status of a plan as it stands in a trace."""
    return np.uint8(PLAN_STATUS.index(plan.status) if plan else 0)


def _walks(scenario: Scenario) -> bool:
    """Whether slots are tied to each other, or requests inside a slot come one by one."""
    keys = scenario.key_management
    demand = scenario.demand
    tied = keys.store_bits or keys.patience_s or keys.on_demand_setup_s or keys.relay == "real"
    return bool(tied or demand.holding_slots > 1 or demand.arrivals != "slot_start")


@dataclass(frozen=True)
class RunNotes:
    """What a trace says of a run that does not follow from its policy and its plan.

    Attributes
    ----------
    statuses : ndarray of uint8, shape (slots,), or None
        As in ``run_case``.
    provenance : mapping
        Further entries of the provenance.
    """

    statuses: npt.NDArray[np.uint8] | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)


def simulate(
    scenario: ScenarioLike,
    policy: PolicyLike | ChosenPolicy,
    out: str | os.PathLike[str],
    *,
    replication: int = 0,
    world: Realisation | None = None,
    plan: Plan | None = None,
    title: str | None = None,
    notes: RunNotes | None = None,
    force: bool = False,
    resume: bool = False,
    durable: bool = False,
    progress: Progress | None = None,
    kernel: Kernel = "auto",
) -> Path:
    """Run one policy in one world and write its trace.

    Parameters
    ----------
    scenario : Scenario, Case, path-like or mapping
        As in :func:`qnetsim.case.case_of.case_of`.
    policy : str, PolicyTable, class or object of a Policy
        As in :func:`qnetsim.policies.chosen.choose`. An object serves this one run.
    out : path-like
        The trace to write.
    replication : int
        Which of the scenario's worlds.
    world : Realisation, optional
        The world itself, where it is not drawn from the scenario.
    plan : Plan, optional
        A plan made before; saves solving again.
    title : str, optional
        Name of a class or an object in the trace, where it is not that of the class.
    notes : RunNotes, optional
    force : bool
        Overwrite an existing trace.
    resume : bool
        Go on with a trace that was cut short: slots that it holds are simulated again and must
        come out as they stand in it. A complete trace whose digest fits is left as it is.
    durable : bool
        Wait at every commit until the disk has it, so that a power cut costs no more than a kill.
    progress : callable, optional
    kernel : {"auto", "numba", "numpy", "loop"}
        As in ``RunContext``.

    Returns
    -------
    Path
        The trace.

    Raises
    ------
    QnetsimError
        Whatever goes wrong; blocks of slots that were whole until then are in the trace.
    """
    case = case_of(scenario)
    notes = notes or RunNotes()
    chosen = choose(policy, case.scenario.policy, title)
    table, runner = chosen.table, chosen.once()
    path = Path(out)
    with ExitStack() as stack:
        stack.enter_context(inputs_noted((*case.scenario.named_files, *table.named_files)))
        unfinished = None
        if resume and path.exists():
            from qnetsim.runs.resume import UnfinishedFile

            unfinished = stack.enter_context(UnfinishedFile(path))
        if unfinished is not None:
            unfinished.refuse_other(
                {
                    "replication": replication,
                    "policy": policy_provenance(runner, table, case.network),
                    "scenario_digest": case.scenario.digest(),
                    **notes.provenance,
                }
            )
            if unfinished.complete:
                unfinished.refuse_changed()
                note_standing(path, "complete")
                if progress:
                    progress(unfinished.slots)
                return path
        plan = plan if plan is not None else planned(runner, table.title, case)
        realisation = world or case.realisation(replication)
        header = trace_header(
            case=case,
            policy=runner,
            table=table,
            realisation=realisation,
            plan=plan,
            notes=notes.provenance,
        )
        if unfinished is not None:
            unfinished.begin(header)
        check = stack.enter_context(stoppable())
        context = RunContext(case, table.title, replication, check, kernel)
        blocks = blocks_at_once(case, runner, context.served_by)
        write, writer = stack.enter_context(
            _writing(
                path,
                header,
                realisation.digest(),
                unfinished,
                kind=trace_kind(case.scenario),
                force=force,
                durable=durable,
                blocks=blocks,
            )
        )

        def sink(chunk: WorldChunk, block: SlotBlock) -> None:
            write(chunk, block)
            if progress:
                progress(block.slots)
            check()

        chunks = realisation.chunks(fast=context.served_by == "numba")
        if blocks > 1:
            chunks = joined(chunks, blocks)
        done = new_simulation(context, runner, chunks, sink, plan=plan, statuses=notes.statuses)
        done.run()
        writer.tasks = told_of_tasks(done.rounds.notes())
    return path


@contextmanager
def _writing(
    path: Path,
    header: TraceHeader,
    digest: WorldDigest,
    unfinished: UnfinishedFile | None,
    *,
    kind: FileKind,
    force: bool,
    durable: bool,
    blocks: int,
) -> Iterator[tuple[Sink, TraceWriter]]:
    """Write a trace behind the simulation, held against the one that is completed, if any.

    That of a short run is written after it.
    """
    completed = 0 if unfinished is None else unfinished.slots
    force = force or unfinished is not None
    short = header.slots <= SHORT_RUN
    with (WholeTraceWriter if short else TraceWriter)(
        path, header, force=force, kind=kind, instead_of=completed, durable=durable
    ) as writer:

        def write(done: list[tuple[WorldChunk, Block]]) -> None:
            for chunk, _ in done:
                digest.update(chunk)
            writer.append([block for _, block in done])
            writer.world_digest = digest.hexdigest()

        def write_at_once(done: tuple[WorldChunk, Block]) -> None:
            write([done])

        with ExitStack() as stack:
            behind = WriteBehind(write, lambda done: done[1].nbytes, blocks)
            put = write_at_once if short else stack.enter_context(behind).put

            def sink(chunk: WorldChunk, block: SlotBlock) -> None:
                done = written(chunk, block)
                if unfinished is not None:
                    unfinished.compare(done)
                put((chunk, done))

            yield sink, writer


def told_of_tasks(notes: Sequence[TaskNotes]) -> str:
    """What a trace tells of FEL tasks, as JSON; empty where there is none."""
    return json.dumps([asdict(one) for one in notes]) if notes else ""


def trace_kind(scenario: Scenario) -> FileKind:
    """Kind of file that a run of a scenario gives."""
    return kind_of_trace(
        requests=scenario.trace.requests != "none",
        held_out=any(table.test_share for table in scenario.fel),
    )


def written(chunk: WorldChunk, block: SlotBlock) -> Block:
    """What a trace holds of a chunk of the world."""
    columns = {n: None if n in block.blank else rows for n, rows in block.columns.items()}
    return Block(columns, world_columns(chunk), block.totals, block.requests)


def world_columns(chunk: WorldChunk) -> dict[str, npt.NDArray[Any] | None]:
    """Growing columns of the trace's world; None where nothing differs from the usual."""
    return {
        "levels": chunk.levels,
        "yield_ppm": chunk.yield_ppm,
        "arrival_ns": chunk.arrivals,
        "holding_slots": chunk.holding,
    }
