"""The tables of a comparison as plain text: a terminal and the report's page show the same rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from qnetsim.analysis.compare import Comparison, PolicyResult
from qnetsim.analysis.divergence import SUM_LABELS, Divergence
from qnetsim.analysis.key_figures import KeyFigures
from qnetsim.analysis.paired import ConfidenceInterval

#: Shown where there is no value.
DASH = "—"
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


@dataclass(frozen=True)
class TextTable:
    """Headings and rows of a table, ready to be shown.

    Attributes
    ----------
    columns : tuple of str
    rows : tuple of tuple of str
        As many cells in each as there are columns.
    short_columns : tuple of str
        Headings for a terminal, where they differ from ``columns``; else empty.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    short_columns: tuple[str, ...] = ()

    @property
    def terminal_columns(self) -> tuple[str, ...]:
        """Headings for a terminal."""
        return self.short_columns or self.columns

    def with_column(self, heading: str, cells: Sequence[str]) -> TextTable:
        """The same table with one more column at its right."""
        rows = tuple((*row, cell) for row, cell in zip(self.rows, cells, strict=True))
        short = (*self.short_columns, heading) if self.short_columns else ()
        return replace(self, columns=(*self.columns, heading), rows=rows, short_columns=short)


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
    rows = tuple(_cost_cells(policy, future_mark) for policy in comparison.policies)
    return TextTable(columns, rows)


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
    return TextTable(
        columns=(
            "policy",
            f"cost above {comparison.reference}",
            "variance reduction",
            "regret: cost above perfect information",
        ),
        rows=tuple(rows),
        short_columns=(
            "policy",
            f"to {comparison.reference}",
            "variance reduction",
            "to perfect information",
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
    rows = tuple((policy.name, *_key_cells(policy.keys)) for policy in comparison.policies)
    return TextTable(("policy", *KEY_COLUMNS), rows)


def _key_cells(keys: KeyFigures) -> tuple[str, ...]:
    """Key figures with units, under the headings ``KEY_COLUMNS``."""
    waits = keys.wait_percentiles_s
    return (
        *(f"{waits[name]:.3g} s" for name in ("p50", "p95", "p99")),
        f"{keys.interrupted:.2%}",
        f"{keys.rerouted:,.3g}",
        f"{keys.utilisation:.1%}",
        f"{keys.busiest_utilisation:.1%}",
        f"{keys.pool_bits:,.0f}",
        DASH if keys.depletion_s is None else f"{keys.depletion_s:.3g} s",
        f"{keys.exposed_bits / 1e6:,.4g}",
    )


def plan_rows(comparison: Comparison) -> TextTable:
    """Plans behind the policies: what was proved, and by which solver."""
    rows = []
    for policy in comparison.policies:
        plan = policy.plan
        if plan is not None:
            gap = DASH if plan["gap"] is None else f"{plan['gap']:.1e}"
            cost = f"{_expected(plan):,.0f}"
            rows.append((policy.name, cost, plan["status"], gap, plan["solver"], plan["note"]))
    columns = ("policy", "expected cost per slot", "status", "gap", "found and proved by", "note")
    return TextTable(columns, tuple(rows))


def plan_cells(comparison: Comparison) -> list[str]:
    """Expected cost and status of each policy's plan, in one cell."""
    plans = [policy.plan for policy in comparison.policies]
    return [f"{_expected(plan):,.0f} {plan['status']}" if plan else DASH for plan in plans]


def _expected(plan: Mapping[str, Any]) -> float:
    """Expected cost of a plan, also of one that minimises a risk objective."""
    return float(plan.get("expected_cost", plan["objective"]))


def divergence_rows(divergences: dict[str, Divergence]) -> TextTable:
    """First decision in which each policy differs from the reference, and sums from there on.

    Parameters
    ----------
    divergences : dict of Divergence
        From the reference, by policy.
    """
    rows = []
    for name, divergence in divergences.items():
        sums = divergence.marks[-1].sums
        change = {key: other - reference for key, (reference, other) in sums.items()}
        rows.append(
            (
                name,
                DASH if divergence.slot is None else f"{divergence.slot:,}",
                _first_change(divergence),
                *(f"{change[key]:+,.0f}" for key in SUM_LABELS),
            )
        )
    sums_from_there = [f"{SUM_LABELS['cost']} from there", *list(SUM_LABELS.values())[1:]]
    return TextTable(("policy", "first slot", "what differs there", *sums_from_there), tuple(rows))


def _first_change(divergence: Divergence) -> str:
    """The first fibre that is reserved otherwise, and how many more there are."""
    if not divergence.fibres:
        return DASH
    change = divergence.fibres[0]
    before, after = change.qkd_channels
    unit = "channels"
    if before == after:
        before, after = change.km_wavelengths
        unit = "wavelengths"
    more = f", and {len(divergence.fibres) - 1} fibres more" if len(divergence.fibres) > 1 else ""
    return f"{change.source}–{change.target}: {before} → {after} {unit}{more}"


def trace_rows(comparison: Comparison) -> TextTable:
    """The traces that are compared, with their content digests."""
    rows = tuple(
        (policy.name, str(run.replication), run.trace.name, run.status, run.content_digest)
        for policy in comparison.policies
        for run in policy.runs
    )
    return TextTable(("policy", "replication", "trace", "status", "content digest"), rows)
