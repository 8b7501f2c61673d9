"""Options of figures: their file, and their style."""

from __future__ import annotations

from pathlib import Path

import click

from qnetsim.analysis.figures.style import FORMATS, SCREEN, STYLES
from qnetsim.errors import UsageError
from qnetsim.trace import refuse_existing

style_option = click.option(
    "--style",
    type=click.Choice(list(STYLES)),
    default=SCREEN.name,
    show_default=True,
    help="Width, type and marks of figures: 3.5 and 7.16 in for IEEE's column and page.",
)


def refuse_figure(path: Path, *, force: bool, option: str = "--figure") -> None:
    """Refuse a file for a figure before anything is worked out.

    Raises
    ------
    UsageError
        Its suffix is none of a figure, it exists, or is read.
    """
    if path.suffix[1:] not in FORMATS:
        allowed = ", ".join(f".{kind}" for kind in FORMATS)
        raise UsageError(f"{option} {path}: the name must end in one of {allowed}")
    refuse_existing(path, force)
