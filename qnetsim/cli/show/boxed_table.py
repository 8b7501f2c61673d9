"""Tables of text for a terminal, drawn as rich draws them, without its import where all fits."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from unicodedata import category, east_asian_width

from qnetsim.plain_text import visible

if TYPE_CHECKING:
    from rich.table import Table

#: Columns for a table that is piped: it is never folded, whatever it holds.
PIPED_WIDTH = 10_000
#: Variables that tell rich how to draw, whatever the output is.
RICH_SETTINGS = ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLUMNS")
#: Terminals that have no bold.
PLAIN_TERMINALS = ("dumb", "unknown")


@dataclass
class BoxedTable:
    """Rows of text under a title; the first ``left`` columns are left-aligned."""

    title: str
    columns: Sequence[str]
    left: int = 1
    show_header: bool = True
    rows: list[tuple[str, ...]] = field(default_factory=list)
    sections: set[int] = field(default_factory=set)

    def add_row(self, *cells: str) -> None:
        """Add a row; cells that are not given are empty."""
        self.rows.append((*cells, *[""] * (len(self.columns) - len(cells))))

    def add_section(self) -> None:
        """Draw a line below the last row, where others follow."""
        self.sections.add(len(self.rows))

    def lines(self, width: int, *, bold: bool = False) -> list[str] | None:
        """Lines of the table; None where something must be folded or is more than plain text.

        Parameters
        ----------
        width : int
        bold : bool
            Whether title and header are bold, which a terminal shows.
        """
        header = [self.columns] if self.show_header else []
        shown = [[visible(cell) for cell in row] for row in (*header, *self.rows)]
        cells = [cell for row in shown for cell in row]
        title = visible(self.title)
        if not shown or not all(map(_simple, (title, *cells))):
            return None
        widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
        whole = sum(widths) + 3 * len(widths) + 1
        if whole > width or len(title) > whole:
            return None
        on, off = ("\x1b[1m", "\x1b[0m") if bold else ("", "")
        found = [f"{on}{title}{off}{' ' * (whole - len(title))}"] if title else []
        if self.show_header:
            found.append(_rule("┏━┳┓", widths))
            heads = [f"{on}{cell}{off}" for cell in self._aligned(shown.pop(0), widths)]
            found.append(f"┃{'┃'.join(heads)}┃")
            found.append(_rule("┡━╇┩", widths))
        else:
            found.append(_rule("┌─┬┐", widths))
        for number, row in enumerate(shown):
            if number and number in self.sections:
                found.append(_rule("├─┼┤", widths))
            found.append(f"│{'│'.join(self._aligned(row, widths))}│")
        found.append(_rule("└─┴┘", widths))
        return found

    def _aligned(self, cells: Sequence[str], widths: Sequence[int]) -> list[str]:
        padded = []
        for i, (cell, width) in enumerate(zip(cells, widths, strict=True)):
            text = cell.rstrip()
            padded.append(f" {text.ljust(width) if i < self.left else text.rjust(width)} ")
        return padded

    def as_rich(self) -> Table:
        """The same table for rich, which folds what is too wide."""
        from rich.table import Table

        made = Table(
            title=self.title, title_justify="left", title_style="bold", header_style="bold"
        )
        for i, column in enumerate(self.columns):
            # folded rather than cut, so that no digit is lost on a narrow terminal
            made.add_column(column, justify="left" if i < self.left else "right", overflow="fold")
        made.show_header = self.show_header
        for number, row in enumerate(self.rows):
            made.add_row(*row, end_section=number + 1 in self.sections)
        return made


def print_table(table: BoxedTable) -> None:
    """Print on stdout: folded to the width of a terminal, as wide as it is when piped."""
    lines = None
    encoding = (sys.stdout.encoding or "").lower()
    if encoding.startswith("utf") and not rich_is_set():
        terminal = sys.stdout.isatty()
        bold = terminal and os.environ.get("TERM", "").lower() not in PLAIN_TERMINALS
        width = shutil.get_terminal_size().columns if terminal else PIPED_WIDTH
        lines = table.lines(width, bold=bold)
    if lines is not None:
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        return
    from qnetsim.cli.show.terminal import PlainConsole

    plain = PlainConsole()
    (plain if plain.is_terminal else PlainConsole(width=PIPED_WIDTH)).print(table.as_rich())


def rich_is_set() -> bool:
    """Whether the environment says how rich draws."""
    return any(name in os.environ for name in RICH_SETTINGS)


def _rule(corners: str, widths: Sequence[int]) -> str:
    between = corners[2].join(corners[1] * (width + 2) for width in widths)
    return f"{corners[0]}{between}{corners[3]}"


def _simple(text: str) -> bool:
    """Whether each sign takes one column of a terminal, and all stand on one line."""
    return (text.isascii() and text.isprintable()) or all(
        category(sign)[0] not in "CM" and east_asian_width(sign) not in "FW" for sign in text
    )
