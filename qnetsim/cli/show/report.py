"""Writing a report with a notice on the terminal, and refusing to overwrite one."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from qnetsim.analysis import Comparison
from qnetsim.analysis.figures.style import FORMATS, SCREEN, Style, save
from qnetsim.analysis.places import FIGURE_NAMES, FIGURES, MARK, PAGE
from qnetsim.cli.show.drawing_library import import_matplotlib
from qnetsim.cli.show.output import working
from qnetsim.errors import UsageError
from qnetsim.input_files import forget_input, read_start
from qnetsim.trace import make_folder
from qnetsim.trace.files.curve_file import CurveRecord


def draw_report(
    comparison: Comparison,
    folder: Path,
    curves: dict[str, CurveRecord] | None = None,
    formats: Collection[str] = FORMATS,
    style: Style = SCREEN,
) -> Path:
    """Write a report; returns the page."""
    from qnetsim.analysis.report import write_report

    make_folder(folder)
    with working("drawing the report"):
        import_matplotlib()
        # what stood there was refused ahead of the runs
        return write_report(comparison, folder, curves, formats, style, force=True)


def draw_figure(
    comparison: Comparison,
    curves: dict[str, CurveRecord],
    name: str,
    path: Path,
    style: Style,
) -> str:
    """Write one figure of a report by the suffix of its path; returns the caption.

    Raises
    ------
    UsageError
        These traces do not give the figure.
    """
    from qnetsim.analysis.drawings import drawings
    from qnetsim.analysis.report import report_sources

    with working("drawing"), report_sources(comparison, curves) as sources:
        import_matplotlib()
        found = drawings(sources)
        if name not in found:
            raise UsageError(f"--figure {name}: {FIGURE_NAMES[name]}; there are {', '.join(found)}")
        make_folder(path.parent)
        save(found[name].draw(style), path, style)
        return found[name].caption


def refuse_report(folder: Path, force: bool, resume: bool = False) -> None:
    """Refuse to overwrite a report or its figures without ``--force``.

    Parameters
    ----------
    folder : Path
    force : bool
    resume : bool
        Replace a report of ours, of the comparison that goes on; nothing else.

    Raises
    ------
    UsageError
    """
    from qnetsim.analysis import report

    places = (folder / PAGE, folder / FIGURES)
    report.refuse_report(folder, force, [path for path in places if resume and _is_ours(path)])


def _is_ours(path: Path) -> bool:
    """Whether a page begins like a report, or a folder holds figures of one alone."""
    if not path.exists():
        return True
    if path.is_dir():
        return {entry.stem for entry in path.iterdir()} <= set(FIGURE_NAMES)
    ours = MARK in read_start(path, 1024)
    forget_input(path)
    return ours
