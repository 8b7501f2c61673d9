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
    claim_reason,
    claim_table,
    claim_title,
    cost_table,
    figure_title,
    finding_table,
    learning_note,
    loss_table,
)
from qnetsim.studies.paper.reproduction import (
    LOSSES,
    OPENINGS,
    RISK,
    beyond_tables,
    beyond_text,
    caption_of,
    verdict_counts,
)
from qnetsim.studies.paper.risk_tables import risk_order_table, risk_table

#: Emphasis and code in Markdown.
MARKUP = re.compile(r"(\*|`)([\w\[][^*`]*\w)\1")


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
        Section(name, figure_title(name), _body(name, svg, results, judged))
        for name, svg in svgs.items()
    ]
    if results.openings:
        table = html_table("Readings", opening_table(results.openings))
        body = f"{_paragraph(OPENINGS)}\n{table}"
        sections.append(Section("open", "What the paper leaves open", body))
    if results.openings and not results.changes:
        sections.append(Section("beyond", "Beyond the paper", "\n".join(_beyond())))
    if results.risk:
        tables = html_table("Cost over SIP's", risk_table(results.risk))
        tables += html_table("In order", risk_order_table(results.risk))
        body = f"{_paragraph(RISK)}\n{tables}"
        sections.append(Section("risk", "A planner that is averse to risk", body))
    sections.append(Section("origin", "Origin", _origin(results)))
    rows = [row for figure in results.costs.values() for row in figure]
    told = [verdict_counts(judged), changed(results), *([agreement(rows)] if rows else [])]
    opening = f'<p class="findings">{html_text(" ".join(filter(None, told)))}</p>'
    opening += html_table("Verdicts", claim_table(judged))
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
    caption = html_text(caption_of(name))
    yield f"<figure>{page_svg(svg, name)}<figcaption>{caption}.</figcaption></figure>"
    for judgement in judged:
        if judgement.claim.figure == name:
            yield from _claim(judgement, results.as_stated(name))
    if name == "fig4":
        yield from (_paragraph(text) for text in LOSSES.split("\n\n"))
        yield html_table("Loss over the key rate", loss_table(results.losses))
    if figure is not None:
        note = learning_note(figure, results.costs[name])
        if note:
            yield f"<p>{html_text(note)}.</p>"
        yield html_table("Cost per slot", cost_table(figure, results.costs[name]))
    elif name == "fig9":
        for text in curve_texts(results.curves, not results.changes):
            yield _paragraph(text)
        yield html_table("Cost over C*", curve_table(results.curves))


def _beyond() -> Iterator[str]:
    """What the rows say that come with qnetsim; they have the prices of their own scenarios."""
    yield from (_paragraph(text) for text in beyond_text().split("\n\n"))
    for heading, text, table in beyond_tables():
        yield _paragraph(text) if text else ""
        yield html_table(heading, table)


def _claim(judgement: Judgement, as_stated: bool) -> Iterator[str]:
    """A claim, its verdict, the reason if it goes with these parameters, and what came out."""
    why = claim_reason(judgement) if as_stated else ""
    word = str(judgement.verdict)
    yield f"<h3>{html_text(claim_title(judgement))}</h3>"
    verdict = f"<strong>{html_text(word[0].upper() + word[1:])}</strong>"
    yield f"<p>{verdict}{html_text(why and ': ' + why)}.</p>"
    if judgement.findings:
        yield html_table("", finding_table(judgement))


def _origin(results: PaperResults) -> str:
    budget = results.budget
    rows = (
        ("qnetsim", results.version),
        ("worlds of a simulated cost", f"{budget.replications} of {counted(budget.slots, 'slot')}"),
        ("seed", str(budget.seed)),
        ("changed", changes_text(results.changes) or "nothing"),
    )
    return html_table("Where this comes from", TextTable(("what", "value"), rows, text=("value",)))
