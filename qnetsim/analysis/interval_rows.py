"""The intervals of all means of a comparison, as a table of plain text."""

from __future__ import annotations

from collections.abc import Sequence

from qnetsim.analysis.compare import Comparison
from qnetsim.analysis.rows import COST_LABELS
from qnetsim.analysis.text_table import DASH, TextTable, at_one_precision

#: Figures that are shares, and those that are amounts, by their headings.
SHARES = {
    "served": "served",
    "blocked": "blocked",
    "interrupted": "interrupted",
    "on_demand_share": "on demand",
    "utilisation": "keys used",
}
AMOUNTS = {
    "cost_per_slot": "cost per slot",
    **COST_LABELS,
    "rerouted": "detours a slot",
    "pool_bits": "pool, bit",
    "exposed_bits": "exposed, bit",
}


def share_text(half: float | None) -> str:
    """Half the width of an interval of a share."""
    return DASH if half is None else f"± {half:.2%}"


def interval_rows(comparison: Comparison) -> TextTable:
    """Half the width of the 95 % interval of each mean that is shown, by policy."""
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
    names = [policy.name for policy in policies]
    return TextTable(
        ("policy", *columns),
        tuple(zip(names, *columns.values(), strict=True)),
        first_to_go=tuple(reversed(list(columns))),
    )


def basis(comparison: Comparison) -> Sequence[str]:
    """Sentences: what was left out at the start, and where the intervals come from."""
    found = (comparison.warm_up.sentence, *_interval_sentences(comparison))
    return [sentence for sentence in found if sentence]


def _interval_sentences(comparison: Comparison) -> list[str]:
    """One where all policies have the same, else one for each of them."""
    told = {policy.name: policy.intervals.sentence for policy in comparison.policies}
    if len(set(told.values())) == 1:
        return [next(iter(told.values()))]
    return [f"{name}: {sentence}" for name, sentence in told.items()]
