"""A risk-averse world as tables: the policies by each measure, and their order."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from qnetsim.analysis.text_table import DASH, TextTable
from qnetsim.studies.paper.beyond import order_of
from qnetsim.studies.paper.judges import interval
from qnetsim.studies.paper.risk_rows import MEASURES, RiskRow


def risk_table(rows: Sequence[RiskRow]) -> TextTable:
    """The measures of each policy, over those of risk-neutral SIP."""
    columns = ("policy", *MEASURES.values())
    cells = [
        (row.label, *(interval(row.over(rows[0], name), ".3f") for name in MEASURES))
        for row in rows
    ]
    return TextTable(columns, tuple(cells), text=columns)


def risk_order_table(rows: Sequence[RiskRow]) -> TextTable:
    """The policies by each measure, cheapest first, each over the one before it."""
    cells = []
    for name, told in MEASURES.items():
        line = sorted(rows, key=lambda row: float(row.measure(name).mean()))
        cells.append((told, line[0].label, DASH, "cheapest"))
        for before, after in pairwise(line):
            ratio = after.over(before, name)
            word = str(order_of(ratio))
            cells.append((told, after.label, interval(ratio, ".3f"), word))
    columns = ("by", "policy", "over the one before it", "order")
    return TextTable(columns, tuple(cells), text=(columns[1], columns[3]), keys=2)
