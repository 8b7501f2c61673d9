"""Files that a reproduction ends with: written together, once everything is computed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from qnetsim.analysis.figures.style import SCREEN, Style, save, svg
from qnetsim.studies.paper.compute import COST_FIGURES, FIGURES, Computed
from qnetsim.studies.paper.curve_tables import curve_csv
from qnetsim.studies.paper.loss_points import loss_csv
from qnetsim.studies.paper.paper_figures import drawings
from qnetsim.studies.paper.paper_page import page_text
from qnetsim.studies.paper.paper_tables import cost_csv
from qnetsim.studies.paper.reproduction import page
from qnetsim.trace import refuse_existing
from qnetsim.trace.hdf5.files import write_whole


def files_of(folder: Path, figures: Sequence[str]) -> dict[str, Path]:
    """Files by what they hold: a picture of each figure, values, and the page."""
    found = {name: folder / f"{name}.png" for name in figures}
    found |= {f"{name}.csv": folder / f"{name}.csv" for name in figures}
    if set(figures) == set(FIGURES):
        return found | {
            "page": folder / "reproduction.html",
            "text": folder / "reproduction.md",
            "results": folder / "results.json",
        }
    return found | {"page": folder / f"{'-'.join(figures)}.html"}


def refuse_files(folder: Path, figures: Sequence[str], force: bool) -> None:
    """Refuse files that are there, ahead of all work.

    Raises
    ------
    UsageError
    """
    for path in files_of(folder, figures).values():
        refuse_existing(path, force)


def write_files(
    folder: Path, figures: Sequence[str], computed: Computed, style: Style = SCREEN
) -> dict[str, Path]:
    """Write them all; returns those that were written.

    Raises
    ------
    TraceError
        One cannot be written; those before it are.
    """
    results = computed.results
    paths = files_of(folder, figures)
    drawn = {}
    for name, figure in drawings(computed, style):
        save(figure, paths[name], style)
        drawn[name] = svg(figure)
    texts = dict(_texts(computed, drawn, paths))
    for name, text in texts.items():
        write_whole(paths[name], text.encode())
    if "results" in paths:
        results.write(paths["results"])
    written = {*drawn, *texts, "results"}
    return {name: path for name, path in paths.items() if name in written}


def _texts(
    computed: Computed, drawn: dict[str, str], paths: dict[str, Path]
) -> Iterator[tuple[str, str]]:
    results = computed.results
    if results.losses:
        yield "fig4.csv", loss_csv(results.losses)
    for name, rows in results.costs.items():
        yield f"{name}.csv", cost_csv(COST_FIGURES[name], rows, results.budget, results.changes)
    if computed.curves:
        yield "fig9.csv", curve_csv(computed.curves)
    yield "page", page_text(results, drawn)
    if "text" in paths:
        yield "text", page(results, links=False)
