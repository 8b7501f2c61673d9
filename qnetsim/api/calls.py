"""Run, compare, plan, replay: each takes a scenario in any form and a policy in any form."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TypeAlias, cast, get_args

from qnetsim.analysis.compare import compare_traces
from qnetsim.api.result_objects import ComparisonResult, PlanResult, RunResult
from qnetsim.api.temporary import place_of
from qnetsim.arguments import path_argument, refuse_uncallable, refuse_unless, whole_argument
from qnetsim.case import Case, open_case
from qnetsim.case.case_of import ScenarioLike, case_of
from qnetsim.case.open_case import with_run_values
from qnetsim.errors import UsageError, argument, refuse_resume_by_force
from qnetsim.input_files import inputs_noted
from qnetsim.kernel import Kernel
from qnetsim.optimize import Plan
from qnetsim.plans.make import Tell, make_plan
from qnetsim.plans.reuse import refuse_misshapen, refuse_other_policy, reused_plan
from qnetsim.plans.storage import StoredPlan
from qnetsim.policies.chosen import ChosenPolicy, PoliciesLike, PolicyLike, choose, choose_all
from qnetsim.replay.departure import WhatIf
from qnetsim.replay.replay import replay
from qnetsim.replay.replay_batch import recorded_files, replay_policies
from qnetsim.runs.batch import run_policies
from qnetsim.runs.simulate import Progress, simulate
from qnetsim.runs.workers import map_in_workers
from qnetsim.scenario import PolicyTable
from qnetsim.trace import is_hdf5
from qnetsim.trace.files.planned_traces import traces_of
from qnetsim.world.realisation import Realisation

#: Highest number of a world, as on the command line.
MOST_REPLICATIONS = 10**6
#: Most processes of a comparison.
MOST_WORKERS = 10**4
#: Traces and recorded worlds, or folders of them.
TracesLike: TypeAlias = "ComparisonResult | os.PathLike[str] | Sequence[str | os.PathLike[str]]"


@inputs_noted()
def run(
    scenario: ScenarioLike,
    policy: PolicyLike,
    out: str | os.PathLike[str] | None = None,
    *,
    replication: int = 0,
    plan: Plan | PlanResult | StoredPlan | None = None,
    title: str | None = None,
    world: Realisation | None = None,
    force: bool = False,
    resume: bool = False,
    durable: bool = False,
    progress: Progress | None = None,
    kernel: Kernel = "auto",
) -> RunResult:
    """Run one policy in one world.

    Parameters
    ----------
    scenario : Scenario, Case, path-like, str or mapping
        A scenario, its file, the name of a shipped one, or its tables.
    policy : str, PolicyTable, class or object of a Policy
        ``"sip"``, ``"sip:formulation=sampling"``, ``"my_policy.py:Mine"``, ``"module:Mine"``, a
        class, or an object, which serves this one run.
    out : path-like, optional
        The trace to write. Unless given it is a temporary file, which goes with the result.
    replication : int
        Which of the scenario's worlds.
    plan : PlanResult, StoredPlan or Plan, optional
        What ``plan`` or ``load_plan`` returned; saves solving again. A policy of this name and
        these options must have made it. A ``PlanResult`` for another scenario is valued anew, with
        a warning; ``load_plan`` does so for the scenario that it is given. A ``Plan`` by itself
        says neither policy nor scenario: it is taken for this policy's, with all that it claims.
    title : str, optional
        Name of a class or an object in the trace, where it is not that of the class.
    world : Realisation, optional
        The world itself, where it is not drawn from the scenario.
    force : bool
        Overwrite an existing trace.
    resume : bool
        Go on with a trace that was cut short; a complete one is kept.
    durable : bool
        Wait at every commit until the disk has it.
    progress : callable, optional
        Told how many slots were simulated since the last call.
    kernel : {"auto", "numba", "numpy", "loop"}
        What serves the requests; the results are the same.

    Returns
    -------
    RunResult
        Stands for the path of the trace; ``table()``, ``plot()``, ``trace()``, ``metrics``.

    Raises
    ------
    QnetsimError
        Whatever goes wrong.
    """
    _refuse_contradiction(resume, force, out)
    replication = whole_argument("replication", replication, 0, MOST_REPLICATIONS)
    if kernel not in get_args(Kernel):
        raise UsageError(f"kernel={kernel!r}: allowed: {', '.join(get_args(Kernel))}")
    refuse_uncallable("progress", progress)
    refuse_unless(world is None or isinstance(world, Realisation), "world", "a Realisation", world)
    case = case_of(scenario)
    chosen = choose(policy, case.scenario.policy, title)
    place = place_of(out, f"{chosen.title}-r{replication:03d}.h5")
    simulate(
        case,
        chosen,
        place.path,
        replication=replication,
        world=world,
        plan=_plan(plan, case, chosen),
        force=force,
        resume=resume,
        durable=durable,
        progress=progress,
        kernel=kernel,
    )
    return RunResult(*place)


@inputs_noted()
def compare(
    source: ScenarioLike | TracesLike,
    policies: PolicyLike | PoliciesLike | None = None,
    *,
    replications: int | None = None,
    out: str | os.PathLike[str] | None = None,
    workers: int = 1,
    force: bool = False,
    resume: bool = False,
    durable: bool = False,
    progress: Progress | None = None,
) -> ComparisonResult:
    """Compare policies in identical worlds.

    Parameters
    ----------
    source : scenario or traces
        A scenario in any form that :func:`run` takes, which is run. Or traces, recorded worlds,
        folders of them, or an earlier comparison, which are read; policies that have no trace
        among them are replayed in their worlds.
    policies : one policy, a sequence, or a mapping from titles, optional
        In any form that :func:`run` takes; the scenario's own unless given. Objects are copied
        for every run.
    replications : int, optional
        Worlds, instead of the scenario's.
    out : path-like, optional
        Folder of the traces. Unless given they are temporary files, which go with the result.
    workers : int
        Processes; the traces are the same for any number. Many traces are read by as many, where
        these can be forked.
    force, resume, durable, progress
        As in :func:`run`.

    Returns
    -------
    ComparisonResult
        ``table()``, ``summary()``, ``plot()``, ``report(out)``, ``comparison``.

    Raises
    ------
    QnetsimError
        Whatever goes wrong.
    """
    _refuse_contradiction(resume, force, out)
    workers = whole_argument("workers", workers, 1, MOST_WORKERS)
    refuse_uncallable("progress", progress)
    each = partial(map_in_workers, workers=workers)
    place = place_of(out)
    paths = _recorded(source)
    if paths is None:
        case = _with_replications(case_of(cast(ScenarioLike, source)), replications)
        made = run_policies(
            case,
            _chosen(policies, case.scenario.policy),
            place.path,
            workers=workers,
            force=force,
            resume=resume,
            durable=durable,
            progress=progress,
        )
        compared = compare_traces(made, each=each)
        return ComparisonResult(compared, tuple(made), [place.folder])
    if replications is not None:
        raise UsageError(
            f"{argument('replications')} goes with a scenario; traces are read as they are"
        )
    files = recorded_files(traces_of(paths))
    missing = files.to_replay(
        choose_all(() if policies is None else policies, files.scenario.policy)
    )
    made = replay_policies(
        files.paths,
        missing,
        place.path,
        force=force,
        resume=resume,
        durable=durable,
        progress=progress,
    )
    traces = (*files.traces, *made)
    # temporary traces of an earlier result stay as long as this one
    return ComparisonResult(compare_traces(traces, each=each), traces, [place.folder, source])


@inputs_noted()
def plan(
    scenario: ScenarioLike,
    policy: PolicyLike = "sip",
    out: str | os.PathLike[str] | None = None,
    *,
    force: bool = False,
    tell: Tell | None = None,
) -> PlanResult:
    """Solve for what a policy reserves.

    Parameters
    ----------
    scenario : Scenario, Case, path-like, str or mapping
        As in :func:`run`.
    policy : str, PolicyTable, class or object of a Policy
        As in :func:`run`.
    out : path-like, optional
        Plan file to write; none unless given.
    force : bool
        Overwrite an existing file.
    tell : callable, optional
        Receives a line of text now and then during a long solve.

    Returns
    -------
    PlanResult
        ``table()``, ``plot()``, ``save(out)``, ``objective``, ``bound``, ``gap``, ``status``.

    Raises
    ------
    QnetsimError
        The policy does not plan, or whatever goes wrong.
    """
    case = case_of(scenario)
    chosen = choose(policy, case.scenario.policy)
    path = None if out is None else path_argument("out", out)
    found = PlanResult(make_plan(case, chosen, tell), case, chosen, path)
    if path is not None:
        found.save(path, force=force)
    return found


@inputs_noted()
def replay_world(
    source: str | os.PathLike[str],
    policy: PolicyLike | None = None,
    out: str | os.PathLike[str] | None = None,
    *,
    what_if: WhatIf | None = None,
    force: bool = False,
    resume: bool = False,
    durable: bool = False,
    progress: Progress | None = None,
) -> RunResult:
    """Run a policy in a recorded world, or in the world of a trace.

    Parameters
    ----------
    source : path-like or RunResult
    policy : str, PolicyTable, class or object of a Policy, optional
        As in :func:`run`; the policy of the trace unless given. Not together with ``what_if``.
    out : path-like, optional
        As in :func:`run`.
    what_if : WhatIf, optional
        Follow the trace to a slot, then depart from it.
    force, resume, durable, progress
        As in :func:`run`.

    Raises
    ------
    QnetsimError
        The world is not whole or has been changed, or whatever goes wrong.
    """
    place = place_of(out, "replay.h5")
    replay(
        path_argument("source", source),
        policy,
        place.path,
        what_if=what_if,
        force=force,
        resume=resume,
        durable=durable,
        progress=progress,
    )
    return RunResult(*place)


def _plan(given: object, case: Case, policy: ChosenPolicy) -> Plan | None:
    """The plan behind what a caller gives for one, for this run.

    Raises
    ------
    UsageError
        It is none, or does not go with the scenario or the policy.
    """
    if given is None:
        return None
    if isinstance(given, PlanResult):
        return reused_plan(given.plan, given.case, given.policy, case, policy)
    if isinstance(given, StoredPlan):
        refuse_other_policy(ChosenPolicy(given.policy), policy)
        given = given.plan
    if isinstance(given, Plan):
        refuse_misshapen(given, case)
        return given
    if isinstance(given, str | os.PathLike):
        raise UsageError("plan: is a path; give what qnetsim.load_plan reads from it")
    raise UsageError(
        f"plan: give what qnetsim.plan or qnetsim.load_plan returned, not {type(given).__name__}"
    )


def _refuse_contradiction(resume: bool, force: bool, out: str | os.PathLike[str] | None) -> None:
    """Refuse settings that contradict each other.

    Raises
    ------
    UsageError
    """
    refuse_resume_by_force(resume, force)
    if resume and out is None:
        raise UsageError("resume=True goes on with a file; give out")


def _recorded(source: object) -> list[Path] | None:
    """Traces and worlds, or their folders, among what can be compared; None for a scenario.

    Raises
    ------
    UsageError
        Scenarios and traces are mixed.
    """
    if isinstance(source, ComparisonResult):
        return list(source.traces)
    if isinstance(source, str | os.PathLike):
        paths = [path_argument("source", source)]
    elif isinstance(source, Sequence) and source:
        paths = [path_argument("source", one) for one in source]
    else:
        return None
    recorded = [path.is_dir() or path.suffix == ".h5" or is_hdf5(path) for path in paths]
    if all(recorded):
        return paths
    if len(paths) > 1:
        raise UsageError("give one scenario, or traces; not several of them together")
    return None


def _chosen(
    policies: PolicyLike | PoliciesLike | None, listed: Sequence[PolicyTable]
) -> Sequence[ChosenPolicy | PolicyTable]:
    """Policies to run: those that are given, else the scenario's own.

    Raises
    ------
    UsageError
        None of them is given, in a list of none.
    """
    if policies is None:
        return listed
    chosen = choose_all(policies, listed)
    if not chosen:
        raise UsageError("policies: is empty; name one, or leave it out for the scenario's own")
    return chosen


def _with_replications(case: Case, replications: int | None) -> Case:
    if replications is None:
        return case
    scenario = with_run_values(case.scenario, {"replications": replications})
    return open_case(scenario, case.network.topology)
