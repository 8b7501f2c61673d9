"""How the benchmark looks in a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from qnetsim.cli.show.boxed_table import BoxedTable
from qnetsim.cli.show.output import table
from qnetsim.plain_text import counted
from qnetsim.studies.benchmark.row_check import RowCheck
from qnetsim.studies.benchmark.row_file import BenchmarkRow, WorldRecord


def bounds_table(worlds: Iterable[WorldRecord]) -> BoxedTable:
    """Worlds with their bounds."""
    rows = table(
        "benchmark: bounds on the mean cost per slot without foresight",
        ["world", "bound", "what it is", "world digest"],
        text=["what it is", "world digest"],
        first_to_go=["world digest"],
    )
    for world in worlds:
        rows.add_row(
            world.name, f"{world.bound:,.0f}", world.bound_status, f"{world.world_digest[:12]}…"
        )
    return rows


def rows_table(found: Sequence[BenchmarkRow]) -> BoxedTable:
    """Rows with their ratios."""
    rows = table(
        "cost over the bound",
        ["world", "policy", "cost per slot", "ratio", "paired 95 % interval", "blocked", "bound"],
        left=2,
        keys=2,
        text=["bound"],
        first_to_go=["bound", "blocked", "cost per slot"],
    )
    for row in found:
        ends = (row.low, row.high)
        rows.add_row(
            row.world,
            row.policy + " *" * row.sees_future,
            f"{row.cost_per_slot:,.0f}",
            f"{row.ratio:.4f}",
            "—" if None in ends else f"{row.low:.4f} … {row.high:.4f}",
            f"{row.blocked:.2%}",
            row.bound_status,
        )
    return rows


def checks_table(path: Path, checks: Sequence[RowCheck]) -> BoxedTable:
    """What came of the rows of a file."""
    rows = table(str(path), ["world", "policy", "", "what was found"], left=4, keys=3)
    for check in checks:
        found = counted(len(check.differences), "difference")
        rows.add_row(
            check.row.world,
            check.row.policy,
            "WRONG" if check.differences else "ok",
            found if check.differences else "costs and digests come out again",
        )
    return rows


def differences(checks: Sequence[RowCheck]) -> Iterator[str]:
    """A line for each value that does not come out again, and what it may be due to."""
    for check in checks:
        for difference in check.differences:
            yield f"{check.row.world}, {check.row.policy}: {difference}"
        if check.same_policy and check.differences:
            yield (
                f"{check.row.world}, {check.row.policy}: code and options are the same, so the row "
                "was changed, or the policy decides by something else than its observations (a "
                "clock, a file, random numbers that are not those of observation.generator)"
            )
