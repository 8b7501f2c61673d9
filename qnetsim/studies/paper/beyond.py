"""What worlds beyond the paper's do to the ordering of the policies: rows of the benchmark.

All policies of a world meet the same events in each replication, so costs of two of them are
compared replication by replication.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from enum import StrEnum
from itertools import combinations
from typing import NamedTuple

import numpy as np

from qnetsim.analysis.paired import ConfidenceInterval, paired_ratio
from qnetsim.analysis.text_table import DASH, TextTable
from qnetsim.case import load
from qnetsim.shipped import benchmark_scenarios, summary_of
from qnetsim.studies.benchmark.reference_rows import Reference, reference
from qnetsim.studies.benchmark.row_file import BenchmarkRow
from qnetsim.studies.paper.cost_figure import TOPOLOGIES
from qnetsim.studies.paper.judges import interval

#: Cheapest first, in the paper.
PAPER_ORDER = ("sip", "evf", "random")
#: World of the paper's default setting, with whose orders those of the others are compared.
DEFAULT = TOPOLOGIES[0]
LEARNT = "fedsac"
#: Ratios that are 1 as they are printed.
SHOWN = 0.0005
#: Rows of a world by policy, cheapest first.
WorldRows = Mapping[str, BenchmarkRow]


class PairOrder(StrEnum):
    """Which of two policies costs less, by the paired interval of their ratio."""

    CHEAPER = "cheaper"
    DEARER = "dearer"
    EQUAL = "equal"
    OPEN = "not decided"


def rows_by_world(found: Reference | None = None) -> dict[str, WorldRows]:
    """Rows of policies that foresee nothing; the paper's own settings are the first worlds."""
    found = found or reference()
    names = sorted((world.name for world in found.worlds), key=lambda name: name not in TOPOLOGIES)
    every = sorted((row for row in found.rows if not row.sees_future), key=lambda row: row.ratio)
    return {name: {row.policy: row for row in every if row.world == name} for name in names}


def ratio_of(row: BenchmarkRow, base: BenchmarkRow) -> ConfidenceInterval:
    """Cost over that of another policy in the same world, paired by replication."""
    found = paired_ratio(np.array(row.costs), np.array(base.costs))
    assert found is not None  # every world costs something
    return found


def order_of(ratio: ConfidenceInterval) -> PairOrder:
    """What an interval says; a single replication decides nothing.

    Costs are equal where they are to three digits.
    """
    if ratio.low is None or ratio.high is None:
        return PairOrder.OPEN
    if max(ratio.high - 1.0, 1.0 - ratio.low) < SHOWN:
        return PairOrder.EQUAL
    if ratio.high < 1.0:
        return PairOrder.CHEAPER
    return PairOrder.DEARER if ratio.low > 1.0 else PairOrder.OPEN


class PairChange(NamedTuple):
    """Two policies, in the default world and in another.

    Attributes
    ----------
    policy, base : str
        Not cheaper than ``base`` in the default world.
    before, after : ConfidenceInterval
        Cost of ``policy`` over that of ``base`` in the default world, and in the other.
    """

    policy: str
    base: str
    before: ConfidenceInterval
    after: ConfidenceInterval

    @property
    def word(self) -> str:
        """What becomes of the order; empty where it is kept."""
        before, after = order_of(self.before), order_of(self.after)
        if before is after or before is PairOrder.OPEN:
            return ""
        if before is PairOrder.EQUAL and after is not PairOrder.OPEN:
            return "part"
        return {
            PairOrder.CHEAPER: "swap",
            PairOrder.EQUAL: "become equal",
            PairOrder.OPEN: "not decided",
        }[after]


def pair_changes(default: WorldRows, world: WorldRows) -> Iterator[PairChange]:
    """All pairs of policies that both worlds have."""
    for base, policy in combinations([name for name in default if name in world], 2):
        yield PairChange(
            policy,
            base,
            ratio_of(default[policy], default[base]),
            ratio_of(world[policy], world[base]),
        )


def order_table(found: Reference | None = None) -> TextTable:
    """A row for each world: the paper's order, FedSAC, and how many orders of pairs are kept."""
    worlds = rows_by_world(found)
    pairs = (("evf", "sip"), ("random", "evf"), (LEARNT, "sip"))
    rows = [
        (
            name,
            summary_of(benchmark_scenarios()[name].read_text("utf-8")),
            *(_ratio_text(world, *pair) for pair in pairs),
            _papers_order(world),
            DASH if name == DEFAULT else _kept(worlds[DEFAULT], world),
        )
        for name, world in worlds.items()
    ]
    heads = tuple(f"{policy} over {base}" for policy, base in pairs)
    order = " < ".join(PAPER_ORDER)
    columns = ("world", "what it is", *heads, order, f"orders of {DEFAULT}")
    return TextTable(columns, tuple(rows), text=(columns[1], *columns[-2:]))


def _ratio_text(world: WorldRows, policy: str, base: str) -> str:
    if policy not in world or base not in world:
        return DASH
    return interval(ratio_of(world[policy], world[base]), ".3f")


def _papers_order(world: WorldRows) -> str:
    """Whether each of two policies that follow each other in the paper is the dearer one."""
    there = [name for name in PAPER_ORDER if name in world]
    words = {
        f"{base} and {policy}": order_of(ratio_of(world[policy], world[base]))
        for base, policy in combinations(there, 2)
    }
    other = [f"{pair}: {_becomes(word)}" for pair, word in words.items() if word != "dearer"]
    return "; ".join(other) or "kept"


def _becomes(word: PairOrder) -> str:
    return "swapped" if word is PairOrder.CHEAPER else str(word)


def _kept(default: WorldRows, world: WorldRows) -> str:
    changes = list(pair_changes(default, world))
    words = Counter(change.word or "kept" for change in changes)
    told = [f"{words[w]} {w}" for w in ("swap", "become equal", "not decided", "part") if words[w]]
    return f"{words['kept']} of {len(changes)} kept" + "".join(f", {text}" for text in told)


def change_table(found: Reference | None = None) -> TextTable:
    """A row for each pair of policies whose order is another one than in the default world."""
    worlds = rows_by_world(found)
    rows = [
        (
            name,
            f"{change.policy} over {change.base}",
            interval(change.before, ".3f"),
            interval(change.after, ".3f"),
            change.word,
        )
        for name, world in worlds.items()
        if name != DEFAULT
        for change in pair_changes(worlds[DEFAULT], world)
        if change.word
    ]
    columns = ("world", "cost of", f"in {DEFAULT}", "here", "order")
    return TextTable(columns, tuple(rows), text=("cost of", "order"), keys=2)


def policy_table(found: Reference | None = None) -> TextTable:
    """A row for each policy of each world, cheapest first: over sip, and over the bound."""
    rows = []
    for name, world in rows_by_world(found).items():
        for policy, row in world.items():
            ratio = ratio_of(row, world["sip"])
            bound = ConfidenceInterval(row.ratio, row.low, row.high)
            word = "" if policy == "sip" else str(order_of(ratio))
            cells = (interval(ratio, ".3f"), word, interval(bound, ".3f"), _trained_for(row))
            rows.append((name, policy, *cells))
    columns = ("world", "policy", "over sip", "beside sip", "over the bound", "trained for")
    text = ("policy", "beside sip", "trained for")
    return TextTable(columns, tuple(rows), text=text, keys=2)


def _trained_for(row: BenchmarkRow) -> str:
    """Scenario of the weights of a policy that learns, the network's own where none is named."""
    if row.weights_sha256 is None:
        return ""
    network = load(benchmark_scenarios()[row.world]).network
    return str(row.options.get("model") or network.topology)
