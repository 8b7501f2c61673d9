"""One HTML page with the figures that were computed, their tables and their claims."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from qnetsim.analysis.figures.style import page_svg
from qnetsim.analysis.html_tables import html_table, html_text
from qnetsim.analysis.page import Section, html_page
from qnetsim.analysis.text_table import TextTable
from qnetsim.plain_text import counted
from qnetsim.studies.paper.compute import COST_FIGURES
from qnetsim.studies.paper.curve_tables import curve_table, curve_texts
from qnetsim.studies.paper.judges import Judgement, judgements
from qnetsim.studies.paper.openings import opening_table
from qnetsim.studies.paper.paper_results import PaperResults
from qnetsim.studies.paper.paper_tables import (
    agreement,
    changed,
    changes_text,
    claim_table,
    cost_table,
    learning_note,
    loss_table,
)
from qnetsim.studies.paper.reproduction import LOSSES, OPENINGS, RISK, verdict_counts
from qnetsim.studies.paper.risk_rows import risk_table, risk_text

#: Emphasis and code in Markdown.
MARKUP = re.compile(r"(\*|`)([\w\[][^*`]*\w)\1")
#: What each figure shows.
CAPTIONS = {
    "fig4": "Taylor loss after training, over the number of workers that the key rate pays for: "
    "mean over orders of the features, and one standard deviation either way",
    "fig9": "Cost over C* against epochs: drawn actions, interquartile mean over the seeds with "
    "bootstrap intervals; thin lines are mean actions, open marks on the axis the paper's numbers "
    "of epochs; dashes mark 5 % above C*",
}
COSTS = "lines are exact expectations, marks simulated means with 95 % intervals over the worlds"


def page_text(results: PaperResults, svgs: Mapping[str, str]) -> str:
    """The page, as HTML.

    Parameters
    ----------
    results : PaperResults
    svgs : mapping
        Drawings by figure.
    """
    judged = [j for j in judgements(results) if j.claim.figure in svgs]
    sections = [
        Section(name, f"Fig. {name.removeprefix('fig')}", _body(name, svg, results, judged))
        for name, svg in svgs.items()
    ]
    if results.openings:
        table = html_table("Readings", opening_table(results.openings))
        body = f"{_paragraph(OPENINGS)}\n{table}"
        sections.append(Section("open", "What the paper leaves open", body))
    if results.risk:
        table = html_table("Cost over SIP's", risk_table(results.risk))
        body = f"{_paragraph(RISK)}\n{table}\n{_paragraph(risk_text(results.risk))}"
        sections.append(Section("risk", "A planner that is averse to risk", body))
    sections.append(Section("origin", "Origin", _origin(results)))
    rows = [row for figure in results.costs.values() for row in figure]
    told = [verdict_counts(judged), changed(results), *([agreement(rows)] if rows else [])]
    opening = f'<p class="findings">{html_text(" ".join(filter(None, told)))}</p>'
    subtitle = "the paper's evaluation, computed beside claimed"
    return html_page("Reproduction", subtitle, opening, sections)


def _paragraph(text: str) -> str:
    """Markdown as a paragraph, without its emphasis and code."""
    plain = MARKUP.sub(r"\2", text)
    return f"<p>{html_text(plain)}</p>"


def _body(name: str, svg: str, results: PaperResults, judged: list[Judgement]) -> str:
    return "\n".join(_parts(name, svg, results, judged))


def _parts(name: str, svg: str, results: PaperResults, judged: list[Judgement]) -> Iterator[str]:
    figure = COST_FIGURES.get(name)
    caption = CAPTIONS.get(name) or f"{COST_FIGURES[name].title}: {COSTS}"
    yield f"<figure>{page_svg(svg, name)}<figcaption>{html_text(caption)}.</figcaption></figure>"
    mine = [judgement for judgement in judged if judgement.claim.figure == name]
    yield html_table("Claims", claim_table(mine, reasons=not results.changes))
    if name == "fig4":
        yield from (_paragraph(text) for text in LOSSES.split("\n\n"))
        yield html_table("Loss over the key rate", loss_table(results.losses))
    if figure is not None:
        note = learning_note(figure, results.costs[name])
        if note:
            yield f"<p>{html_text(note)}.</p>"
        yield html_table("Cost per slot", cost_table(figure, results.costs[name]))
    elif name == "fig9":
        for text in curve_texts(results.curves):
            yield _paragraph(text)
        yield html_table("Cost over C*", curve_table(results.curves))


def _origin(results: PaperResults) -> str:
    budget = results.budget
    rows = (
        ("qnetsim", results.version),
        ("worlds of a simulated cost", f"{budget.replications} of {counted(budget.slots, 'slot')}"),
        ("seed", str(budget.seed)),
        ("changed", changes_text(results.changes) or "nothing"),
    )
    return html_table("Where this comes from", TextTable(("what", "value"), rows, text=("value",)))
