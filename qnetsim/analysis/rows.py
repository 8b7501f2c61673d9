"""The tables of a comparison as plain text: a terminal and the report's page show the same rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from qnetsim.analysis.key_figures import KeyFigures
from qnetsim.analysis.paired import ConfidenceInterval
from qnetsim.analysis.text_table import DASH, Nothing, TextTable, at_one_precision, nothing_where
from qnetsim.plain_text import solver_in_words

if TYPE_CHECKING:
    from qnetsim.analysis.compare import Comparison, PolicyResult

#: Follows the name of a policy that sees the future.
SEES_FUTURE = " (sees the future)"
#: The kinds of cost in words, in the order of their columns.
COST_LABELS = {
    "qkd_reserved_cost": "QKD channels, reserved",
    "km_reserved_cost": "KM wavelengths, reserved",
    "qkd_on_demand_cost": "QKD channels, on demand",
    "km_on_demand_cost": "KM wavelengths, on demand",
    "blocking_cost": "blocked requests",
    "exposure_cost": "trust exposure",
}
KEY_COLUMNS = (
    "waits: median",
    "95 %",
    "99 %",
    "interrupted",
    "detours a slot",
    "keys used",
    "busiest",
    "pool, bit",
    "empty after",
    "exposed, Mbit",
)


class InformationValue(NamedTuple):
    """What knowing more is worth in the worlds of a comparison, per slot, as text."""

    name: str
    meaning: str
    amount: str


def interval_text(value: ConfidenceInterval | None) -> str:
    """Signed estimate with its interval."""
    if value is None:
        return DASH
    if value.low is None or value.high is None:
        return f"{value.estimate:+,.0f}"
    return f"{value.estimate:+,.0f} ({value.low:+,.0f} … {value.high:+,.0f})"


def policy_label(policy: PolicyResult, future_mark: str) -> str:
    """Name of a policy, with a mark where it sees the future."""
    return policy.name + (future_mark if policy.sees_future else "")


def cost_rows(comparison: Comparison, future_mark: str = SEES_FUTURE) -> TextTable:
    """Cost per slot of each policy, its paired ratio to the reference, and shares.

    Parameters
    ----------
    comparison : Comparison
    future_mark : str
        Follows the name of a policy that sees the future.
    """
    columns = (
        "policy",
        "cost per slot",
        f"ratio to {comparison.reference}",
        "paired 95 % interval",
        "served",
        "blocked",
        "on demand",
    )
    policies = comparison.policies
    return TextTable(
        columns,
        tuple(_cost_cells(policy, future_mark) for policy in policies),
        first_to_go=("on demand", "blocked", "served"),
        nothing=(
            *_silent_service(policies),
            *nothing_where(
                not any(p.on_demand_share for p in policies),
                ["on demand"],
                "Nothing was taken on demand",
            ),
        ),
    )


def _silent_service(policies: Sequence[PolicyResult]) -> tuple[Nothing, ...]:
    if all(policy.served == 1 for policy in policies):
        return (Nothing(("served", "blocked"), "Every request was served"),)
    none_blocked = not any(policy.blocked for policy in policies)
    return nothing_where(none_blocked, ["blocked"], "No request was blocked")


def _cost_cells(policy: PolicyResult, future_mark: str) -> tuple[str, ...]:
    ratio = interval = DASH
    found = policy.relative_cost
    if found is not None:
        ratio = f"{found.estimate:.4f}"
        if found.low is not None and found.high is not None:
            interval = f"{found.low:.4f} … {found.high:.4f}"
    return (
        policy_label(policy, future_mark),
        f"{policy.cost_per_slot:,.0f}",
        ratio,
        interval,
        f"{policy.served:.2%}",
        f"{policy.blocked:.2%}",
        f"{policy.on_demand_share:.2%}",
    )


def paired_rows(comparison: Comparison, future_mark: str = SEES_FUTURE) -> TextTable:
    """Differences per slot, their variance reduction by common worlds, and each policy's regret.

    Parameters
    ----------
    comparison : Comparison
    future_mark : str
        Follows the name of a policy that sees the future.
    """
    rows = []
    for policy in comparison.policies:
        reduction = policy.variance_reduction
        rows.append(
            (
                policy_label(policy, future_mark),
                interval_text(policy.difference),
                DASH if reduction is None else f"{reduction:,.1f} ×",
                interval_text(policy.regret),
            )
        )
    regret = "regret: cost above perfect information"
    policies = comparison.policies
    return TextTable(
        columns=("policy", f"cost above {comparison.reference}", "variance reduction", regret),
        rows=tuple(rows),
        short_columns=(
            "policy",
            f"to {comparison.reference}",
            "variance reduction",
            "to perfect information",
        ),
        first_to_go=("variance reduction", regret),
        nothing=(
            *nothing_where(
                all(p.variance_reduction is None for p in policies),
                ["variance reduction"],
                "One replication has no variance that common worlds could reduce"
                if comparison.replications == 1
                else "No difference varies between the worlds",
            ),
            *nothing_where(
                all(p.regret is None for p in policies),
                [regret],
                "Perfect information was not compared, so no regret is known",
            ),
        ),
    )


def simulated_information_values(comparison: Comparison) -> list[InformationValue]:
    """EVPI and VSS in these worlds; none where a policy that they need was not compared."""
    values = (
        ("EVPI", "expected value of perfect information (sip − perfect)", comparison.evpi),
        ("VSS", "value of the stochastic solution (evf − sip)", comparison.vss),
    )
    return [
        InformationValue(name, meaning, interval_text(value))
        for name, meaning, value in values
        if value is not None
    ]


def cost_kind_rows(comparison: Comparison) -> TextTable:
    """Cost per slot by kind; kinds that no policy pays for are left out."""
    kinds = [k for k in COST_LABELS if any(p.cost_by_kind[k] for p in comparison.policies)]
    rows = tuple(
        (policy.name, *(f"{policy.cost_by_kind[kind]:,.0f}" for kind in kinds))
        for policy in comparison.policies
    )
    return TextTable(("policy", *(COST_LABELS[kind] for kind in kinds)), rows)


def key_rows(comparison: Comparison) -> TextTable:
    """Waiting times, and what becomes of keys."""
    keys = [policy.keys for policy in comparison.policies]
    names = [policy.name for policy in comparison.policies]
    return TextTable(
        ("policy", *KEY_COLUMNS),
        tuple(zip(names, *_key_columns(keys), strict=True)),
        first_to_go=(*KEY_COLUMNS[9:2:-1], *KEY_COLUMNS[2::-1]),
        nothing=tuple(_silent_keys(keys)),
    )


def _key_columns(keys: Sequence[KeyFigures]) -> list[list[str]]:
    """Key figures with units, under the headings ``KEY_COLUMNS``."""
    seconds = (
        at_one_precision([k.wait_percentiles_s[name] for k in keys])
        for name in ("p50", "p95", "p99")
    )
    empty = at_one_precision([k.depletion_s for k in keys])
    return [
        *([f"{cell} s" for cell in column] for column in seconds),
        [f"{k.interrupted:.2%}" for k in keys],
        at_one_precision([k.rerouted for k in keys]),
        [f"{k.utilisation:.1%}" for k in keys],
        [f"{k.busiest_utilisation:.1%}" for k in keys],
        [f"{k.pool_bits:,.0f}" for k in keys],
        [cell if cell == DASH else f"{cell} s" for cell in empty],
        at_one_precision([k.exposed_bits / 1e6 for k in keys], digits=4),
    ]


def _silent_keys(keys: Sequence[KeyFigures]) -> Iterator[Nothing]:
    """Key figures that are zero for every policy."""
    median, p95, p99, interrupted, detours, _, _, pool, empty, exposed = KEY_COLUMNS
    waits = [k.wait_percentiles_s for k in keys]
    if not any(wait["max"] for wait in waits):
        yield Nothing((median, p95, p99), "No served request waited")
    elif not any(wait["p99"] for wait in waits):
        yield Nothing((median, p95, p99), "At least 99 of 100 served requests did not wait")
    for silent, heading, sentence in (
        (not any(k.interrupted for k in keys), interrupted, "No session was interrupted"),
        (not any(k.rerouted for k in keys), detours, "No key made a detour"),
        (not any(k.pool_bits for k in keys), pool, "No pool kept keys"),
        (all(k.depletion_s is None for k in keys), empty, "No pool ran empty"),
        (not any(k.exposed_bits for k in keys), exposed, "No trusted relay saw a key"),
    ):
        yield from nothing_where(silent, [heading], sentence)


def plan_rows(comparison: Comparison) -> TextTable:
    """Plans behind the policies: what was proved, and by which solver."""
    rows = []
    for policy in comparison.policies:
        plan = policy.plan
        if plan is not None:
            gap = DASH if plan["gap"] is None else f"{plan['gap']:.1e}"
            cost = f"{_expected(plan):,.0f}"
            solver = solver_in_words(str(plan["solver"]))
            rows.append((policy.name, cost, plan["status"], gap, solver, plan["note"]))
    columns = ("policy", "expected cost per slot", "status", "gap", "found and proved by", "note")
    plans = [policy.plan for policy in comparison.policies if policy.plan is not None]
    return TextTable(
        columns,
        tuple(rows),
        text=("status", "found and proved by", "note"),
        nothing=(
            *nothing_where(not any(plan["note"] for plan in plans), ["note"], ""),
            *nothing_where(
                all(plan["gap"] is None for plan in plans), ["gap"], "No plan has a bound"
            ),
        ),
    )


def plan_cells(comparison: Comparison) -> list[str]:
    """Expected cost and status of each policy's plan, in one cell."""
    plans = [policy.plan for policy in comparison.policies]
    return [f"{_expected(plan):,.0f} {plan['status']}" if plan else DASH for plan in plans]


def _expected(plan: Mapping[str, Any]) -> float:
    """Expected cost of a plan, also of one that minimises a risk objective."""
    return float(plan.get("expected_cost", plan["objective"]))


def trace_rows(comparison: Comparison) -> TextTable:
    """The traces that are compared, with their content digests."""
    rows = tuple(
        (policy.name, str(run.replication), run.trace.name, run.status, run.content_digest)
        for policy in comparison.policies
        for run in policy.runs
    )
    complete = all(row[3] == "complete" for row in rows)
    return TextTable(
        ("policy", "replication", "trace", "status", "content digest"),
        rows,
        text=("trace", "status", "content digest"),
        nothing=nothing_where(complete, ["status"], "Every trace is complete"),
    )
