"""The intervals of all means of a comparison, as a table of plain text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING

from qnetsim.analysis.mean_intervals import Intervals
from qnetsim.analysis.rows import COST_LABELS
from qnetsim.analysis.task_means import task_means
from qnetsim.analysis.text_table import DASH, TextTable, at_one_precision, ends_text

if TYPE_CHECKING:
    from qnetsim.analysis.compare import Comparison

#: Figures that are shares, and those that are amounts, by their headings.
SHARES = {
    "served": "served",
    "blocked": "blocked",
    "interrupted": "interrupted",
    "on_demand_share": "on demand",
    "utilisation": "keys used",
    "busiest_utilisation": "busiest",
}
AMOUNTS = {
    "cost_per_slot": "cost per slot",
    **COST_LABELS,
    "rerouted": "detours a slot",
    "pool_bits": "pool, bit",
    "depletion_s": "empty after, s",
    "exposed_bits": "exposed, bit",
}
#: Percentiles of waiting times that are shown, by their headings.
WAITS = {"p50": "waits: median", "p95": "waits: 95 %", "p99": "waits: 99 %"}


def share_text(half: float | None) -> str:
    """Half the width of an interval of a share."""
    return DASH if half is None else f"± {half:.2%}"


def interval_rows(comparison: Comparison) -> TextTable:
    """Half the width of the 95 % interval of each mean that is shown, by policy; ends for waits."""
    policies = comparison.policies
    columns: dict[str, list[str]] = {}
    for name, heading in (*AMOUNTS.items(), *SHARES.items()):
        halves = [policy.intervals.half(name) for policy in policies]
        if name in AMOUNTS:
            cells = [text if text == DASH else f"± {text}" for text in at_one_precision(halves)]
        else:
            cells = [share_text(half) for half in halves]
        if any(halves):
            columns[heading] = cells
    columns |= _wait_columns([policy.intervals for policy in policies])
    names = [policy.name for policy in policies]
    return TextTable(
        ("policy", *columns),
        tuple(zip(names, *columns.values(), strict=True)),
        first_to_go=tuple(reversed(list(columns))),
    )


def _wait_columns(intervals: Sequence[Intervals]) -> dict[str, list[str]]:
    """Intervals of the percentiles of waiting times, where any has a width."""
    found = {}
    for name, heading in WAITS.items():
        values = [interval.waits_s.get(name) for interval in intervals]
        if any(value is not None and value.low != value.high for value in values):
            found[heading] = [ends_text(value) for value in values]
    return found


def basis(comparison: Comparison) -> Sequence[str]:
    """Sentences: what was left out at the start, and where the intervals come from."""
    found = (
        comparison.warm_up.sentence,
        *_interval_sentences(comparison),
        _task_sentence(comparison),
    )
    return [sentence for sentence in found if sentence]


def _task_sentence(comparison: Comparison) -> str:
    """Why means of FEL tasks have no interval though there are several replications."""
    if comparison.replications == 1:
        return ""
    means = [
        task_means(runs)
        for policy in comparison.policies
        for runs in zip(*(run.tasks for run in policy.runs), strict=True)
    ]
    values = (getattr(mean, field.name) for mean in means for field in fields(mean))
    alone = any(value is not None and value.high is None for value in values)
    return "Means of federated tasks that one run alone tells have no interval." if alone else ""


def _interval_sentences(comparison: Comparison) -> list[str]:
    """One where all policies have the same, else one for each of them."""
    told = {policy.name: policy.intervals.sentence for policy in comparison.policies}
    if len(set(told.values())) == 1:
        return [next(iter(told.values()))]
    return [f"{name}: {sentence}" for name, sentence in told.items()]
