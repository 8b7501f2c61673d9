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
from qnetsim.analysis.places import FIGURES, PAGE
from qnetsim.trace import Trace, open_trace
from qnetsim.trace.files.curve_file import CurveRecord
from qnetsim.trace.hdf5.files import refuse_linked_folder, write_whole

STYLE = """
:root { color-scheme: light dark; --line: #8886; --soft: #8881; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 66rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin-top: 2.2rem; break-after: avoid; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; }
td { font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .55rem; border-bottom: 1px solid var(--line); text-align: right; }
th:first-child, td:first-child { text-align: left; }
caption { text-align: left; font-weight: 600; padding-bottom: .4rem; }
figure { margin: 1.5rem 0; }
figure svg { max-width: 100%; height: auto; }
figcaption { font-size: .9em; }
code, pre { font-size: .85em; background: var(--soft); overflow-wrap: anywhere; }
pre { padding: .8rem; overflow-x: auto; white-space: pre-wrap; }
@media print {
  :root { color-scheme: light; }
  body { max-width: none; margin: 0; font-size: 11px; }
  figure, table { break-inside: avoid; }
  details { display: none; }
}
"""


def write_report(
    comparison: Comparison,
    folder: str | os.PathLike[str],
    curves: Mapping[str, CurveRecord] | None = None,
    formats: Collection[str] = FORMATS,
    style: Style = SCREEN,
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

    Returns
    -------
    Path
        Of the page.

    Raises
    ------
    TraceError
        The folder cannot be written to.
    """
    folder = Path(folder)
    refuse_linked_folder(folder / FIGURES)
    with report_sources(comparison, curves or {}) as sources:
        drawn = drawings(sources)
        page = _page(comparison, sources, drawn)
        for drawing in drawn.values():
            drawing.write(folder / FIGURES, formats, style)
    path = folder / PAGE
    # last, so that no page shows figures that are not there
    write_whole(path, page)
    return path


@contextmanager
def report_sources(
    comparison: Comparison, curves: Mapping[str, CurveRecord]
) -> Iterator[ReportSources]:
    """Open the trace of each policy in the first world, once for all figures."""
    with ExitStack() as stack:
        first = {
            policy.name: stack.enter_context(open_trace(policy.runs[0].trace))
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
        f"{name}: {requests} requests, {demand['coupling']} {kind}, "
        f"{comparison.slots} slots × {comparison.replications} replications"
    )


def _figure_html(drawn: Mapping[str, Drawing], name: str, otherwise: str = "") -> str:
    """A figure with its caption, or a sentence where it was not drawn."""
    drawing = drawn.get(name)
    if drawing is None:
        return f"<p>{otherwise}</p>" if otherwise else ""
    picture = page_svg(drawing.svg, name)
    return (
        f'<figure role="img" aria-label="{tables.html_text(drawing.caption)}">{picture}'
        f"<figcaption>{tables.html_text(drawing.caption)}</figcaption></figure>"
    )


def _page(comparison: Comparison, sources: ReportSources, drawn: Mapping[str, Drawing]) -> str:
    title = tables.html_text(_title(comparison))
    world = tables.html_text(comparison.world_digest)
    learning = _figure_html(drawn, "curves")
    training = ""
    if "training" in drawn:
        training = "<h2>Federated learning</h2>" + tables.task_table(comparison)
        training += _figure_html(drawn, "training")
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>qnetsim: {title}</title>
<style>{STYLE}{map_explorer.STYLE}</style>
</head>
<body>
<h1>Comparison of allocation policies</h1>
<p>{title}</p>
{_findings(comparison)}
{tables.cost_table(comparison)}
{_warnings(comparison)}
{tables.paired_table(comparison)}
<h2>Costs</h2>
{_figure_html(drawn, "costs")}
{tables.cost_kind_table(comparison)}
<h2>Keys</h2>
{_figure_html(drawn, "keys")}
{_figure_html(drawn, "network")}
{map_explorer.explorer(sources.first, comparison.reference)}
{tables.key_table(comparison)}
{_figure_html(drawn, "waiting", "No request waited.")}
<h2>Where the policies part</h2>
{_divergence_table(comparison, sources.divergences)}
{_figure_html(drawn, "partings")}
{training}
{"<h2>Learning</h2>" + learning if learning else ""}
<h2>Plans and solvers</h2>
{tables.plan_table(comparison) or "<p>No policy planned ahead.</p>"}
<h2>Worlds</h2>
<p>Every policy met the same worlds: the digests of topology, demand and yields are equal in all
traces, replication by replication. World digest <code>{world}</code>.</p>
<p>Intervals are paired 95 % t intervals over {comparison.replications} replications. Variance
reduction says how many times larger the variance of a difference would be with independent worlds.
A policy that sees the future is a bound, not a competitor; with key stores, waiting or sessions,
which tie slots to each other, knowing each slot in turn is not a bound either.</p>
{_provenance(comparison)}
</body>
</html>
"""


def _divergence_table(comparison: Comparison, divergences: dict[str, Divergence]) -> str:
    if not divergences:
        return "<p>There is one policy only.</p>"
    return tables.divergence_table(comparison, divergences)


def _findings(comparison: Comparison) -> str:
    sentences = (tables.html_text(sentence) for sentence in in_words(comparison))
    return f'<p class="findings">{"<br>".join(sentences)}</p>'


def _warnings(comparison: Comparison) -> str:
    texts = (*comparison.notes, *comparison.warnings)
    return "".join(f"<p><b>Note:</b> {tables.html_text(text)}.</p>" for text in texts)


def _provenance(comparison: Comparison) -> str:
    provenance = comparison.policies[0].runs[0].provenance
    software = tables.html_text(json.dumps(provenance["software"] | provenance["environment"]))
    scenario = tables.html_text(json.dumps(provenance["scenario"], indent=1, ensure_ascii=False))
    return f"""<h2>Provenance</h2>
<p>Seed {tables.html_text(provenance["seed"])}; scenario digest
<code>{tables.html_text(provenance.get("scenario_digest", "—"))}</code>.</p>
<p><code>{software}</code></p>
<details><summary>Traces and their digests</summary>{tables.trace_table(comparison)}</details>
<details><summary>Scenario of the first trace</summary><pre>{scenario}</pre></details>"""
