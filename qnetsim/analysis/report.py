"""The report of a comparison: one self-contained HTML file, and its figures as files."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from qnetsim.analysis import html_tables as tables
from qnetsim.analysis import map_explorer
from qnetsim.analysis.compare import Comparison
from qnetsim.analysis.divergence import Divergence, divergence_of
from qnetsim.analysis.drawings import Drawing, ReportSources, drawings
from qnetsim.analysis.figures.style import FORMATS, SCREEN, Style, page_svg
from qnetsim.analysis.in_words import in_words
from qnetsim.analysis.interval_rows import basis
from qnetsim.analysis.page import STYLE, Section, html_page
from qnetsim.analysis.places import FIGURE_NAMES, FIGURES, PAGE
from qnetsim.arguments import path_argument, refuse_unless
from qnetsim.errors import UsageError, argument
from qnetsim.input_files import refuse_input
from qnetsim.plain_text import counted
from qnetsim.trace import Trace, open_trace
from qnetsim.trace.files.curve_file import CurveRecord
from qnetsim.trace.hdf5.files import refuse_linked_folder, write_whole


def write_report(
    comparison: Comparison,
    folder: str | os.PathLike[str],
    curves: Mapping[str, CurveRecord] | None = None,
    formats: Collection[str] = FORMATS,
    style: Style = SCREEN,
    *,
    force: bool = False,
) -> Path:
    """Write ``report.html``, and its figures as files beside it.

    Parameters
    ----------
    comparison : Comparison
    folder : path-like
    curves : mapping, optional
        Learning curves to be shown, by name.
    formats : collection of {"png", "svg", "pdf"}
        Files of each figure. An SVG for the screen costs nothing: it is the page's.
    style : Style
        Of these files; the page's own figures are for the screen.
    force : bool
        Overwrite a report that is there.

    Returns
    -------
    Path
        Of the page.

    Raises
    ------
    TraceError
        The folder cannot be written to.
    UsageError
        There is a report already, or figures.
    """
    refuse_unless(isinstance(comparison, Comparison), "comparison", "a Comparison", comparison)
    folder = path_argument("folder", folder)
    refuse_report(folder, force)
    # ahead of the first file, so that nothing of a report is there that is refused
    names = [folder / FIGURES / f"{name}.{kind}" for name in FIGURE_NAMES for kind in FORMATS]
    for place in (folder / PAGE, *names):
        refuse_input(place)
    with report_sources(comparison, curves or {}) as sources:
        drawn = drawings(sources)
        page = _page(comparison, sources, drawn)
        for drawing in drawn.values():
            drawing.write(folder / FIGURES, formats, style)
    path = folder / PAGE
    # last, so that no page shows figures that are not there
    write_whole(path, page)
    return path


def refuse_report(folder: Path, force: bool, replaceable: Collection[Path] = ()) -> None:
    """Refuse to write over a page, or into a folder of figures, unasked.

    Parameters
    ----------
    folder : Path
    force : bool
    replaceable : collection of Path
        Pages and folders of figures that may be replaced all the same.

    Raises
    ------
    UsageError
    """
    refuse_linked_folder(folder / FIGURES)
    for path in (folder / PAGE, folder / FIGURES):
        there = any(path.iterdir()) if path.is_dir() else path.exists()
        if there and not force and path not in replaceable:
            raise UsageError(
                f"{path}: exists already; give another {argument('out')}, or "
                f"{argument('force', 'True')} to overwrite it"
            )


@contextmanager
def report_sources(
    comparison: Comparison, curves: Mapping[str, CurveRecord]
) -> Iterator[ReportSources]:
    """Open the trace of each policy in the first world, once for all figures."""
    with ExitStack() as stack:
        first = {
            policy.name: stack.enter_context(open_trace(policy.runs[0].trace, whole=False))
            for policy in comparison.policies
        }
        divergences = _divergences(comparison, first)
        yield ReportSources(comparison, _title(comparison), first, divergences, curves)


def _divergences(comparison: Comparison, first: Mapping[str, Trace]) -> dict[str, Divergence]:
    """Divergence of each policy from the reference, in the first world."""
    base = first[comparison.reference]
    return {name: divergence_of(base, trace) for name, trace in first.items() if trace is not base}


def _title(comparison: Comparison) -> str:
    scenario = comparison.policies[0].runs[0].scenario
    demand = scenario["demand"]
    network = scenario["network"]
    name = Path(network["topology"]).stem if "/" in network["topology"] else network["topology"]
    requests = comparison.policies[0].runs[0].arrived // comparison.slots
    own = scenario.get("request")
    kind = "demand, levels of each request's own" if own else f"{demand['kind']} demand"
    return (
        f"{name}: {counted(requests, 'request')}, {demand['coupling']} {kind}, "
        f"{counted(comparison.slots, 'slot')} × {counted(comparison.replications, 'replication')}"
    )


def _figure_html(drawn: Mapping[str, Drawing], name: str) -> str:
    """A figure with its caption; nothing where it was not drawn."""
    drawing = drawn.get(name)
    if drawing is None:
        return ""
    picture = page_svg(drawing.svg, name)
    return (
        f'<figure role="img" aria-label="{tables.html_text(drawing.caption)}">{picture}'
        f"<figcaption>{tables.html_text(drawing.caption)}</figcaption></figure>"
    )


def _page(comparison: Comparison, sources: ReportSources, drawn: Mapping[str, Drawing]) -> str:
    return html_page(
        "Comparison of allocation policies",
        _title(comparison),
        "\n".join(
            (
                _findings(comparison),
                tables.cost_table(comparison),
                _warnings(comparison),
                tables.paired_table(comparison),
            )
        ),
        _sections(comparison, sources, drawn),
        style=STYLE + map_explorer.STYLE,
    )


def _sections(
    comparison: Comparison, sources: ReportSources, drawn: Mapping[str, Drawing]
) -> list[Section]:
    """Sections of the page in their order; those without data are empty."""
    costs = "\n".join(
        (
            _figure_html(drawn, "costs"),
            tables.cost_kind_table(comparison),
            tables.interval_table(comparison),
            _basis(comparison),
            _figure_html(drawn, "transient"),
        )
    )
    keys = "\n".join(
        (
            _figure_html(drawn, "keys"),
            _figure_html(drawn, "network"),
            map_explorer.explorer(sources.first, comparison.reference),
            tables.key_table(comparison),
            _figure_html(drawn, "waiting"),
            tables.group_tables(comparison),
        )
    )
    parting = training = ""
    if sources.divergences:
        parting = tables.divergence_table(comparison, sources.divergences)
        parting += _figure_html(drawn, "partings")
    if "training" in drawn:
        training = tables.task_table(comparison) + _figure_html(drawn, "training")
    return [
        Section("costs", "Costs", costs),
        Section("keys", "Keys", keys),
        Section("parting", "Where the policies part", parting),
        Section("training", "Federated learning", training),
        Section("learning", "Learning", _figure_html(drawn, "curves")),
        Section("plans", "Plans and solvers", tables.plan_table(comparison)),
        Section("worlds", "Worlds", _worlds(comparison)),
        Section("provenance", "Provenance", _provenance(comparison)),
    ]


def _findings(comparison: Comparison) -> str:
    sentences = (tables.html_text(sentence) for sentence in in_words(comparison))
    return f'<p class="findings">{"<br>".join(sentences)}</p>'


def _warnings(comparison: Comparison) -> str:
    texts = (*comparison.notes, *comparison.warnings)
    return "".join(f"<p><b>Note:</b> {tables.html_text(text)}.</p>" for text in texts)


def _basis(comparison: Comparison) -> str:
    return f"<p>{'<br>'.join(tables.html_text(sentence) for sentence in basis(comparison))}</p>"


def _worlds(comparison: Comparison) -> str:
    same = f"""<p>Every policy met the same worlds: the digests of topology, demand and yields are
equal in all traces, replication by replication. World digest
<code>{tables.html_text(comparison.world_digest)}</code>.</p>"""
    if comparison.replications > 1:
        same += f"""
<p>Intervals are paired 95&nbsp;% t intervals over {comparison.replications} replications. Variance
reduction says how many times larger the variance of a difference would be with independent
worlds.</p>"""
    if any(policy.sees_future for policy in comparison.policies):
        same += """
<p>A policy that sees the future is a bound, not a competitor; with key stores, waiting or sessions,
which tie slots to each other, knowing each slot in turn is not a bound either.</p>"""
    return same


def _cut(comparison: Comparison) -> str:
    found = comparison.warm_up
    if not found.slots:
        return "no first slots left out"
    how = {"none": "", "mser-5": ", by MSER-5", "given": ", by run.warmup_slots"}[found.method]
    return f"{counted(found.slots, 'first slot')} of each run left out{how}"


def _provenance(comparison: Comparison) -> str:
    provenance = comparison.policies[0].runs[0].provenance
    raw = tables.html_text(json.dumps(provenance, indent=1, ensure_ascii=False, sort_keys=True))
    return f"""<p>Seed {tables.html_text(provenance["seed"])}; scenario digest
<code>{tables.html_text(provenance.get("scenario_digest", "—"))}</code>; {_cut(comparison)}.</p>
{tables.software_table(comparison)}
<details><summary>Traces and their digests</summary>{tables.trace_table(comparison)}</details>
<details><summary>Scenario, key by key</summary>{tables.scenario_table(comparison)}</details>
<details><summary>Provenance of the first trace as JSON</summary><pre>{raw}</pre></details>"""
