"""Lines for the user, on stdout and stderr."""

from __future__ import annotations

import click

from qnetsim.plain_text import visible


def echo(text: object, *, err: bool = False) -> None:
    """Print a line; the only way to stdout and stderr beside tables and progress."""
    click.echo(visible(str(text)), err=err)
