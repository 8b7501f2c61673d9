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

from qnetsim.case.case_of import ScenarioLike, case_of
from qnetsim.input_files import inputs_noted
from qnetsim.interrupt import stoppable
from qnetsim.kernel import Kernel, SlotBlock
from qnetsim.kernel.simulation import Sink
from qnetsim.last_message import note_standing
from qnetsim.optimize import Plan
from qnetsim.plans.make import planned
from qnetsim.policies.chosen import ChosenPolicy, PolicyLike, choose
from qnetsim.runs.blocks_at_once import blocks_at_once
from qnetsim.runs.header import policy_provenance, trace_header
from qnetsim.runs.run_context import RunContext, new_simulation
from qnetsim.scenario import Scenario
from qnetsim.trace import Block, TraceHeader
from qnetsim.trace.new_trace import NewTrace
from qnetsim.trace.schema import FileKind
from qnetsim.trace.schema import trace_kind as kind_of_trace
from qnetsim.trace.whole_writer import SHORT_RUN, WholeTraceWriter
from qnetsim.world.joined import joined
from qnetsim.world.realisation import Realisation, WorldChunk, WorldDigest

if TYPE_CHECKING:
    from qnetsim.kernel.task_notes import TaskNotes
    from qnetsim.runs.resume import UnfinishedFile
    from qnetsim.trace.writer import TraceWriter

#: Told how many slots were simulated since the last call.
Progress = Callable[[int], None]


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
        check = stack.enter_context(stoppable(at_once=True))
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
                fast=context.served_by == "numba",
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
    fast: bool,
) -> Iterator[tuple[Sink, NewTrace]]:
    """Write a trace behind the simulation, held against the one that is completed, if any.

    That of a short run is written after it.
    """
    completed = 0 if unfinished is None else unfinished.slots
    force = force or unfinished is not None
    short = header.slots <= SHORT_RUN
    made: type[WholeTraceWriter | TraceWriter] = WholeTraceWriter
    if not short:
        from qnetsim.trace.writer import TraceWriter

        made = TraceWriter
    with made(
        path,
        header,
        force=force,
        kind=kind,
        instead_of=completed,
        durable=durable,
        fast=fast,
    ) as writer:

        def write(done: list[tuple[WorldChunk, Block]]) -> None:
            for chunk, _ in done:
                digest.update(chunk)
            writer.append([block for _, block in done])
            writer.world_digest = digest.hexdigest()

        def write_at_once(done: tuple[WorldChunk, Block]) -> None:
            write([done])

        with ExitStack() as stack:
            put: Callable[[tuple[WorldChunk, Block]], None] = write_at_once
            if not short:
                from qnetsim.trace.hdf5.write_behind import WriteBehind

                behind = WriteBehind(write, lambda done: done[1].nbytes, blocks)
                put = stack.enter_context(behind).put

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
