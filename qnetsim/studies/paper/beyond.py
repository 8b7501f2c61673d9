"""What worlds beyond the paper's do to the ordering of the policies: rows of the benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from qnetsim.analysis.text_table import TextTable
from qnetsim.shipped import benchmark_scenarios, summary_of
from qnetsim.studies.benchmark.reference_rows import Reference, reference
from qnetsim.studies.benchmark.row_file import BenchmarkRow

#: Cheapest first, in the paper.
PAPER_ORDER = ("sip", "evf", "random")


def beyond_table(found: Reference | None = None) -> TextTable:
    """Policies of every world, cheapest first, with their ratios to the bound."""
    found = found or reference()
    rows = []
    for world in found.worlds:
        mine = [r for r in found.rows if r.world == world.name and not r.sees_future]
        mine.sort(key=lambda row: row.ratio)
        summary = summary_of(benchmark_scenarios()[world.name].read_text("utf-8"))
        told = "; ".join(f"{r.policy} {r.ratio:.3f} ({r.low:.3f} … {r.high:.3f})" for r in mine)
        rows.append((world.name, summary, told, order_of(mine)))
    columns = ("world", "what it is", "cost over the bound, 95 % interval", "SIP ≤ EVF ≤ random")
    return TextTable(columns, tuple(rows), text=columns[1:])


def order_of(rows: Sequence[BenchmarkRow]) -> str:
    """Whether the paper's order is kept, where that is unsure, and what is cheaper than sip."""
    ratios = {row.policy: row for row in rows}
    there = [name for name in PAPER_ORDER if name in ratios]
    order = [ratios[name].ratio for name in there]
    word = "kept" if order == sorted(order) else "not kept"
    if len(there) < len(PAPER_ORDER):
        word += f" ({', '.join(there)} only)"
    unsure = [f"{a} and {b}" for a, b in pairwise(there) if _touch(ratios[a], ratios[b])]
    if unsure:
        word += f", but for chance ({', '.join(unsure)})"
    sip = ratios.get("sip")
    if sip is None:
        return word
    ahead = [row.policy for row in rows if row.ratio < sip.ratio and not _touch(row, sip)]
    return f"{word}; clearly cheaper than sip: {', '.join(ahead)}" if ahead else word


def _touch(one: BenchmarkRow, other: BenchmarkRow) -> bool:
    """Whether the intervals of two policies do; an estimate without one is a point."""
    low, high = sorted((one, other), key=lambda row: row.ratio)
    top = low.ratio if low.high is None else low.high
    floor = high.ratio if high.low is None else high.low
    return top >= floor
