"""Simulate the run behind a trace again, and compare every value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from qnetsim.analysis.audit import Finding
from qnetsim.errors import QnetsimError, UsageError, argument
from qnetsim.interrupt import stoppable
from qnetsim.kernel import SlotBlock
from qnetsim.optimize import Plan
from qnetsim.plain_text import counted
from qnetsim.plans.make import planned
from qnetsim.plans.storage import FROM_FILE, load_plan
from qnetsim.policies import Policy
from qnetsim.policies.chosen import ChosenPolicy
from qnetsim.policies.registry import available, policy_of
from qnetsim.replay.claims import other_attribute, other_claim, other_tasks, unlike_solver
from qnetsim.replay.departure import (
    departure,
    departure_note,
    departure_with,
    stored_departure,
)
from qnetsim.replay.given_files import GivenFiles
from qnetsim.replay.reopen import RecordedRun, redrawn_world
from qnetsim.runs.header import trace_header, world_header
from qnetsim.runs.run_context import RunContext, run_case
from qnetsim.runs.simulate import Progress, told_of_tasks, world_columns, written
from qnetsim.scenario import PolicyTable
from qnetsim.scenario.tables.scenario import PolicySource
from qnetsim.trace import Block, Trace
from qnetsim.trace.rerun_check import Difference, RerunCheck
from qnetsim.trace.schema import WORLD
from qnetsim.world.realisation import Realisation, WorldChunk


class _DepartedError(Exception):
    """The run differs from the trace: there is no need to go on."""

    def __init__(self, difference: Difference) -> None:
        # SimPy raises a copy, made from the arguments
        super().__init__(difference)
        self.difference = difference


class _EndOfTraceError(Exception):
    """The run has come to where the trace was cut short."""


@dataclass(frozen=True)
class _Rerun:
    """A run of a trace made again, and what is watched meanwhile."""

    trace: Trace
    run: RecordedRun
    world: Realisation
    against: RerunCheck
    check: Callable[[], None]
    progress: Progress
    #: What may differ with other versions of the software, and does.
    unlike: list[str] = field(default_factory=list)

    def differs(self, difference: Difference | None) -> None:
        """Stop at a difference."""
        if difference is not None:
            raise _DepartedError(difference)


def rerun_finding(
    trace: Trace, run: RecordedRun, given: GivenFiles, progress: Progress
) -> tuple[Finding, Difference | None]:
    """Simulate again in a world that is drawn again from its seed, recorded levels apart."""
    case = run.case
    drawn = case.scenario.recording is None
    origin = "world drawn from the seed" + ("" if drawn else ", levels as recorded")
    try:
        world = case.realisation(run.replication) if drawn else redrawn_world(trace, run)
        with stoppable(at_once=True) as check:
            again = _Rerun(
                trace=trace,
                run=run,
                world=world,
                against=RerunCheck(trace),
                check=check,
                progress=progress,
            )
            if trace.kind is WORLD:
                _compare_world(again)
            else:
                _compare_run(again, given)
    except _DepartedError as departed:
        text = str(departed.difference)
        if given.plan is None and FROM_FILE in (trace.provenance.get("plan") or {}).get("note", ""):
            text += f"; it is said to go by a plan file: give that with {argument('plan', 'FILE')}"
        return Finding("re-run", False, text), departed.difference
    except UsageError as error:
        return Finding("re-run", None, f"not possible here: {error}"), None
    except QnetsimError as error:
        return Finding("re-run", False, str(error)), None
    text = f"{counted(trace.slots, 'slot')}, every value the same; {origin}"
    if again.unlike:
        text += f"; with other versions of the software the plan's {', '.join(again.unlike)} differ"
        return Finding("re-run", None, text), None
    return Finding("re-run", True, text), None


def _compare_world(again: _Rerun) -> None:
    header = world_header(again.run.case, again.world)
    again.differs(again.against.header(header.columns))
    again.differs(other_attribute(again.trace, header.attributes))
    for chunk in again.world.chunks():
        again.differs(again.against.block(Block({}, world_columns(chunk), {})))
        again.progress(chunk.slots)
        again.check()


@dataclass(frozen=True)
class _Runner:
    """What decides in a run: the policy, its plan, and the status of the plan in each slot."""

    policy: Policy
    plan: Plan | None
    statuses: npt.NDArray[np.uint8] | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)


def _runner(again: _Rerun, table: PolicyTable, given: GivenFiles) -> _Runner:
    """The policy behind a trace, made again."""
    trace = again.trace
    run = again.run
    if stored := stored_departure(trace, run):
        table_given = None if given.policy is None else given.policy.table
        stored = departure_with(stored, trace, table_given)
        found = departure(*stored, trace)
        note = {"counterfactual": departure_note(found.policy, stored[1])}
        return _Runner(found.policy, found.policy.after.plan, found.statuses, note)
    policy = _policy(table, given.policy, trace.provenance["policy"].get("source_sha256"))
    if given.plan is not None:
        return _Runner(policy, load_plan(given.plan, run.case, given.policy).plan)
    return _Runner(policy, planned(policy, table.title, run.case))


def _compare_run(again: _Rerun, given: GivenFiles) -> None:
    trace = again.trace
    run = again.run
    table = run.policy
    assert table is not None
    runner = _runner(again, table, given)
    hashed = "source_sha256" in trace.provenance["policy"]
    if hashed and given.policy is not None and given.policy.table.source is not None:
        table = _with_code(table, given.policy.table.source)
    header = trace_header(
        case=run.case,
        policy=runner.policy,
        table=table,
        realisation=again.world,
        plan=runner.plan,
        notes=runner.notes,
    )
    again.differs(again.against.header(header.columns))
    again.differs(other_attribute(trace, header.attributes))
    again.differs(other_claim(trace, header.provenance))
    cut_short = trace.slots < run.case.scenario.run.slots
    again.unlike.extend(unlike_solver(trace, header.provenance))
    last: dict[str, Any] = {}

    def sink(chunk: WorldChunk, block: SlotBlock) -> None:
        done = written(chunk, block)
        again.differs(again.against.block(done))
        last["totals"] = block.totals
        again.progress(block.slots)
        again.check()
        if again.against.done and cut_short:
            raise _EndOfTraceError

    context = RunContext(run.case, table.title, run.replication, again.check)
    try:
        done = run_case(
            context,
            runner.policy,
            again.world.chunks(),
            sink,
            plan=runner.plan,
            statuses=runner.statuses,
        )
    except _EndOfTraceError:
        again.differs(other_tasks(trace, ""))
        return
    again.differs(again.against.totals(last["totals"]))
    again.differs(other_tasks(trace, told_of_tasks(done.rounds.notes())))


def _policy(table: PolicyTable, given: ChosenPolicy | None, sha256: str | None) -> Policy:
    """The policy behind a trace; code of a user's own only where the user gives it.

    Raises
    ------
    UsageError
        It cannot be had, or is not the one that the trace names.
    """
    how = f"give it: {argument('policy', table.name if sha256 else 'FILE.py:Class')}"
    if given is None:
        if sha256 is not None:
            raise UsageError(f"policy {table.name!r} is code of a user's own; {how}")
        if table.name not in available():
            raise UsageError(f"policy {table.name!r} is not installed; {how}")
        return policy_of(table)
    source = given.table.source
    if given.prototype is not None and sha256 is not None:
        raise UsageError(f"policy {table.name!r} is code that is known by its hash; {how}")
    if source is None and sha256 is None:
        return given.once()
    # a class that was given in Python has a name and no hash
    unknown = sha256 is None and table.name not in available()
    if source is None or not (unknown or source.sha256 == sha256):
        found = "a registered policy" if source is None else f"code of SHA-256 {source.sha256[:16]}"
        wanted = "a registered one" if sha256 is None else f"of SHA-256 {sha256[:16]}"
        raise UsageError(
            f"policy {given.table.name!r} is {found}, and that of the trace is {wanted}"
        )
    if source.class_name != table.name.rpartition(":")[2]:
        raise UsageError(
            f"policy {given.table.name!r} is another class than that of the trace, {table.name!r}"
        )
    # the options are those of the trace
    return policy_of(_with_code(table, source))


def _with_code(table: PolicyTable, source: PolicySource) -> PolicyTable:
    """Table of a trace with its code, which may lie in a file of another name here."""
    return table.with_source(source).model_copy(update={"name": table.name})
