"""Worlds as files: record them, and meet them again under any policy."""

from __future__ import annotations

import csv
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from qnetsim.case import Case
from qnetsim.errors import TraceError, UsageError
from qnetsim.interrupt import stoppable
from qnetsim.kernel.controllers import RESERVATION_MAX
from qnetsim.plans.make import planned
from qnetsim.policies import Policy
from qnetsim.policies.registry import make_policy
from qnetsim.replay.counterfactual import ControlledPolicy, Counterfactual, Forced
from qnetsim.replay.reopen import RecordedRun, recorded_run, recorded_world, stored_policy
from qnetsim.runs.header import world_header
from qnetsim.runs.simulate import Progress, simulate, status_of, world_columns
from qnetsim.scenario import PolicyTable
from qnetsim.trace import Block, Trace, TraceWriter, open_world
from qnetsim.trace.hdf5.files import replacing
from qnetsim.trace.schema import WORLD
from qnetsim.world.realisation import Realisation


def record_world(
    case: Case,
    out: Path | str,
    *,
    replication: int = 0,
    force: bool = False,
    progress: Progress | None = None,
) -> str:
    """Write a world to a file, and return its digest.

    Parameters
    ----------
    case : Case
    out : path-like
        ``.csv`` for the demand alone, as ``slot,source,target,rate`` with rates in bit/s; any
        other suffix for the whole world in HDF5.
    replication : int
    force : bool
        Overwrite an existing file.
    progress : callable, optional

    Raises
    ------
    TraceError, UsageError
        The file cannot be written, or exists.
    """
    path, world = Path(out), case.realisation(replication)
    if path.suffix.lower() == ".csv":
        return _write_csv(case, world, path, force, progress)
    digest = world.digest()
    with (
        stoppable() as check,
        TraceWriter(path, world_header(case, world), force=force, kind=WORLD) as writer,
    ):
        for chunk in world.chunks():
            digest.update(chunk)
            writer.append([Block({}, world_columns(chunk), {})])
            writer.world_digest = digest.hexdigest()
            if progress:
                progress(chunk.slots)
            check()
    return digest.hexdigest()


def _write_csv(
    case: Case, world: Realisation, path: Path, force: bool, progress: Progress | None
) -> str:
    nodes, digest, group = case.network.topology.nodes, world.digest(), case.forecast.group
    names = [(nodes[a], nodes[b]) for a, b in case.forecast.pairs]
    rate = case.network.level_bits / case.scenario.run.slot_s
    with (
        replacing(path, force) as fresh,
        stoppable() as check,
        fresh.open("w", encoding="utf-8", newline="") as file,
    ):
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["slot", "source", "target", "rate"])
        rates = [f"{level * rate:.15g}" for level in range(case.forecast.level_count)]
        for chunk in world.chunks():
            digest.update(chunk)
            for slot, levels in enumerate(chunk.levels[:, group].tolist(), chunk.first_slot):
                rows.writerows(
                    (slot, a, b, rates[k]) for (a, b), k in zip(names, levels, strict=True)
                )
            if progress:
                progress(chunk.slots)
            check()
    return digest.hexdigest()


@dataclass(frozen=True)
class WhatIf:
    """How a counterfactual replay departs from the trace that it follows.

    Attributes
    ----------
    from_slot : int
        First slot that may differ.
    policy : PolicyTable or None
        Decides from there on; None goes on with the policy of the trace.
    forced : tuple of Forced
    """

    from_slot: int
    policy: PolicyTable | None = None
    forced: tuple[Forced, ...] = ()


def whole_world(trace: Trace, run: RecordedRun) -> Realisation:
    """The world of a file, once its digest has been worked out again.

    Raises
    ------
    TraceError
        The world is not whole, or has been changed.
    """
    world = recorded_world(trace, run)
    digest = world.digest()
    for chunk in world.chunks():
        digest.update(chunk)
    stored = trace.attribute("world_digest")
    if stored not in {"", digest.hexdigest()}:
        raise TraceError(
            f"{trace.path}: its world has been changed: its digest is {digest.hexdigest()[:12]}, "
            f"and {stored[:12]} stands in the file; `qnetsim verify` says where"
        )
    return world


def replay(
    source: Path | str,
    policy: PolicyTable | Policy | None,
    out: Path | str,
    *,
    what_if: WhatIf | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Run a policy in a recorded world.

    Parameters
    ----------
    source : path-like
        A recorded world or a trace.
    policy : PolicyTable, Policy or None
        None is the policy of the trace. Not together with ``what_if``.
    out : path-like
        The trace to write.
    what_if : WhatIf, optional
        Follow the trace to a slot, then depart from it.
    force : bool
        Overwrite an existing trace.
    progress : callable, optional

    Raises
    ------
    QnetsimError
        The world is not whole or has been changed, the policy does not decide again as in the
        trace, or whatever goes wrong in a run.
    """
    with open_world(source) as trace:
        run = recorded_run(trace)
        world = whole_world(trace, run)
        keep: dict[str, Any] = {"world": world, "force": force, "progress": progress}
        if what_if is None and policy is None and "counterfactual" in trace.provenance:
            what_if = stored_departure(trace.provenance["counterfactual"])
            run = replace(run, policy=stored_policy(trace.provenance["counterfactual"]["before"]))
        if what_if is not None:
            return _departing(trace, run, what_if, Path(out), keep)
        chosen = policy or run.policy
        if chosen is None:
            raise UsageError(f"{source}: is a world without a policy; give --policy NAME")
        return simulate(run.case, chosen, out, replication=run.replication, **keep)


def _departing(
    trace: Trace, run: RecordedRun, what_if: WhatIf, out: Path, keep: dict[str, Any]
) -> Path:
    case, slots = run.case, run.case.scenario.run.slots
    if trace.kind is WORLD or run.policy is None:
        raise UsageError(f"{trace.path}: holds no decisions to follow; give a trace")
    if not 0 <= what_if.from_slot < slots:
        raise UsageError(f"slot {what_if.from_slot} is not in the trace; allowed: 0 .. {slots - 1}")
    policy = counterfactual(case, run, what_if, trace)
    after = policy.after
    statuses = np.full(slots, status_of(after.plan))
    statuses[: what_if.from_slot] = status_of(policy.before.plan)
    kind = f"{what_if.from_slot}-{after.table.title}" if what_if.policy else "forced"
    title = f"{run.policy.title}-{kind}"[:64]
    return simulate(
        case,
        policy,
        out,
        replication=run.replication,
        plan=after.plan,
        title=title,
        statuses=statuses,
        notes={"counterfactual": departure_note(policy, what_if)},
        **keep,
    )


def counterfactual(case: Case, run: RecordedRun, what_if: WhatIf, trace: Trace) -> Counterfactual:
    """The policy of a counterfactual replay."""
    assert run.policy is not None

    def side(table: PolicyTable) -> ControlledPolicy:
        policy = make_policy(table.name, table.options)
        return ControlledPolicy(
            case, policy, table, planned(policy, table.title, case), run.replication
        )

    before = side(run.policy)
    after = before if what_if.policy is None else side(what_if.policy)
    return Counterfactual(before, after, what_if.from_slot, what_if.forced, trace.column)


def departure_note(policy: Counterfactual, what_if: WhatIf) -> dict[str, Any]:
    """What the provenance of a counterfactual trace says of it."""

    def part(side: ControlledPolicy) -> dict[str, Any]:
        return {
            "name": side.table.name,
            "title": side.table.title,
            "options": side.policy.options.model_dump(mode="json"),
        }

    return {
        "from_slot": what_if.from_slot,
        "before": part(policy.before),
        "after": None if what_if.policy is None else part(policy.after),
        "forced": [asdict(force) for force in what_if.forced],
    }


def stored_departure(stored: dict[str, Any]) -> WhatIf:
    """How a counterfactual trace departs from what it followed, as its provenance says."""
    return WhatIf(
        int(stored["from_slot"]),
        stored_policy(stored["after"]) if stored["after"] else None,
        tuple(Forced(**force) for force in stored["forced"]),
    )


def forced_reservation(text: str, case: Case, first_slot: int, slots: int | None) -> Forced:
    """Read ``SOURCE-TARGET:qkd_channels=N,km_wavelengths=N``.

    Raises
    ------
    UsageError
        Naming what is wrong and what is allowed.
    """
    topology = case.network.topology
    names: dict[str, int] = {}
    for fibre, (a, b) in enumerate(topology.fibres):
        for one, other in ((a, b), (b, a)):
            for dash in "-–":
                names[f"{topology.nodes[one]}{dash}{topology.nodes[other]}"] = fibre
    place, _, rest = text.rpartition(":")
    how = "write SOURCE-TARGET:qkd_channels=N,km_wavelengths=N, one of the two or both"
    if place not in names:
        some = ", ".join(list(names)[::4][:12])
        raise UsageError(f"--set {text!r}: {place!r} is not a fibre (there are {some}, …); {how}")
    amounts: dict[str, int] = {}
    for item in rest.split(","):
        key, equals, value = (part.strip() for part in item.partition("="))
        if key not in {"qkd_channels", "km_wavelengths"} or key in amounts or not equals:
            raise UsageError(f"--set {text!r}: {item!r} is not allowed; {how}")
        if not (value.isascii() and value.isdecimal()):
            raise UsageError(f"--set {text!r}: {value!r} is not an integer >= 0; {how}")
        amounts[key] = int(value)
        if amounts[key] > RESERVATION_MAX:
            raise UsageError(f"--set {text!r}: {value} is more than {RESERVATION_MAX}")
    end = case.scenario.run.slots if slots is None else first_slot + slots
    return Forced(
        names[place], amounts.get("qkd_channels"), amounts.get("km_wavelengths"), first_slot, end
    )
