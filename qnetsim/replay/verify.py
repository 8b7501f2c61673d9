"""Check a trace: what it says of itself, its ledger, its digests, and the run behind it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from qnetsim.analysis.audit import Finding, audit
from qnetsim.errors import QnetsimError, TraceError, UsageError, argument
from qnetsim.interrupt import stoppable
from qnetsim.kernel import SlotBlock
from qnetsim.optimize import Plan
from qnetsim.plain_text import counted
from qnetsim.plans.make import planned
from qnetsim.plans.storage import FROM_FILE, load_plan
from qnetsim.policies import Policy
from qnetsim.policies.chosen import ChosenPolicy, PolicyLike, choose
from qnetsim.policies.learned.weights import read_weights
from qnetsim.policies.registry import available, policy_of
from qnetsim.replay.claims import other_attribute, other_claim, unlike_solver
from qnetsim.replay.departure import (
    departure,
    departure_note,
    departure_with,
    stored_departure,
)
from qnetsim.replay.given_files import GivenFiles, demand_finding, network_finding
from qnetsim.replay.plan_check import plan_finding
from qnetsim.replay.reopen import RecordedRun, recorded_run, recorded_world, redrawn_world
from qnetsim.replay.signed import signature_finding
from qnetsim.runs.header import trace_header, world_header
from qnetsim.runs.simulate import Progress, RunContext, run_case, world_columns, written
from qnetsim.scenario import PolicyTable
from qnetsim.scenario.tables.scenario import PolicySource
from qnetsim.trace import Block, Trace, open_world, read_plan
from qnetsim.trace.provenance import software
from qnetsim.trace.rerun_check import Difference, RerunCheck
from qnetsim.trace.schema import WORLD
from qnetsim.world.realisation import Realisation, WorldChunk

#: What a trace that passes every check is proved to be.
PROVED = (
    "the file holds the objects, attributes and rows of its format and nothing else",
    "keys are conserved, bills and counts add up, and the digests fit",
    "network and recorded demand are those of the files that they are held against",
    "the world follows from the seed or the recorded demand",
)
#: What the run made again proves beside.
PROVED_BY_RERUN = "every value of the run follows from world, policy and plan"
#: What a signature proves beside.
PROVED_BY_SIGNATURE = "the holder of the key signed exactly this file"
#: What no check of a file can prove.
NOT_PROVED = (
    "who made it and when: digests are no signature, and anybody can run the same scenario",
    "on what machine and with which software: those words are the maker's",
    "how long planning and decisions took: wall-clock times differ from run to run",
    "that this run was not chosen among many: seeds are the maker's choice",
)


@dataclass(frozen=True)
class Verification:
    """What came of the checks.

    Attributes
    ----------
    findings : tuple of Finding
        In the order of the checks.
    difference : Difference or None
        First value in which the run does not come out again.
    """

    findings: tuple[Finding, ...]
    difference: Difference | None

    @property
    def failed(self) -> bool:
        """Whether anything is wrong."""
        return any(finding.passed is False for finding in self.findings)

    @property
    def proved(self) -> tuple[str, ...]:
        """What is proved, in sentences; nothing where a check failed or was left open."""
        if self.failed or self.partial:
            return ()
        names = {finding.name for finding in self.findings}
        further = {"re-run": PROVED_BY_RERUN, "signature": PROVED_BY_SIGNATURE}
        return (*PROVED, *(text for name, text in further.items() if name in names))

    @property
    def partial(self) -> bool:
        """Whether something could not be checked."""
        return any(finding.passed is None for finding in self.findings)


class _DepartedError(Exception):
    """The run differs from the trace: there is no need to go on."""

    def __init__(self, difference: Difference) -> None:
        # SimPy raises a copy, made from the arguments
        super().__init__(difference)
        self.difference = difference


class _EndOfTraceError(Exception):
    """The run has come to where the trace was cut short."""


def verify(
    path: str | os.PathLike[str],
    *,
    policy: PolicyLike | None = None,
    plan: Path | None = None,
    topology: Path | None = None,
    demand: Path | None = None,
    key: Path | None = None,
    weights: Path | None = None,
    rerun: bool = True,
    progress: Progress | None = None,
) -> Verification:
    """Check a trace or a recorded world.

    Parameters
    ----------
    path : path-like
    policy : str, PolicyTable, class or object of a Policy, optional
        The policy behind the trace, where it is not a registered one: ``FILE.py:Class``,
        ``module:Class``, or a fresh object. Code of the user's own is imported only if it is
        given here, and run only if its SHA-256 is that of the trace.
    plan : Path, optional
        The plan file that the run went by. It is made again, and what it claims compared.
    topology, demand : Path, optional
        The files of the network and of the recorded demand, which a trace only names.
    weights : Path, optional
        The file of trained weights; looked for in the current folder and beside the trace unless
        given.
    key : Path, optional
        The public key that the trace must be signed by.
    rerun : bool
        Simulate the run again and compare every value.
    progress : callable, optional
        Told how many slots were simulated since the last call.

    Raises
    ------
    TraceError, UsageError
        The file, or one that is given beside it, cannot be read at all.
    """
    if plan is not None:
        read_plan(plan)  # one that cannot be read is an error even where no plan is asked for
    if weights is not None:
        read_weights(weights)
    with open_world(path) as trace:
        findings = list(audit(trace))
        if (signed := signature_finding(Path(path), key)) is not None:
            findings.append(signed)
        difference = None
        try:
            run = recorded_run(trace, weights)
        except TraceError as error:
            return Verification((*findings, Finding("scenario", False, str(error))), None)
        given = GivenFiles(None if policy is None else choose(policy), plan, topology, demand)
        findings += _provenance(trace, run)
        findings.append(_length(trace, run))
        findings.append(network_finding(trace, run, given))
        if (found := demand_finding(trace, run, given)) is not None:
            findings.append(found)
        if plan is not None:
            findings.append(plan_finding(trace, run, given))
        findings.append(_world_digest(trace, run))
        if rerun:
            finding, difference = _rerun(trace, run, given, progress or (lambda slots: None))
            findings.append(finding)
        return Verification(tuple(findings), difference)


def _provenance(trace: Trace, run: RecordedRun) -> Iterator[Finding]:
    stored = trace.provenance
    here = run.case.scenario.digest()
    settings = run.case.scenario.portable().model_dump(mode="json")
    same = stored.get("scenario_digest") == here
    fits = settings == stored["scenario"] or (same and _within(stored["scenario"], settings))
    if "scenario_digest" not in stored or not fits:
        text = "of an older version: settings that came later have their defaults"
        yield Finding("scenario", None, text)
    elif trace.attribute("slot_s") != str(run.case.scenario.run.slot_s):
        yield Finding("scenario", False, "the root attribute slot_s is not the scenario's")
    elif stored["seed"] != run.case.scenario.run.seed:
        yield Finding("scenario", False, "the seed of the provenance is not the scenario's")
    else:
        text = here[:16] if same else f"{here[:16]}, and {stored['scenario_digest'][:16]} is stored"
        yield Finding("scenario", same, text)
    ours = software()
    theirs = stored["software"]
    changed = [
        f"{name} {theirs.get('packages', {}).get(name)} → {version}"
        for name, version in ours["packages"].items()
        if theirs.get("packages", {}).get(name) != version
    ]
    if theirs["version"] != ours["version"]:
        changed.insert(0, f"qnetsim {theirs['version']} → {ours['version']}")
    text = f"other versions here: {', '.join(changed)}" if changed else "the same versions here"
    yield Finding("software", True, text)


def _within(stored: Any, settings: Any) -> bool:
    """Whether all settings of a file are those; what came later is not said in older ones.

    The digest covers what came later wherever it is not a default.
    """
    if isinstance(stored, dict) and isinstance(settings, dict):
        return stored.keys() <= settings.keys() and all(
            _within(stored[key], settings[key]) for key in stored
        )
    return type(stored) is type(settings) and bool(stored == settings)


def _length(trace: Trace, run: RecordedRun) -> Finding:
    """Whether a file holds the slots of its scenario: no more, and all where it is complete."""
    slots = run.case.scenario.run.slots
    text = f"{trace.slots:,} of the {slots:,} that its scenario has"
    if trace.slots > slots or (trace.status == "complete" and trace.slots < slots):
        return Finding("slots", False, f"{text}; it is {trace.status}")
    return Finding("slots", True, text)


def _world_digest(trace: Trace, run: RecordedRun) -> Finding:
    stored = trace.attribute("world_digest")
    if not stored:
        return Finding("world digest", None, f"the trace is {trace.status}: it has none yet")
    if trace.slots < run.case.scenario.run.slots:
        return Finding("world digest", None, "the world is cut short; the re-run compares it")
    try:
        found = recorded_world(trace, run).whole_digest()
    except QnetsimError as error:
        return Finding("world digest", False, str(error))
    same = found == stored
    text = stored[:16] if same else f"{found[:16]}, and {stored[:16]} is stored"
    return Finding("world digest", same, text)


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


def _rerun(
    trace: Trace, run: RecordedRun, given: GivenFiles, progress: Progress
) -> tuple[Finding, Difference | None]:
    """Simulate again in a world that is drawn again from its seed, recorded levels apart."""
    case = run.case
    drawn = case.scenario.recording is None
    origin = "world drawn from the seed" + ("" if drawn else ", levels as recorded")
    try:
        world = case.realisation(run.replication) if drawn else redrawn_world(trace, run)
        with stoppable() as check:
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
        return _Runner(policy, load_plan(given.plan, run.case).plan)
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
        run_case(
            context,
            runner.policy,
            again.world.chunks(),
            sink,
            plan=runner.plan,
            statuses=runner.statuses,
        )
    except _EndOfTraceError:
        return
    again.differs(again.against.totals(last["totals"]))


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
