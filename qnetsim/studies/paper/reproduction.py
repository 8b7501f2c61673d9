"""The page of the reproduction: every claim of Section VI beside what is computed here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from qnetsim.analysis.text_table import TextTable
from qnetsim.studies.paper.beyond import beyond_table
from qnetsim.studies.paper.compute import COST_FIGURES
from qnetsim.studies.paper.curve_judges import NAMES, epochs_text
from qnetsim.studies.paper.judges import Judgement, judgements
from qnetsim.studies.paper.openings import opening_table
from qnetsim.studies.paper.paper_results import PaperResults
from qnetsim.studies.paper.paper_tables import agreement, claim_table, cost_table, markdown
from qnetsim.studies.paper.verdicts import ClaimVerdict

HEAD = """\
# Reproduction

This page is made from the results of `qnetsim reproduce all --quick`; a test fails where it is not
what the generator prints. `make reproduction` computes the results and the page anew.

Every sentence of the paper's Section VI that claims a number or an ordering, what comes out here,
and a verdict. Numbers of the paper stand in brackets and in `qnetsim/studies/paper/claims.json`
alone, with the range that their words are taken to cover: 3 to 8 % either way for a cost or a loss,
a quarter for a number of epochs, 1 to 1.1 for "slightly above". The ranges were written when our
values were known: where a value lies near the end of one, read the value, not the verdict.

All other numbers are computed. Costs are those of the parameters that the paper states, none of
which was tuned. Of Fig. 9 the quick mode trains settings that were tuned; no verdict rests on them.
"""
VERDICTS = """\
| verdict | when |
|---|---|
| holds | the number lies in the range of the words, or the order is as claimed; everywhere |
| holds in order but not in size | the order is as claimed, the number is another |
| does not follow from the stated parameters | neither |
| depends on a reading | readings of what the paper leaves open give different verdicts |
| not computed here | the run behind this page was too short, or had other parameters |
"""
COSTS = """\
Analytic costs are exact expectations of Eq (21). Simulated costs are means over {replications}
worlds of {slots} slots (seed {seed}), with 95 % t intervals; the ratios to SIP are paired. Points
of a figure share their uniform numbers, so their simulated costs are off in the same direction.

Two checks: given the levels that the worlds drew, a scheme that plans must cost what its plan says,
to nine digits, and one that draws must come out within chance; and the levels that were drawn must
cost what chance allows them to, by Bernstein's inequality. Chance is 0.1 % for all values of a
figure together.
"""
OPENINGS = """\
NSFNET, analytic; ratios are costs over SIP's, the multiple is that of the on-demand prices. Where
several seeds draw the pairs, the range over them. With limits requests of QBN-Random would be
blocked, and a cost without them says nothing. The readings of QBN-Random are columns.
"""
CURVES = """\
Cost over C*, interquartile means over the seeds. What falls in the first epochs is the noise of the
drawn actions where the untrained mean action is near C* already. The control has less demand, so
that the best level lies off the middle of the range of actions, and the mean has to be learnt.
"""
BEYOND = """\
Reference rows of the benchmark that comes with qnetsim (`qnetsim bench list`), ten replications
each, cheapest first. An order is kept but for chance where intervals of neighbours touch; a policy
is clearly cheaper than sip where the intervals of the two do not. A risk-averse world is not among
them.
"""


def page(results: PaperResults, pictures: str = "") -> str:
    """The page as Markdown.

    Parameters
    ----------
    results : PaperResults
    pictures : str
        What stands ahead of the names of pictures.
    """
    return "\n".join(_parts(results, pictures)) + "\n"


def _parts(results: PaperResults, pictures: str) -> Iterator[str]:
    judged = judgements(results)
    yield HEAD
    yield f"Made with qnetsim {results.version}.\n"
    yield "## Verdicts\n"
    yield f"{verdict_counts(judged)}\n"
    yield VERDICTS
    for judging in dict.fromkeys(judgement.claim.figure for judgement in judged):
        mine = [judgement for judgement in judged if judgement.claim.figure == judging]
        yield f"### {_title(judging)}\n"
        yield markdown(claim_table(mine)) + "\n"
    if results.costs:
        yield "## Costs, analytic and simulated\n"
        budget = results.budget
        yield COSTS.format(replications=budget.replications, slots=budget.slots, seed=budget.seed)
        yield agreement([row for rows in results.costs.values() for row in rows]) + "\n"
    for name, rows in results.costs.items():
        figure = COST_FIGURES[name]
        yield f"### {_title(name)}: {figure.title.lower()}\n"
        yield f"![Lines are analytic, marks simulated]({pictures}{name}.png)\n"
        if figure.missing:
            yield f"{figure.missing}.\n"
        yield markdown(cost_table(figure, rows)) + "\n"
    if results.openings:
        yield "## What the paper leaves open\n"
        yield OPENINGS
        yield markdown(opening_table(results.openings)) + "\n"
    if results.curves:
        yield "## Learning curves\n"
        yield CURVES
        yield markdown(curve_table(results)) + "\n"
    yield "## Beyond the paper\n"
    yield BEYOND
    yield markdown(beyond_table())


def _title(figure: str) -> str:
    return f"Fig. {figure.removeprefix('fig')}"


def verdict_counts(judged: Sequence[Judgement]) -> str:
    """How many claims have each verdict."""
    counts = {verdict: sum(j.verdict is verdict for j in judged) for verdict in ClaimVerdict}
    told = ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
    return f"{len(judged)} claims: {told}."


def curve_table(results: PaperResults) -> TextTable:
    """Costs of drawn and of mean actions, ahead of the training and at its end."""
    rows = tuple(
        (
            curve.topology,
            curve.setting,
            NAMES[curve.algorithm],
            f"{curve.first_drawn:.3f}",
            f"{curve.last_drawn:.3f}",
            f"{curve.first_mean:.3f}",
            f"{curve.last_mean:.3f}",
            str(curve.epochs),
            epochs_text(curve),
        )
        for curve in results.curves
    )
    columns = (
        *("topology", "setting", "policy", "drawn, untrained", "drawn, last", "mean, untrained"),
        *("mean, last", "epochs", "within 5 % from"),
    )
    return TextTable(columns, rows, text=("setting", "policy", "within 5 % from"), keys=3)
