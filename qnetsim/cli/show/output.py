"""What the commands share: tables, JSON, progress and options.

rich is imported where something is drawn with it, so that a command that prints a line or JSON does
without.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qnetsim.cli.show.boxed_table import BoxedTable, rich_is_set
from qnetsim.cli.show.echo import echo
from qnetsim.plain_text import visible
from qnetsim.shipped import scenario_file

if TYPE_CHECKING:
    from qnetsim.analysis.text_table import TextTable

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout.")
force_option = click.option("--force", is_flag=True, help="Overwrite existing files.")
durable_option = click.option(
    "--durable", is_flag=True, help="Wait until the disk has what was written (fsync); slower."
)


#: Where a command's context keeps the scenario as it was written.
GIVEN_SCENARIO = "qnetsim.scenario"


class ScenarioPath(click.Path):
    """Path of a scenario; the name of a shipped one stands for its path."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Find the scenario."""
        if ctx is not None:
            ctx.meta[GIVEN_SCENARIO] = str(value)
        return scenario_file(super().convert(value, param, ctx))  # type: ignore[arg-type]


#: How a policy is given.
POLICY_HELP = "NAME or NAME:key=value,…; NAME may be FILE.py:Class."
scenario_argument = click.argument("scenario", type=ScenarioPath())


def table(
    title: str,
    columns: Sequence[str],
    *,
    left: int = 1,
    text: Collection[str] = (),
    keys: int = 1,
    first_to_go: Sequence[str] = (),
) -> BoxedTable:
    """Return an empty table; :class:`BoxedTable` says what the arguments are."""
    return BoxedTable(title, columns, left, text=text, keys=keys, first_to_go=first_to_go)


def text_table(title: str, content: TextTable) -> BoxedTable:
    """Return a table of text for the terminal."""
    terminal = dict(zip(content.columns, content.terminal_columns, strict=True))
    # what says nothing goes first
    silent = [name for nothing in content.nothing for name in nothing.columns]
    going = dict.fromkeys((*silent, *content.first_to_go))
    made = table(
        title,
        content.terminal_columns,
        text=[terminal[name] for name in content.text],
        keys=content.keys,
        first_to_go=[terminal[name] for name in going],
    )
    for cells in content.rows:
        made.add_row(*cells)
    return made


def emit(schema: str, data: dict[str, Any]) -> None:
    """Print a JSON document with its schema name."""
    text = json.dumps({"schema": f"qnetsim.{schema}/1", **data}, indent=1, default=_json_form)
    echo(text, copied=True)


def _json_form(value: object) -> object:
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def number(value: float) -> float | int:
    """Return a whole number as an integer."""
    return int(value) if math.isfinite(value) and value == int(value) else float(value)


def figure(value: float) -> str:
    """Show a number of units: whole numbers as such, expectations with two decimals."""
    rounded = round(value, 2)
    return f"{int(rounded):,}" if rounded == int(rounded) else f"{rounded:,.2f}"


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show a progress bar on stderr, on a terminal only; yields a function that advances it."""
    if not (sys.stderr.isatty() or rich_is_set()):
        yield lambda done: None
        return
    from qnetsim.cli.show.terminal import progress_bar

    with progress_bar() as bar:
        task = bar.add_task(visible(what), total=total)
        yield lambda done: bar.advance(task, done)


@contextmanager
def working(what: str) -> Iterator[Callable[[str], None]]:
    """Show on stderr, on a terminal only, what is going on; yields a function that says more.

    Used where no number of steps is known.
    """
    if not (sys.stderr.isatty() or rich_is_set()):
        yield lambda text: None
        return
    from qnetsim.cli.show.terminal import status_line

    with status_line(what) as tell:
        yield tell
