"""The page of the reproduction: every claim of Section VI beside what is computed here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from qnetsim.analysis.text_table import TextTable
from qnetsim.studies.benchmark.reference_rows import reference
from qnetsim.studies.paper import fig4
from qnetsim.studies.paper.beyond import change_table, order_table, policy_table
from qnetsim.studies.paper.compute import COST_FIGURES
from qnetsim.studies.paper.curve_tables import curve_table, curve_texts
from qnetsim.studies.paper.judges import Judgement, judgements
from qnetsim.studies.paper.openings import opening_table
from qnetsim.studies.paper.paper_results import PaperResults
from qnetsim.studies.paper.paper_tables import (
    agreement,
    changed,
    claim_reason,
    claim_table,
    claim_title,
    cost_table,
    figure_title,
    finding_table,
    learning_note,
    loss_table,
    markdown,
)
from qnetsim.studies.paper.risk_tables import risk_order_table, risk_table
from qnetsim.studies.paper.verdicts import ClaimVerdict

HEAD = """\
# Reproduction

In the documentation this page is made from the results of `qnetsim reproduce all`, and a test fails
where it is not what the generator prints. `make reproduction` computes both anew.

Every sentence of the paper's Section VI that claims a number or an ordering, what comes out here,
and a verdict. Numbers of the paper stand in brackets and in `qnetsim/studies/paper/claims.json`
alone, with the range that their words are taken to cover: 3 to 9 % either way for a cost or a loss,
a quarter for a number of epochs, 1 to 1.1 for "slightly above" and 1 to 1.02 for "very close". The
ranges were written when our values were known: where a value lies near the end of one, read the
value, not the verdict.

All other numbers are computed. Costs are those of the parameters that the paper states, none of
which was tuned. Fig. 9 has settings that were tuned beside the paper's; no verdict rests on them.

Every trace and every training is a file, which is verified and kept: the same command goes on where
it was stopped, with `--workers` processes. `--quick` has fewer worlds and short trainings,
and takes five CPU minutes. Figs. 4 to 8, with FedSAC's trainings in two of them, take nine; Fig. 9
takes hours, which its section tells. One `qnetsim reproduce all --workers 2` took 1 h 55 min by the
clock and 2.8 CPU hours, on two cores that much other work shared.
"""
VERDICTS = """\
| verdict | when |
|---|---|
| holds | the number lies in the range of the words, or the order is as claimed; everywhere |
| holds in order but not in size | the order is as claimed, the number is another (epochs: any) |
| does not follow from the stated parameters | neither |
| depends on a reading | readings of what the paper leaves open give different verdicts |
| not computed here | the run behind this page was too short, or had other parameters |

*No verdict* stands beside a row of which the same is true, beside settings that are not the
paper's, and where what was computed does not decide. That one policy needs fewer epochs than
another holds where its median is less and its seeds are the earlier ones (rank-sum test, one-sided,
5 %); where its median is not less, it does not follow. That a loss falls, or an accuracy rises,
holds where the interval of the change says so.
"""
#: What each figure shows.
CAPTIONS = {
    "fig4": "Taylor loss after training, over the number of workers that the key rate pays for: "
    "mean over orders of the features, and one standard deviation either way",
    "fig9": "Cost over C* against epochs: drawn actions, interquartile mean over the seeds with "
    "bootstrap intervals; thin lines are mean actions, open marks on the axis the paper's numbers "
    "of epochs; dashes mark 5 % above C*. Five of the settings are drawn, the table has all",
}
LINES = "lines are exact expectations, marks simulated means with 95 % intervals over the worlds"
LOSSES = f"""\
Training loss after {fig4.ROUNDS} rounds of full-batch descent. Each number of workers is trained
with several random orders of the features, cut into blocks of six: the mean over the orders, its
95 % t interval, and their standard deviation, which is the band of the picture. With the last
worker all features are there, and no order is left to draw.

The axis k/K_L counts channels that are held at the same time: ⌊k/K_L⌋ workers take part, one on
each. It is no amount of keys. Those of a round follow from its messages, do not depend on k, and
are not proportional to the number of workers."""
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
BEYOND = """\
Worlds of the benchmark that comes with qnetsim (`qnetsim bench list`), with its reference rows.
Each world has {replications} replications, and all policies meet the same events in each: costs are
compared in pairs, replication by replication, and ratios have paired 95 % t intervals. An order is
*not decided* where the interval holds 1, and two costs are *equal* where they are to three digits.
Each interval is for its pair alone: of a hundred pairs that cost the same in expectation about five
come out as decided.

`random` draws u channels for each request. `level` reserves {level} for each request on each fibre,
the best level of the paper's setting. The last table names the scenario that a policy which learns
was trained for.
"""
CHANGES = """\
Pairs of policies whose order is another one than in `nsfnet`, the paper's default setting; all
others keep theirs. Orders *swap*, *become equal* or are *not decided* here; two policies that cost
the same in `nsfnet` *part*.
"""
RISK = """\
A planner that is averse to risk weighs mean cost and cost of the dearest tenth of the slots half
and half (`[planning] risk`). NSFNET, the worlds of Figs. 5 to 8; ratios are paired by world, with
95 % t intervals: over risk-neutral SIP, then in the order of each measure.
"""


def page(results: PaperResults, pictures: str = "", links: bool = True) -> str:
    """The page as Markdown.

    Parameters
    ----------
    results : PaperResults
    pictures : str
        What stands ahead of the names of pictures.
    links : bool
        Keep links to pages of the documentation, beside which the page stands.
    """
    return "\n".join(_parts(results, pictures, links)) + "\n"


def _parts(results: PaperResults, pictures: str, links: bool) -> Iterator[str]:
    judged = judgements(results)
    yield HEAD
    yield f"Made with qnetsim {results.version}.\n"
    yield from filter(None, [changed(results)])
    yield "## Verdicts\n"
    yield f"{verdict_counts(judged)}\n"
    yield VERDICTS
    yield markdown(claim_table(judged)) + "\n"
    for judging in dict.fromkeys(judgement.claim.figure for judgement in judged):
        yield f"### {figure_title(judging)}\n"
        for judgement in judged:
            if judgement.claim.figure == judging:
                yield from _claim(judgement, results, links)
    if results.losses:
        yield "## Fig. 4: loss over the key rate\n"
        yield from _picture("fig4", pictures)
        yield f"{LOSSES}\n"
        yield markdown(loss_table(results.losses)) + "\n"
    if results.costs:
        yield "## Costs, analytic and simulated\n"
        budget = results.budget
        yield COSTS.format(replications=budget.replications, slots=budget.slots, seed=budget.seed)
        yield agreement([row for rows in results.costs.values() for row in rows]) + "\n"
    for name, rows in results.costs.items():
        figure = COST_FIGURES[name]
        yield f"### {figure_title(name)}: {figure.title.lower()}\n"
        yield from _picture(name, pictures)
        note = learning_note(figure, rows)
        if note:
            yield f"{note}.\n"
        yield markdown(cost_table(figure, rows)) + "\n"
    if results.openings:
        yield "## What the paper leaves open\n"
        yield OPENINGS
        yield markdown(opening_table(results.openings)) + "\n"
    if results.curves:
        yield "## Learning curves\n"
        yield from _picture("fig9", pictures)
        yield from (f"{part}\n" for part in curve_texts(results.curves, not results.changes))
        yield markdown(curve_table(results.curves)) + "\n"
    yield "## Beyond the paper\n"
    if not results.changes:
        yield beyond_text()
        for heading, text, table in beyond_tables():
            yield f"### {heading}\n"
            yield from filter(None, [text])
            yield markdown(table) + "\n"
    if results.risk:
        yield "### Risk\n"
        yield RISK
        yield markdown(risk_table(results.risk)) + "\n"
        yield markdown(risk_order_table(results.risk))


def caption_of(figure: str) -> str:
    """What a picture shows."""
    return CAPTIONS.get(figure) or f"{COST_FIGURES[figure].title}: {LINES}"


def _picture(figure: str, pictures: str) -> Iterator[str]:
    yield f"![{figure_title(figure)}]({pictures}{figure}.png)\n"
    yield f"{caption_of(figure)}.\n"


def _claim(judgement: Judgement, results: PaperResults, links: bool) -> Iterator[str]:
    """A claim, its verdict with the reason, and what came out in each reading and place."""
    yield f"**{claim_title(judgement)}**\n"
    why = claim_reason(judgement, links) if results.as_stated(judgement.claim.figure) else ""
    word = str(judgement.verdict)
    yield f"*{word[0].upper()}{word[1:]}*{why and ': ' + why}.\n"
    if judgement.findings:
        yield markdown(finding_table(judgement)) + "\n"


def beyond_text() -> str:
    """What is to be said of the worlds beyond the paper."""
    found = reference()
    (replications,) = {len(world.bound_costs) for world in found.worlds}
    (level,) = {row.options["level"] for row in found.rows if row.name == "level"}
    return BEYOND.format(replications=replications, level=level)


def beyond_tables() -> Iterator[tuple[str, str, TextTable]]:
    """Heading, text and table of what the worlds beyond the paper do to orders."""
    yield "The paper's order", "", order_table()
    yield "What changes", CHANGES, change_table()
    yield "All policies", "", policy_table()


def verdict_counts(judged: Sequence[Judgement]) -> str:
    """How many claims have each verdict."""
    counts = {verdict: sum(j.verdict is verdict for j in judged) for verdict in ClaimVerdict}
    told = ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
    return f"{len(judged)} claims: {told}."
