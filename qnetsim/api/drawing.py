"""Figures of results, in a style and to a file where one is asked for."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from qnetsim.analysis.figures.style import FORMATS, STYLES, Style, save
from qnetsim.arguments import path_argument
from qnetsim.errors import UsageError
from qnetsim.input_files import inputs_noted
from qnetsim.trace import refuse_existing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

StyleName = Literal["screen", "ieee-column", "ieee-page", "slide"]


def drawn(
    draw: Callable[[Style], Figure],
    style: StyleName,
    out: str | os.PathLike[str] | None,
    *,
    force: bool,
) -> Figure:
    """Draw a figure in a style, and write it where a file is named.

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


class Drawable:
    """A result that is drawn: ``_figure`` does it, and what it reads is not written over."""

    def plot(
        self,
        style: StyleName = "screen",
        out: str | os.PathLike[str] | None = None,
        *,
        force: bool = False,
    ) -> Figure:
        """Draw the figure of this result; its class says what it shows.

        Parameters
        ----------
        style : {"screen", "ieee-column", "ieee-page", "slide"}
            Width, type and marks, as by ``--style`` on the command line.
        out : path-like, optional
            File to write too: .png, .svg or .pdf, in this style's type and resolution.
        force : bool
            Overwrite an existing file.

        Raises
        ------
        UsageError
            There is no such style, or the file cannot be a figure's or exists.
        """
        with inputs_noted(self._sources()):
            return drawn(self._figure, style, out, force=force)

    def _figure(self, style: Style) -> Figure:
        raise NotImplementedError

    def _sources(self) -> tuple[Path, ...]:
        """Files that the result stands for."""
        return ()
