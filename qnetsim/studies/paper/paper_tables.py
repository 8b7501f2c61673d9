"""Tables of the reproduction, for a terminal, a page and a file."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from qnetsim.analysis.paired import ConfidenceInterval
from qnetsim.analysis.text_table import DASH, TextTable
from qnetsim.studies.paper import fig5
from qnetsim.studies.paper.cost_figure import FEDSAC, SCHEMES, Budget, CostFigure
from qnetsim.studies.paper.cost_rows import ROUNDING, CostRow
from qnetsim.studies.paper.judges import Judgement, interval
from qnetsim.studies.paper.loss_judges import told as over_orders
from qnetsim.studies.paper.loss_points import LossPoint
from qnetsim.studies.paper.paper_results import PaperResults
from qnetsim.studies.paper.reasons import reason
from qnetsim.studies.paper.verdicts import ClaimVerdict

LABELS = {scheme.name: scheme.label for scheme in SCHEMES}


#: A link in Markdown, whose target is a page of the documentation.
LINK = re.compile(r"\[([^\]]+)\]\([^)]+\)")


def claim_table(judged: Sequence[Judgement]) -> TextTable:
    """What the paper says and the verdict, a row for each claim."""
    rows = tuple(
        (figure_title(j.claim.figure), j.claim.place, _says(j), str(j.verdict)) for j in judged
    )
    columns = ("figure", "place", "the paper says", "verdict")
    return TextTable(columns, rows, text=columns[1:])


def figure_title(figure: str) -> str:
    """``"Fig. 6"`` for ``"fig6"``."""
    return f"Fig. {figure.removeprefix('fig')}"


def _says(judgement: Judgement) -> str:
    claim = judgement.claim
    return claim.says + (f" [{claim.claimed}]" if claim.claimed else "")


def claim_title(judgement: Judgement) -> str:
    """Where the claim stands, and what it says."""
    return f"{judgement.claim.place}: {_says(judgement)}"


def claim_reason(judgement: Judgement, links: bool = False) -> str:
    """Why the verdict is what it is, where that is known.

    Parameters
    ----------
    judgement : Judgement
    links : bool
        Keep links to pages of the documentation, beside which the text stands.
    """
    why = reason(judgement.claim, judgement.verdict)
    return why if links else LINK.sub(r"\1 in the documentation", why)


def finding_table(judgement: Judgement) -> TextTable:
    """What came out for a claim, a row for each reading and place; no column without a word."""
    found = judgement.findings
    columns = {
        "reading": [f.reading or "any" for f in found] if any(f.reading for f in found) else [],
        "where": [f.place or DASH for f in found] if any(f.place for f in found) else [],
        "computed": [f.ours for f in found],
        "verdict": [_word(f.verdict) for f in found] if len(found) > 1 else [],
    }
    there = {heading: cells for heading, cells in columns.items() if cells}
    return TextTable(tuple(there), tuple(zip(*there.values(), strict=True)), text=tuple(there))


def _word(verdict: ClaimVerdict) -> str:
    return "no verdict" if verdict is ClaimVerdict.OPEN else str(verdict)


def loss_table(points: Sequence[LossPoint]) -> TextTable:
    """Losses of Fig. 4, and the keys of a round."""
    cells = tuple(
        (
            point.dataset,
            str(point.workers),
            over_orders(point.loss),
            f"{point.spread:.3f}",
            over_orders(point.accuracy, ".1%"),
            f"{point.key_bytes:,}",
        )
        for point in points
    )
    columns = (
        *("data set", "k / K_L", "loss", "standard deviation of the loss"),
        *("accuracy", "key bytes a round"),
    )
    return TextTable(columns, cells, keys=2)


def cost_table(figure: CostFigure, rows: Sequence[CostRow]) -> TextTable:
    """Analytic and simulated costs of a figure; by stage in Fig. 5, over SIP in the others."""
    structure = figure.name == fig5.FIGURE.name
    return _structure_table(figure, rows) if structure else _scheme_table(figure, rows)


def _structure_table(figure: CostFigure, rows: Sequence[CostRow]) -> TextTable:
    cells = tuple(
        (
            row.topology,
            f"{row.value:g}",
            *(f"{part:,.2f}" for part in (*row.analytic, row.analytic.total)),
            *(interval(part, ",.0f") for part in (row.first, row.second, row.total)),
            "yes" if row.agrees else "NO",
        )
        for row in rows
    )
    stages = tuple(fig5.STAGES.values())
    simulated = tuple(f"{stage}, simulated" for stage in stages)
    columns = ("topology", figure.factor, *stages, *simulated, "agree")
    return TextTable(columns, cells, keys=2, first_to_go=(*simulated, "agree", *stages[:2]))


def _scheme_table(figure: CostFigure, rows: Sequence[CostRow]) -> TextTable:
    cells = tuple(
        (
            row.topology,
            f"{row.value:g}",
            _label(figure, row),
            f"{row.analytic.total:,.2f}",
            interval(row.total, ",.0f"),
            DASH if row.ratio is None else f"{row.ratio:.4f}",
            DASH if row.simulated_ratio is None else interval(row.simulated_ratio, ".4f"),
            "yes" if row.agrees else "NO",
        )
        for row in rows
    )
    over = ("over SIP", "over SIP, simulated")
    columns = ("topology", figure.factor, "scheme", "analytic", "simulated", *over, "agree")
    going = ("over SIP, simulated", "agree", "simulated")
    return TextTable(columns, cells, text=("scheme",), keys=3, first_to_go=going)


def _label(figure: CostFigure, row: CostRow) -> str:
    weights = figure.weights(row.topology, row.value, row.scheme)
    return LABELS[row.scheme] + (f" ({weights})" if weights else "")


def learning_note(figure: CostFigure, rows: Sequence[CostRow]) -> str:
    """Where FedSAC stands in a figure, and with which weights; empty where that needs no word."""
    return figure.note_on_learning((row.topology, row.value, row.scheme) for row in rows)


def changed(results: PaperResults) -> str:
    """Sentence on parameters that are not those of the paper; empty where all are."""
    if not results.changes:
        return ""
    text = f"Changed: {changes_text(results.changes)}. "
    text += "Fig. 4 has no scenario, and stays as it is. " if results.losses else ""
    text += "Verdicts are on these values, not on those that the paper states"
    if any(row.scheme == FEDSAC.name for rows in results.costs.values() for row in rows):
        text += f"; the weights that are shipped for {FEDSAC.label} were trained without them"
    return f"{text}."


def changes_text(changes: Mapping[str, Any]) -> str:
    """Keys and their values."""
    return ", ".join(f"{key} = {value}" for key, value in changes.items())


def cost_csv(
    figure: CostFigure, rows: Sequence[CostRow], budget: Budget, changes: Mapping[str, Any]
) -> str:
    """Values of a figure as CSV; Fig. 5 has a row for each stage."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    head = ("scheme", "topology", "analytic", "simulated", "low", "high")
    tail = ("ratio", "simulated_ratio", "ratio_low", "ratio_high", "given_levels", "agrees")
    more = ("weights", "replications", "slots", "seed", "changed")
    writer.writerow((figure.factor, *head, *tail, *more))
    for row in rows:
        for scheme, analytic, simulated in _values(figure, row):
            weights = figure.weights(row.topology, row.value, row.scheme)
            values = (scheme, row.topology, analytic, *_ends(simulated))
            ratios = (row.ratio, *_ends(row.simulated_ratio), row.given_levels, row.agrees)
            told = (budget.replications, budget.slots, budget.seed, changes_text(changes))
            writer.writerow((f"{row.value:g}", *values, *ratios, weights, *told))
    return out.getvalue()


def _values(figure: CostFigure, row: CostRow) -> Iterator[tuple[str, float, ConfidenceInterval]]:
    if figure.name != fig5.FIGURE.name:
        yield row.scheme, row.analytic.total, row.total
        return
    for part, label in fig5.STAGES.items():
        yield label.replace(" ", "_"), getattr(row.analytic, part), getattr(row, part)


def _ends(found: ConfidenceInterval | None) -> tuple[float | None, float | None, float | None]:
    return (None, None, None) if found is None else (found.estimate, found.low, found.high)


def markdown(table: TextTable) -> str:
    """A table in Markdown."""
    lines = [table.columns, tuple("---" for _ in table.columns), *table.rows]
    return "\n".join("| " + " | ".join(c.replace("|", "\\|") for c in x) + " |" for x in lines)


def agreement(rows: Sequence[CostRow]) -> str:
    """Sentence on how many simulated values agree with the analytic ones."""
    away = [row for row in rows if not row.agrees]
    if not rows:
        return "No cost was computed."
    text = f"{len(rows) - len(away)} of {len(rows)} simulated costs agree with the analytic ones"
    kinds = {
        "schemes that plan": [abs(row.off) for row in rows if row.off_limit == ROUNDING],
        "those that draw": [abs(row.off) for row in rows if row.off_limit != ROUNDING],
    }
    told = [f"at most {max(offs):.2g} for {name}" for name, offs in kinds.items() if offs]
    text += f". Given the levels that were drawn, they differ by {', '.join(told)}, of the cost"
    names = ", ".join(f"{r.topology} {r.scheme} at {r.value:g}" for r in away[:5])
    return f"{text}; not: {names}." if away else f"{text}."
