"""Writing a report with a notice on the terminal, and refusing to overwrite one."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from qnetsim.analysis import Comparison
from qnetsim.analysis.figures.style import FORMATS
from qnetsim.analysis.places import FIGURES, PAGE
from qnetsim.cli.show.output import working
from qnetsim.errors import UsageError
from qnetsim.trace import make_folder
from qnetsim.trace.files.curve_file import CurveRecord
from qnetsim.trace.hdf5.files import refuse_linked_folder


def draw_report(
    comparison: Comparison,
    folder: Path,
    curves: dict[str, CurveRecord] | None = None,
    formats: Collection[str] = FORMATS,
) -> Path:
    """Write a report; returns the page."""
    from qnetsim.analysis.report import write_report

    make_folder(folder)
    with working("drawing the report"):
        return write_report(comparison, folder, curves, formats)


def refuse_report(folder: Path, force: bool) -> None:
    """Refuse to overwrite a report or its figures without ``--force``.

    Raises
    ------
    UsageError
    """
    refuse_linked_folder(folder / FIGURES)
    for path in (folder / PAGE, folder / FIGURES):
        there = any(path.iterdir()) if path.is_dir() else path.exists()
        if there and not force:
            raise UsageError(
                f"{path}: exists already; give another --out, or --force to overwrite it"
            )
