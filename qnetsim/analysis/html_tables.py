"""The tables of a report, in HTML."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from qnetsim.analysis.compare import Comparison
from qnetsim.analysis.divergence import Divergence
from qnetsim.analysis.divergence_rows import divergence_rows
from qnetsim.analysis.group_rows import class_rows, pair_rows, runs_of
from qnetsim.analysis.held_out_rows import held_out_rows
from qnetsim.analysis.interval_rows import interval_rows
from qnetsim.analysis.provenance_rows import scenario_rows, software_rows
from qnetsim.analysis.rows import (
    cost_kind_rows,
    cost_rows,
    key_rows,
    paired_rows,
    plan_rows,
    simulated_information_values,
    trace_rows,
)
from qnetsim.analysis.task_rows import task_interval_rows, task_rows
from qnetsim.analysis.text_table import TextTable
from qnetsim.plain_text import visible

#: A blank at which no line ends.
NO_BREAK = "\u00a0"


def html_text(text: object) -> str:
    """Text for a page: nothing in it is markup, nothing turns or hides other text.

    No line ends between a number and its per cent sign.
    """
    return re.sub(r"(?<=\d) (?=%)", NO_BREAK, html.escape(visible(str(text))))


def html_table(caption: str, table: TextTable) -> str:
    """A table with its caption, or with none below a heading; everything is escaped here.

    Columns that say nothing are left out, and a sentence below the table stands for them.
    """
    shown = table.without_nothing()
    text = [not i or column in shown.text for i, column in enumerate(shown.columns)]

    def line(cells: Sequence[str], head: bool) -> str:
        marked = zip(cells, text, strict=True)
        return f"<tr>{''.join(_cell(c, is_text, head) for c, is_text in marked)}</tr>"

    body = "".join(line(cells, head=False) for cells in shown.rows)
    sentences = [nothing.sentence for nothing in table.nothing if nothing.sentence]
    below = html_text(" ".join(f"{sentence}." for sentence in sentences))
    above = f"<caption>{html_text(caption)}</caption>" if caption else ""
    return (
        f'<div class="wide"><table>{above}'
        f"<thead>{line(shown.columns, head=True)}</thead><tbody>{body}</tbody></table></div>"
        + (f'\n<p class="nothing">{below}</p>' if below else "")
    )


def _cell(content: str, is_text: bool, head: bool) -> str:
    tag = "th" if head else "td"
    kind = ' class="text"' if is_text else ""
    scope = ' scope="col"' if head else ""
    return f"<{tag}{kind}{scope}>{html_text(content)}</{tag}>"


def cost_table(comparison: Comparison) -> str:
    """Costs, paired ratios and shares."""
    return html_table("Cost per slot", cost_rows(comparison))


def paired_table(comparison: Comparison) -> str:
    """Paired differences, and below them EVPI and VSS where they are known."""
    found = html_table("Paired differences per slot, 95 % intervals", paired_rows(comparison))
    values = simulated_information_values(comparison)
    if values:
        rows = tuple((f"{value.name}, {value.meaning}", value.amount) for value in values)
        table = TextTable(("value", "mean and interval"), rows)
        found += html_table("In these worlds, per slot", table)
    return found


def cost_kind_table(comparison: Comparison) -> str:
    """Cost per slot by kind."""
    return html_table("Cost per slot by kind", cost_kind_rows(comparison))


def interval_table(comparison: Comparison) -> str:
    """Half the widths of the intervals of all means; empty where there is none."""
    table = interval_rows(comparison)
    caption = "95 % intervals of all means: half their widths; of waits their ends"
    return html_table(caption, table) if len(table.columns) > 1 else ""


def key_table(comparison: Comparison) -> str:
    """Waiting times, and what becomes of keys."""
    return html_table("Keys and waiting", key_rows(comparison))


def divergence_table(comparison: Comparison, divergences: dict[str, Divergence]) -> str:
    """First decision in which each policy differs from the reference, in the first world."""
    replication = comparison.policies[0].runs[0].replication
    caption = f"Where policies part from {comparison.reference}, replication {replication}"
    return html_table(caption, divergence_rows(divergences))


def task_table(comparison: Comparison) -> str:
    """FEL tasks, policy by policy."""
    found = html_table(
        "Federated learning: simulated time until trained, and other means over replications",
        task_rows(comparison),
    )
    intervals = task_interval_rows(comparison)
    if len(intervals.columns) > intervals.keys:
        caption = "Federated learning: 95 % intervals of the means, half their widths"
        found += html_table(caption, intervals)
    if (held_out := held_out_rows(comparison)) is not None:
        caption = (
            "Federated learning on training records and on those that are held out: after the last "
            "step (training loss: before it), means over replications and 95 % intervals"
        )
        found += html_table(caption, held_out)
    return found


def plan_table(comparison: Comparison) -> str:
    """Plans behind the policies; empty where no policy plans."""
    table = plan_rows(comparison)
    return html_table("Plans", table) if table.rows else ""


def software_table(comparison: Comparison) -> str:
    """Software behind the first trace."""
    return html_table("Software of the first trace", software_rows(comparison))


def scenario_table(comparison: Comparison) -> str:
    """The scenario, key by key."""
    return html_table("Scenario of the first trace", scenario_rows(comparison))


def trace_table(comparison: Comparison) -> str:
    """The traces that are compared."""
    return html_table("Traces", trace_rows(comparison))


def group_tables(comparison: Comparison) -> str:
    """Requests by class and by pair; nothing where they were not followed."""
    runs = runs_of(comparison)
    classes, pairs = class_rows(runs), pair_rows(runs)
    parts = []
    if classes is not None:
        parts.append(html_table("Requests by class: keys, losses, time to the first keys", classes))
    if pairs is not None:
        table = html_table("Requests by node pair", pairs)
        parts.append(f"<details><summary>Requests by node pair</summary>{table}</details>")
    return "\n".join(parts)
