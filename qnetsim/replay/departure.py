"""How a counterfactual replay departs from the trace that it follows: asked for, stored, run."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from qnetsim.case import Case
from qnetsim.errors import TraceFormatError, UsageError, argument
from qnetsim.kernel.controllers import RESERVATION_MAX
from qnetsim.plans.make import planned
from qnetsim.plans.opened import stored_policy
from qnetsim.policies.registry import policy_of
from qnetsim.replay.counterfactual import ControlledPolicy, Counterfactual, Forced
from qnetsim.replay.reopen import RecordedRun
from qnetsim.runs.header import source_note
from qnetsim.runs.run_context import plan_status_code
from qnetsim.scenario import PolicyTable
from qnetsim.scenario.tables.portable import without_folders
from qnetsim.trace import Trace


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
    followed : PolicyTable or None
        Code of the policy of the trace, where that is a user's own.
    """

    from_slot: int
    policy: PolicyTable | None = None
    forced: tuple[Forced, ...] = ()
    followed: PolicyTable | None = None


@dataclass(frozen=True)
class Departure:
    """A counterfactual replay, ready to run.

    Attributes
    ----------
    policy : Counterfactual
    statuses : ndarray of uint8, shape (slots,)
        Status of the plan behind each slot.
    """

    policy: Counterfactual
    statuses: npt.NDArray[np.uint8]


def departure(run: RecordedRun, what_if: WhatIf, trace: Trace) -> Departure:
    """Make a counterfactual replay of a trace runnable.

    Parameters
    ----------
    run : RecordedRun
        Its policy decides until the departure.
    what_if : WhatIf
    trace : Trace
        The trace that is followed.
    """
    assert run.policy is not None

    def controlled(table: PolicyTable) -> ControlledPolicy:
        policy = policy_of(table)
        plan = planned(policy, table.title, run.case)
        return ControlledPolicy(run.case, policy, table, plan, run.replication)

    before = controlled(run.policy)
    after = before if what_if.policy is None else controlled(what_if.policy)
    statuses = np.full(run.case.scenario.run.slots, plan_status_code(after.plan))
    statuses[: what_if.from_slot] = plan_status_code(before.plan)
    policy = Counterfactual(before, after, what_if.from_slot, what_if.forced, trace.column)
    return Departure(policy, statuses)


def followed_policy(trace: Trace, table: PolicyTable, given: PolicyTable | None) -> PolicyTable:
    """The policy of a trace, with its code where that is a user's own.

    Raises
    ------
    UsageError
        Its code is not given, or is other code.
    """
    sha256 = trace.provenance["policy"].get("source_sha256")
    how = argument("followed", "FILE.py:Class")
    if sha256 is None:
        if given is not None:
            raise UsageError(f"{how}: policy {table.name!r} of the trace is no code of your own")
        return table
    found = None if given is None else with_code(table, sha256, given)
    if found is None:
        raise UsageError(
            f"policy {table.name!r} of the trace is code of a user's own, of SHA-256 "
            f"{sha256[:16]}, which is imported only where it is given: {how}"
        )
    return found


def with_code(table: PolicyTable, sha256: str | None, given: PolicyTable) -> PolicyTable | None:
    """Table of a trace with code that is given; None where that is not the code behind it."""
    source = given.source
    if source is None or source.sha256 != sha256:
        return None
    if source.class_name != table.name.rpartition(":")[2]:
        return None
    return table.with_source(source).model_copy(update={"name": table.name})


def departure_with(
    stored: tuple[RecordedRun, WhatIf], trace: Trace, given: PolicyTable | None
) -> tuple[RecordedRun, WhatIf]:
    """What a counterfactual trace says, with code that is given where it is the code behind it."""
    run, what_if = stored
    if given is None:
        return stored
    parts = trace.provenance["counterfactual"]

    def coded(table: PolicyTable | None, part: str) -> PolicyTable | None:
        sha256 = (parts[part] or {}).get("source_sha256")
        return table and (with_code(table, sha256, given) or table)

    policy = coded(run.policy, "before")
    return replace(run, policy=policy), replace(what_if, policy=coded(what_if.policy, "after"))


def departure_note(policy: Counterfactual, what_if: WhatIf) -> dict[str, Any]:
    """What the provenance of a counterfactual trace says of it."""

    def part(one: ControlledPolicy) -> dict[str, Any]:
        return {
            "name": one.table.name,
            "title": one.table.title,
            "options": without_folders(one.policy.options.model_dump(mode="json")),
            **source_note(one.table),
        }

    return {
        "from_slot": what_if.from_slot,
        "before": part(policy.before),
        "after": None if what_if.policy is None else part(policy.after),
        "forced": [asdict(force) for force in what_if.forced],
    }


def stored_departure(trace: Trace, run: RecordedRun) -> tuple[RecordedRun, WhatIf] | None:
    """What a counterfactual trace followed, and how it departed; None for any other trace.

    Returns
    -------
    RecordedRun, WhatIf
        The run with the policy until the departure.
    """
    if "counterfactual" not in trace.provenance:
        return None
    stored = trace.provenance["counterfactual"]
    try:
        what_if = WhatIf(
            from_slot=int(stored["from_slot"]),
            policy=stored_policy(stored["after"]) if stored["after"] else None,
            forced=tuple(Forced(**force) for force in stored["forced"]),
        )
        _check_stored(stored["from_slot"], what_if.forced, run.case)
        return replace(run, policy=stored_policy(stored["before"])), what_if
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise TraceFormatError(
            f"{trace.path}: its counterfactual is damaged: {type(error).__name__}: {error}"
        ) from None


def _check_stored(from_slot: object, forced: tuple[Forced, ...], case: Case) -> None:
    """Refuse entries that nobody can have asked for.

    Raises
    ------
    ValueError
    """
    slots = case.scenario.run.slots
    if type(from_slot) is not int or not 0 <= from_slot < slots:
        raise ValueError(f"from_slot is {from_slot!r}")
    for force in forced:
        amounts = [n for n in (force.qkd_channels, force.km_wavelengths) if n is not None]
        numbers = (force.fibre, force.first_slot, force.end_slot, *amounts)
        if not amounts or not all(type(number) is int for number in numbers):
            raise ValueError(f"{force} holds what is no integer, or changes nothing")
        if not (
            0 <= force.fibre < case.network.fibres
            and from_slot <= force.first_slot < min(force.end_slot, slots)
            and min(amounts) >= 0
            and max(amounts) <= RESERVATION_MAX
        ):
            raise ValueError(f"{force} lies outside the run")


def forced_reservation(text: str, case: Case, first_slot: int, slots: int | None) -> Forced:
    """Read ``SOURCE-TARGET:qkd_channels=N,km_wavelengths=N``; parallel fibres by their own names.

    Raises
    ------
    UsageError
        Naming what is wrong and what is allowed.
    """
    topology = case.network.topology
    names: dict[str, int] = {}
    for called in (topology.titles, topology.nodes):
        for fibre, (a, b) in enumerate(topology.fibres):
            for one, other in ((a, b), (b, a)):
                for dash in "-–":
                    ends = f"{called[one]}{dash}{called[other]}"
                    if topology.label(fibre):
                        names[f"{ends} ({topology.label(fibre)})"] = fibre
                    if fibre not in topology.twins:
                        names[ends] = fibre
    place, _, rest = text.rpartition(":")
    how = "write SOURCE-TARGET:qkd_channels=N,km_wavelengths=N, one of the two or both"
    if place not in names:
        beside = [name for name in names if name.startswith(f"{place} (")]
        some = ", ".join(beside or list(names)[::4][:12])
        raise UsageError(
            f"{argument('set', repr(text))}: {place!r} is not a fibre (there are {some}, …); {how}"
        )
    amounts: dict[str, int] = {}
    for item in rest.split(","):
        key, equals, value = (part.strip() for part in item.partition("="))
        if key not in {"qkd_channels", "km_wavelengths"} or key in amounts or not equals:
            raise UsageError(f"{argument('set', repr(text))}: {item!r} is not allowed; {how}")
        if not (value.isascii() and value.isdecimal()):
            raise UsageError(
                f"{argument('set', repr(text))}: {value!r} is not an integer >= 0; {how}"
            )
        amounts[key] = int(value)
        if amounts[key] > RESERVATION_MAX:
            raise UsageError(
                f"{argument('set', repr(text))}: {value} is more than {RESERVATION_MAX}"
            )
    end = case.scenario.run.slots if slots is None else first_slot + slots
    return Forced(
        names[place], amounts.get("qkd_channels"), amounts.get("km_wavelengths"), first_slot, end
    )
