"""Lines for the user, on stdout and stderr."""

from __future__ import annotations

import click

from qnetsim.cli.show.fitting import error_width, folded, terminal_width
from qnetsim.plain_text import visible


def echo(text: object, *, err: bool = False, copied: bool = False) -> None:
    """Print lines; the only way to stdout and stderr beside tables and progress.

    Parameters
    ----------
    text : object
    err : bool
        Print on stderr.
    copied : bool
        Whether a user or a program takes the text from there, so that it stays as it is; on
        a terminal, other lines fold at blanks.
    """
    shown = visible(str(text))
    width = error_width() if err else terminal_width()
    if width and not copied:
        shown = "\n".join(folded(shown, width))
    click.echo(shown, err=err)
