"""Writing a report with a notice on the terminal, and refusing to overwrite one."""

from __future__ import annotations

from pathlib import Path

from qnetsim.analysis import Comparison
from qnetsim.analysis.report import FIGURES, PAGE, write_report
from qnetsim.cli.show.output import working
from qnetsim.errors import UsageError
from qnetsim.trace import make_folder
from qnetsim.trace.files.curve_file import CurveRecord


def draw_report(
    comparison: Comparison, folder: Path, curves: dict[str, CurveRecord] | None = None
) -> Path:
    """Write a report; returns the page."""
    make_folder(folder)
    with working("drawing the report"):
        return write_report(comparison, folder, curves)


def refuse_report(folder: Path, force: bool) -> None:
    """Refuse to overwrite a report or its figures without ``--force``.

    Raises
    ------
    UsageError
    """
    for path in (folder / PAGE, folder / FIGURES):
        there = any(path.iterdir()) if path.is_dir() else path.exists()
        if there and not force:
            raise UsageError(
                f"{path}: exists already; give another --out, or --force to overwrite it"
            )
