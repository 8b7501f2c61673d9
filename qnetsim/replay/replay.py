"""Run a policy in a recorded world, or in the world of a trace."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from qnetsim.errors import UsageError, argument
from qnetsim.input_files import inputs_noted, refuse_input
from qnetsim.policies.chosen import ChosenPolicy, PolicyLike
from qnetsim.replay.data_place import refuse_without_data
from qnetsim.replay.departure import (
    WhatIf,
    departure,
    departure_note,
    followed_policy,
    stored_departure,
)
from qnetsim.replay.reopen import RecordedRun, recorded_run, whole_world
from qnetsim.runs.simulate import Progress, RunNotes, simulate
from qnetsim.trace import Trace, open_world
from qnetsim.trace.schema import WORLD


def replay(
    source: str | os.PathLike[str],
    policy: PolicyLike | ChosenPolicy | None,
    out: str | os.PathLike[str],
    *,
    what_if: WhatIf | None = None,
    force: bool = False,
    resume: bool = False,
    durable: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Run a policy in a recorded world.

    Parameters
    ----------
    source : path-like
        A recorded world or a trace.
    policy : str, PolicyTable, class or object of a Policy, or None
        As in :func:`qnetsim.policies.chosen.choose`; None is the policy of the trace. Not
        together with ``what_if``.
    out : path-like
        The trace to write.
    what_if : WhatIf, optional
        Follow the trace to a slot, then depart from it.
    force : bool
        Overwrite an existing trace.
    resume : bool
        As in ``simulate``.
    durable : bool
        As in ``simulate``.
    progress : callable, optional

    Raises
    ------
    QnetsimError
        The world is not whole or has been changed, the policy does not decide again as in the
        trace, or whatever goes wrong in a run.
    """
    with inputs_noted([Path(source)]), open_world(source) as trace:
        # ahead of resuming, which replaces the file that it goes on with
        refuse_input(Path(out))
        run = recorded_run(trace)
        refuse_without_data(run.case.scenario, trace.path)
        world = whole_world(trace, run)
        keep: dict[str, Any] = {
            "world": world,
            "force": force,
            "resume": resume,
            "durable": durable,
            "progress": progress,
        }
        if what_if is None and policy is None and (departed := stored_departure(trace, run)):
            run, what_if = departed
        if what_if is not None:
            return _departing(trace, run, what_if, Path(out), keep)
        chosen = run.policy if policy is None else policy
        if chosen is None:
            raise UsageError(
                f"{source}: is a world without a policy; give {argument('policy', 'NAME')}"
            )
        return simulate(run.case, chosen, out, replication=run.replication, **keep)


def _departing(
    trace: Trace, run: RecordedRun, what_if: WhatIf, out: Path, keep: dict[str, Any]
) -> Path:
    slots = run.case.scenario.run.slots
    if trace.kind is WORLD or run.policy is None:
        raise UsageError(f"{trace.path}: holds no decisions to follow; give a trace")
    if not 0 <= what_if.from_slot < slots:
        raise UsageError(f"slot {what_if.from_slot} is not in the trace; allowed: 0 .. {slots - 1}")
    run = replace(run, policy=followed_policy(trace, run.policy, what_if.followed))
    found = departure(run, what_if, trace)
    after = found.policy.after
    kind = f"{what_if.from_slot}-{after.table.title}" if what_if.policy else "forced"
    title = f"{found.policy.before.table.title}-{kind}"[:64]
    return simulate(
        run.case,
        found.policy,
        out,
        replication=run.replication,
        plan=after.plan,
        title=title,
        notes=RunNotes(
            statuses=found.statuses,
            provenance={"counterfactual": departure_note(found.policy, what_if)},
        ),
        **keep,
    )
