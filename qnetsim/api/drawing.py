"""Figures of results, in a style and to a file where one is asked for."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from qnetsim.analysis.figures.style import FORMATS, STYLES, Style, save
from qnetsim.arguments import path_argument
from qnetsim.errors import UsageError
from qnetsim.trace import refuse_existing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

StyleName = Literal["screen", "ieee-column", "ieee-page", "slide"]


def drawn(
    draw: Callable[[Style], Figure],
    style: str,
    out: str | os.PathLike[str] | None,
    *,
    force: bool,
) -> Figure:
    """Draw a figure, and write it where a file is given.

    Raises
    ------
    UsageError
        There is no such style, or the file cannot be a figure's or exists.
    """
    if style not in STYLES:
        raise UsageError(f"style={style!r}: allowed: {', '.join(STYLES)}")
    path = None if out is None else path_argument("out", out)
    if path is not None:
        if path.suffix[1:] not in FORMATS:
            allowed = ", ".join(f".{kind}" for kind in FORMATS)
            raise UsageError(f"out {path}: the name must end in one of {allowed}")
        refuse_existing(path, force)
    figure = draw(STYLES[style])
    if path is not None:
        save(figure, path, STYLES[style])
    return figure
