"""The report of a comparison: one self-contained HTML file, and its figures as files."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from qnetsim.analysis import html_tables as tables
from qnetsim.analysis.compare import Comparison
from qnetsim.analysis.divergence import Divergence, divergence_of
from qnetsim.analysis.figures.costs import comparison_figure
from qnetsim.analysis.figures.curves import curves_figure
from qnetsim.analysis.figures.divergence import divergence_figure
from qnetsim.analysis.figures.network_map import map_figure
from qnetsim.analysis.figures.pools import pools_figure
from qnetsim.analysis.figures.style import FORMATS, page_svg, save, svg
from qnetsim.analysis.figures.training import training_figure
from qnetsim.analysis.figures.waiting import waiting_figure
from qnetsim.analysis.in_words import in_words
from qnetsim.analysis.page import Section, html_page
from qnetsim.analysis.places import FIGURES, PAGE
from qnetsim.plain_text import counted
from qnetsim.trace import Trace, open_trace
from qnetsim.trace.files.curve_file import CurveRecord
from qnetsim.trace.hdf5.files import refuse_linked_folder, write_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Drawing:
    """A figure of the report, the name of its files, and its caption."""

    name: str
    caption: str
    figure: Figure

    @cached_property
    def svg(self) -> str:
        """The SVG file, rendered once for the folder and the page."""
        return svg(self.figure)

    def write(self, folder: Path, formats: Collection[str]) -> None:
        """Write its files in these formats, and remove those that an earlier report left."""
        for kind in FORMATS:
            path = folder / f"{self.name}.{kind}"
            if kind not in formats:
                path.unlink(missing_ok=True)
            elif kind == "svg":
                write_whole(path, self.svg)
            else:
                save(self.figure, path)


def write_report(
    comparison: Comparison,
    folder: str | os.PathLike[str],
    curves: Mapping[str, CurveRecord] | None = None,
    formats: Collection[str] = FORMATS,
) -> Path:
    """Write ``report.html``, and its figures as files beside it.

    Parameters
    ----------
    comparison : Comparison
    folder : path-like
    curves : mapping, optional
        Learning curves to be shown, by name.
    formats : collection of {"png", "svg", "pdf"}
        Files of each figure. An SVG costs nothing: it is the page's.

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
    with _first_traces(comparison) as first:
        divergences = _divergences(comparison, first)
        drawings = _draw(comparison, divergences, curves or {}, first)
    path = folder / PAGE
    page = _page(comparison, divergences, drawings)
    for drawing in drawings.values():
        drawing.write(folder / FIGURES, formats)
    # last, so that no page shows figures that are not there
    write_whole(path, page)
    return path


@contextmanager
def _first_traces(comparison: Comparison) -> Iterator[dict[str, Trace]]:
    """Open the trace of each policy in the first world, once for all figures."""
    with ExitStack() as stack:
        yield {
            policy.name: stack.enter_context(open_trace(policy.runs[0].trace))
            for policy in comparison.policies
        }


def _divergences(comparison: Comparison, first: Mapping[str, Trace]) -> dict[str, Divergence]:
    """Divergence of each policy from the reference, in the first world."""
    base = first[comparison.reference]
    return {name: divergence_of(base, trace) for name, trace in first.items() if trace is not base}


def _draw(
    comparison: Comparison,
    divergences: dict[str, Divergence],
    curves: Mapping[str, CurveRecord],
    first: Mapping[str, Trace],
) -> dict[str, Drawing]:
    drawn = [
        Drawing(
            "costs",
            "Cost per slot by kind, and its ratio to the reference with the paired interval.",
            comparison_figure(comparison, _title(comparison)),
        ),
        Drawing(
            "keys",
            "Keys against time in the first world, mean over the fibres: what pools keep after a "
            "slot, and what is taken from reserved and from on-demand channels.",
            pools_figure(comparison, first),
        ),
        Drawing(
            "network",
            "Utilisation of the fibres: key bits consumed over key bits produced, all worlds. "
            "Distances follow the lengths of the fibres as far as a plane allows.",
            map_figure(comparison, first[comparison.reference]),
        ),
    ]
    if any(policy.keys.wait_percentiles_s["max"] > 0 for policy in comparison.policies):
        caption = "Waiting time of the served requests until their first keys, all worlds."
        drawn.append(Drawing("waiting", caption, waiting_figure(comparison)))
    if divergences:
        caption = (
            "Cumulative cost above the reference in the first world; a tick marks the first "
            "decision that differs."
        )
        slots = {name: divergence.slot for name, divergence in divergences.items()}
        drawn.append(Drawing("partings", caption, divergence_figure(comparison, slots, first)))
    if comparison.policies[0].runs[0].tasks:
        caption = (
            "Loss of the federated tasks: against simulated time, and against key bits (one line "
            "where the policies take the same)."
        )
        drawn.append(Drawing("training", caption, training_figure(comparison)))
    if curves:
        caption = "Learning curves: cost over the optimum, actions drawn (full) and mean (dashed)."
        drawn.append(Drawing("curves", caption, curves_figure(curves)))
    return {drawing.name: drawing for drawing in drawn}


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


def _figure_html(drawings: Mapping[str, Drawing], name: str) -> str:
    """A figure with its caption; nothing where it was not drawn."""
    drawing = drawings.get(name)
    if drawing is None:
        return ""
    picture = page_svg(drawing.svg, name)
    return (
        f'<figure role="img" aria-label="{tables.html_text(drawing.caption)}">{picture}'
        f"<figcaption>{tables.html_text(drawing.caption)}</figcaption></figure>"
    )


def _page(
    comparison: Comparison, divergences: dict[str, Divergence], drawings: Mapping[str, Drawing]
) -> str:
    costs = _figure_html(drawings, "costs") + tables.cost_kind_table(comparison)
    keys = _figure_html(drawings, "keys") + _figure_html(drawings, "network")
    keys += tables.key_table(comparison) + _figure_html(drawings, "waiting")
    parting = training = ""
    if divergences:
        parting = tables.divergence_table(comparison, divergences)
        parting += _figure_html(drawings, "partings")
    if "training" in drawings:
        training = tables.task_table(comparison) + _figure_html(drawings, "training")
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
        [
            Section("costs", "Costs", costs),
            Section("keys", "Keys", keys),
            Section("parting", "Where the policies part", parting),
            Section("training", "Federated learning", training),
            Section("learning", "Learning", _figure_html(drawings, "curves")),
            Section("plans", "Plans and solvers", tables.plan_table(comparison)),
            Section("worlds", "Worlds", _worlds(comparison)),
            Section("provenance", "Provenance", _provenance(comparison)),
        ],
    )


def _findings(comparison: Comparison) -> str:
    sentences = (tables.html_text(sentence) for sentence in in_words(comparison))
    return f'<p class="findings">{"<br>".join(sentences)}</p>'


def _warnings(comparison: Comparison) -> str:
    texts = (*comparison.notes, *comparison.warnings)
    return "".join(f"<p><b>Note:</b> {tables.html_text(text)}.</p>" for text in texts)


def _worlds(comparison: Comparison) -> str:
    same = f"""<p>Every policy met the same worlds: the digests of topology, demand and yields are
equal in all traces, replication by replication. World digest
<code>{tables.html_text(comparison.world_digest)}</code>.</p>"""
    if comparison.replications > 1:
        same += f"""
<p>Intervals are paired 95 % t intervals over {comparison.replications} replications. Variance
reduction says how many times larger the variance of a difference would be with independent
worlds.</p>"""
    if any(policy.sees_future for policy in comparison.policies):
        same += """
<p>A policy that sees the future is a bound, not a competitor; with key stores, waiting or sessions,
which tie slots to each other, knowing each slot in turn is not a bound either.</p>"""
    return same


def _provenance(comparison: Comparison) -> str:
    provenance = comparison.policies[0].runs[0].provenance
    raw = tables.html_text(json.dumps(provenance, indent=1, ensure_ascii=False, sort_keys=True))
    return f"""<p>Seed {tables.html_text(provenance["seed"])}; scenario digest
<code>{tables.html_text(provenance.get("scenario_digest", "—"))}</code>.</p>
{tables.software_table(comparison)}
<details><summary>Traces and their digests</summary>{tables.trace_table(comparison)}</details>
<details><summary>Scenario, key by key</summary>{tables.scenario_table(comparison)}</details>
<details><summary>Provenance of the first trace as JSON</summary><pre>{raw}</pre></details>"""
