"""``qnetsim report``."""

from __future__ import annotations

from pathlib import Path

import click

from qnetsim.analysis import compare_traces
from qnetsim.analysis.figures.style import FORMATS, STYLES
from qnetsim.analysis.places import FIGURE_NAMES, FIGURES
from qnetsim.cli.exit_status import EXIT_PARTIAL
from qnetsim.cli.figure_option import refuse_figure, style_option
from qnetsim.cli.show.echo import echo
from qnetsim.cli.show.output import emit, force_option, json_option, working
from qnetsim.cli.show.report import draw_figure, draw_report, refuse_report
from qnetsim.cli.strict_command import StrictCommand
from qnetsim.errors import UsageError
from qnetsim.plain_text import counted
from qnetsim.trace.files.curve_file import is_curve, read_curve
from qnetsim.trace.files.planned_traces import traces_of


@click.command(cls=StrictCommand)
@click.argument("sources", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out",
    "-o",
    type=click.Path(path_type=Path),
    help="Folder for the report; with --figure a file, .png, .svg or .pdf.",
)
@click.option(
    "--formats",
    help=f"Files of each figure: some of png, svg, pdf.  [default: {','.join(FORMATS)}]",
)
@click.option("--figure", help=f"Draw one figure alone: {', '.join(FIGURE_NAMES)}.")
@style_option
@force_option
@json_option
def report(
    sources: tuple[Path, ...],
    out: Path | None,
    formats: str | None,
    figure: str | None,
    style: str,
    force: bool,
    as_json: bool,
) -> int:
    """Draw the report of traces: one HTML file, and each figure as PNG, SVG and PDF.

    SOURCES are traces of one comparison or their folder, and learning curves that `qnetsim train`
    wrote. The page is for the screen, whatever the --style of the files. Exit status 4 where the
    comparison was cut short and traces are missing.
    """
    if figure is not None:
        _refuse_one(figure, out, formats, force)
    kinds = list(FORMATS) if formats is None else _formats(formats)
    sources = traces_of(sources)
    curves = {path.stem: read_curve(path) for path in sources if is_curve(path)}
    traces = [path for path in sources if not is_curve(path)]
    if not traces:
        raise UsageError("there is no trace among the files; give at least one")
    folder = out or Path("runs") / "report"
    if figure is None:
        refuse_report(folder, force)
    with working("reading traces"):
        comparison = compare_traces(traces)
    for warning in comparison.warnings:
        echo(f"warning: {warning}", err=True)
    status = EXIT_PARTIAL if comparison.missing else 0
    about = {"notes": list(comparison.notes), "partial": bool(comparison.missing)}
    if figure is not None:
        caption = draw_figure(comparison, curves, figure, folder, STYLES[style])
        found: dict[str, object] = {"figure": folder, "style": style, "caption": caption}
        lines = [f"figure   {folder}", f"caption  {caption}"]
    else:
        page = draw_report(comparison, folder, curves, kinds, STYLES[style])
        figures = folder / FIGURES
        pictures = sorted(figures.iterdir()) if figures.is_dir() else []
        found = {"report": page, "figures": pictures}
        lines = [f"report   {page}", f"figures  {figures} ({counted(len(pictures), 'file')})"]
    if as_json:
        emit("report", found | about)
        return status
    for line in (*(f"note: {note}" for note in comparison.notes), *lines):
        echo(line)
    return status


def _refuse_one(figure: str, out: Path | None, formats: str | None, force: bool) -> None:
    """Refuse what does not go with one figure, before any trace is read.

    Raises
    ------
    UsageError
    """
    if figure not in FIGURE_NAMES:
        raise UsageError(f"--figure {figure}: must be one of {', '.join(FIGURE_NAMES)}")
    if formats is not None:
        raise UsageError("--formats goes with a report; the name of --out says the format")
    if out is None:
        raise UsageError(f"--figure {figure}: give its file, such as --out {figure}.pdf")
    refuse_figure(out, force=force, option="--out")


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
