"""``qnetsim report``."""

from __future__ import annotations

from pathlib import Path

import click

from qnetsim.analysis import compare_traces
from qnetsim.analysis.figures.style import FORMATS
from qnetsim.analysis.places import FIGURES
from qnetsim.cli.exit_status import EXIT_PARTIAL
from qnetsim.cli.show.echo import echo
from qnetsim.cli.show.output import emit, force_option, json_option, working
from qnetsim.cli.show.report import draw_report, refuse_report
from qnetsim.errors import UsageError
from qnetsim.plain_text import counted
from qnetsim.trace.files.curve_file import is_curve, read_curve
from qnetsim.trace.files.planned_traces import traces_of


@click.command()
@click.argument("sources", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", "-o", type=click.Path(path_type=Path), help="Folder for the report.")
@click.option(
    "--formats",
    default=",".join(FORMATS),
    show_default=True,
    help="Files of each figure: some of png, svg, pdf.",
)
@force_option
@json_option
def report(
    sources: tuple[Path, ...], out: Path | None, formats: str, force: bool, as_json: bool
) -> int:
    """Draw the report of traces: one HTML file, and each figure as PNG, SVG and PDF.

    SOURCES are traces of one comparison or their folder, and learning curves that `qnetsim train`
    wrote. Exit status 4 where the comparison was cut short and traces are missing.
    """
    kinds = _formats(formats)
    sources = traces_of(sources)
    curves = {path.stem: read_curve(path) for path in sources if is_curve(path)}
    traces = [path for path in sources if not is_curve(path)]
    if not traces:
        raise UsageError("there is no trace among the files; give at least one")
    folder = out or Path("runs") / "report"
    refuse_report(folder, force)
    with working("reading traces"):
        comparison = compare_traces(traces)
    for warning in comparison.warnings:
        echo(f"warning: {warning}", err=True)
    page = draw_report(comparison, folder, curves, kinds)
    figures = folder / FIGURES
    pictures = sorted(figures.iterdir()) if figures.is_dir() else []
    status = EXIT_PARTIAL if comparison.missing else 0
    if as_json:
        notes = list(comparison.notes)
        partial = bool(comparison.missing)
        emit("report", {"report": page, "figures": pictures, "notes": notes, "partial": partial})
        return status
    for note in comparison.notes:
        echo(f"note: {note}")
    echo(f"report   {page}")
    echo(f"figures  {folder / FIGURES} ({counted(len(pictures), 'file')})")
    return status


def _formats(text: str) -> list[str]:
    """Formats of a list with commas.

    Raises
    ------
    UsageError
        One of them is none of a figure.
    """
    kinds = [kind.strip().lower() for kind in text.split(",") if kind.strip()]
    for kind in kinds:
        if kind not in FORMATS:
            raise UsageError(f"--formats {kind}: must be some of {', '.join(FORMATS)}")
    return kinds
