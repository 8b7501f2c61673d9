"""The report of a sweep: one HTML page with its figures inside."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from qnetsim.analysis.figures.style import page_svg, svg
from qnetsim.analysis.html_tables import html_table, html_text
from qnetsim.analysis.page import Section, html_page
from qnetsim.analysis.rows import interval_text
from qnetsim.analysis.text_table import DASH, TextTable
from qnetsim.plain_text import counted
from qnetsim.studies.sweep.job_states import SweepState
from qnetsim.studies.sweep.manifest import NAME
from qnetsim.studies.sweep.sweep_figures import factor_figure, panel_factor, region_figure
from qnetsim.studies.sweep.sweep_results import SweepResults
from qnetsim.trace.hdf5.files import replacing
from qnetsim.version import __version__

#: Rows that a table of the page has at most; the table of `collect` has all of them.
MOST_ROWS = 200


def write_page(
    path: Path, state: SweepState, columns: Mapping[str, Sequence[Any]], *, force: bool = False
) -> Path:
    """Write the report of a sweep.

    Parameters
    ----------
    path : Path
        The page.
    state : SweepState
    columns : mapping
        The table of ``collect``.
    force : bool
        Overwrite a page that is there.

    Raises
    ------
    UsageError, TraceError
    """
    with replacing(path, force) as fresh:
        fresh.write_text(page_text(state, columns), "utf-8")
    return path


def page_text(state: SweepState, columns: Mapping[str, Sequence[Any]]) -> str:
    """The page, as HTML."""
    results = SweepResults.of(state.manifest, columns)
    sections = [
        Section("costs", "Cost over the factors", "\n".join(_factor_figures(results))),
        Section("best", "Best policy by region", _best(results)),
        Section("looks", "Looks", _looks(state)),
        Section("failed", "Jobs that failed", _failures(state)),
        Section("origin", "Origin", _origin(state)),
    ]
    subtitle = f"sweep of {Path(state.manifest.sweep).name}"
    return html_page(state.manifest.name, subtitle, _opening(state, results, columns), sections)


def _opening(state: SweepState, results: SweepResults, columns: Mapping[str, Sequence[Any]]) -> str:
    manifest = state.manifest
    runs = state.counts("run")
    points = counted(len(manifest.values), "point")
    worlds = counted(manifest.replications, "replication")
    policies = counted(len(manifest.policies), "policy", "policies")
    lines = [
        f"{points} ({manifest.design.replace('_', ' ')}), {policies}, up to {worlds} each: "
        + ", ".join(f"{count:,} runs {name}" for name, count in sorted(runs.items()))
        + ".",
        _winners(results),
        *_starts(columns),
    ]
    text = " ".join(html_text(line) for line in lines if line)
    return f'<p class="findings">{text}</p>'


def _starts(columns: Mapping[str, Sequence[Any]]) -> Iterator[str]:
    """How many first slots the figures leave out, where a start needs some or somebody said so."""
    cuts = sorted({slots for slots in columns["warmup_slots"] if slots is not None})
    starts = list(dict.fromkeys(filter(None, columns["at_start"])))
    if any(cuts):
        yield (
            "Slots left out at the start, as run.warmup_slots says: "
            f"{', '.join(f'{slots:,}' for slots in cuts)}."
        )
    elif starts:
        yield (
            f"No slot is left out, though at the start {'; or '.join(starts)}: give "
            "run.warmup_slots where that weighs."
        )


def _winners(results: SweepResults) -> str:
    """Who is best how often, in a sentence."""
    best = results.best()
    if not best:
        return ""
    names = dict.fromkeys(b.policy for b in best)
    parts = [f"{name} in {sum(b.policy == name for b in best):,}" for name in names]
    doubtful = sum(not b.clear for b in best)
    doubt = f"; in {doubtful:,} of them the interval leaves doubt" if doubtful else ""
    return f"Cheapest is {', '.join(parts)} of {counted(len(best), 'point')}{doubt}."


def _factor_figures(results: SweepResults) -> Iterator[str]:
    manifest = results.manifest
    for factor, key in enumerate(manifest.factors):
        numbers = results.numbers(factor)
        if numbers is None or len(set(numbers.tolist())) < 2:
            continue
        other = panel_factor(results, factor)
        level = _level(results)
        parts = [f"Cost per slot over {key}: mean and interval ({level}) over the replications"]
        if other is not None:
            parts.append(f"a panel for each value of {manifest.factors[other]}")
        rest = len(manifest.factors) - (1 if other is None else 2)
        if rest and manifest.design == "grid":
            parts.append("mean over the values of the other factors")
        drawing = page_svg(svg(factor_figure(results, factor)), f"factor-{factor}")
        yield _figure(drawing, ", ".join(parts) + ".")


def _level(results: SweepResults) -> str:
    """Level of the intervals, in words."""
    if results.manifest.stopping is None:
        return "95 %"
    return f"95 % over all looks, {100 * results.confidence:.2f} % each"


def _figure(drawing: str, caption: str) -> str:
    return f"<figure>{drawing}<figcaption>{html_text(caption)}</figcaption></figure>"


def _best(results: SweepResults) -> str:
    best = results.best()
    if not best:
        return ""
    parts = []
    numeric = [
        factor
        for factor in range(len(results.manifest.factors))
        if (numbers := results.numbers(factor)) is not None and len(set(numbers.tolist())) > 1
    ]
    for x, y in itertools.islice(itertools.combinations(numeric, 2), 3):
        drawing = page_svg(svg(region_figure(results, x, y)), f"region-{x}-{y}")
        caption = "The cheapest policy of each point; hollow where its interval leaves doubt."
        parts.append(_figure(drawing, caption))
    parts.append(html_table("Cheapest policy, paired with the next one", best_table(results)))
    if results.bounds:
        names = ", ".join(sorted(results.bounds))
        parts.append(f'<p class="nothing">{html_text(names)}: sees the future, left out here.</p>')
    return "\n".join(parts)


def best_table(results: SweepResults) -> TextTable:
    """The cheapest policy of each point with its lead; the first rows."""
    manifest = results.manifest
    rows = []
    for one in results.best()[:MOST_ROWS]:
        values = [str(value) for value in manifest.values[one.point]]
        equal = one.saved is not None and one.saved.low == one.saved.high == 0
        verdict = "clear" if one.clear else "equal" if equal else "in doubt"
        rows.append(
            (
                str(one.point),
                *values,
                one.policy,
                f"{one.cost:,.0f}",
                one.runner_up or DASH,
                interval_text(one.saved),
                verdict if one.runner_up else DASH,
                str(one.replications),
            )
        )
    lead = f"next costs more ({_level(results)})"
    ends = ("policy", "cost per slot", "next", lead, "verdict", "replications")
    return TextTable(
        ("point", *manifest.factors, *ends),
        tuple(rows),
        text=("policy", "next", "verdict"),
    )


def _looks(state: SweepState) -> str:
    """Every look that was made, where replications come in blocks."""
    rows = [
        (
            str(point),
            str(look.number),
            look.policy,
            str(look.replications),
            f"{look.confidence:.2%}",
            f"{look.difference:+,.0f} ({look.low:+,.0f} … {look.high:+,.0f})",
            f"{look.share:.2%}",
            "yes" if look.narrow else "no",
        )
        for point, looks in state.looks.items()
        for look in looks
    ]
    if not rows:
        return ""
    heads = ("point", "look", "policy", "replications", "level")
    measured = (f"cost above {state.manifest.reference}", "half, of its cost", "narrow")
    table = TextTable((*heads, *measured), tuple(rows[:MOST_ROWS]), text=("policy", "narrow"))
    return html_table("Looks at the paired intervals, each at the level of that look", table)


def _failures(state: SweepState) -> str:
    rows = []
    for digest, error in itertools.islice(state.failures.items(), MOST_ROWS):
        job = state.manifest.by_digest[digest]
        rows.append((digest[:12], job.kind, job.title, str(job.replication), error))
    if not rows:
        return ""
    heads = ("job", "kind", "policy", "replication", "error")
    return html_table("Jobs that failed", TextTable(heads, tuple(rows), text=heads[1:]))


def _origin(state: SweepState) -> str:
    manifest = state.manifest
    rows = (
        ("sweep file", manifest.sweep),
        ("manifest", f"{NAME}, {counted(len(manifest.jobs), 'job')}"),
        ("policies", ", ".join(manifest.policies)),
        ("factors", ", ".join(manifest.factors) or DASH),
        ("qnetsim", __version__),
    )
    return html_table("Where this comes from", TextTable(("what", "value"), rows, text=("value",)))
