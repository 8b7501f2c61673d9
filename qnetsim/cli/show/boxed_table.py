"""Tables of text for a terminal, drawn as rich draws them, without its import where all fits."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal
from unicodedata import category, east_asian_width

from qnetsim.cli.show.fitting import (
    LEAST_TEXT,
    WantedColumns,
    folded,
    longest_word,
    terminal_width,
    wanted_width,
)
from qnetsim.plain_text import visible

if TYPE_CHECKING:
    from rich.console import Group

#: Columns for a table that is piped: nothing of it is folded or left out, whatever it holds.
PIPED_WIDTH = 10_000
#: Variables that tell rich how to draw, whatever the output is.
RICH_SETTINGS = ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE")
#: Terminals that have no bold.
PLAIN_TERMINALS = ("dumb", "unknown")


@dataclass
class BoxedTable:
    """Rows of text under a title.

    Attributes
    ----------
    title : str
    columns : sequence of str
    left : int
        So many columns at the left hold text. Text is left-aligned and may fold at blanks; all
        other cells are right-aligned and stay whole.
    show_header : bool
        Without a header, all cells may fold at blanks.
    text : collection of str
        Headings of further columns that hold text.
    keys : int
        So many columns at the left say which row this is; they are never left out.
    first_to_go : sequence of str
        Headings of columns that a narrow terminal leaves out, in this order; then go all others
        from the right.
    """

    title: str
    columns: Sequence[str]
    left: int = 1
    show_header: bool = True
    rows: list[tuple[str, ...]] = field(default_factory=list)
    sections: set[int] = field(default_factory=set)
    text: Collection[str] = ()
    keys: int = 1
    first_to_go: Sequence[str] = ()

    def add_row(self, *cells: str) -> None:
        """Add a row; cells that are not given are empty."""
        self.rows.append((*cells, *[""] * (len(self.columns) - len(cells))))

    def add_section(self) -> None:
        """Draw a line below the last row, where others follow."""
        self.sections.add(len(self.rows))

    def drawn(self, width: int) -> DrawnTable | None:
        """The table as it fits a terminal; None where its rows must be stacked."""
        columns = _trimmed(self.columns)
        rows = [_trimmed(row) for row in self.rows]
        fitted = self._wanted(columns, rows).fitted(width)
        if fitted is None:
            return None

        def cells(row: Sequence[str]) -> list[list[str]]:
            pairs = zip(fitted.shown, fitted.widths, strict=True)
            return [folded(row[i], room) for i, room in pairs]

        header = cells(columns) if self.show_header else None
        body = [cells(row) for row in rows]
        lines = zip(*([header] if header else []), *body, strict=True)
        return DrawnTable(
            title=folded(visible(self.title), width) if self.title else [],
            header=header,
            rows=body,
            # folded at blanks, a column may be narrower than its room
            widths=tuple(
                wanted_width([line for cell in column for line in cell]) for column in lines
            ),
            left=[self._is_text(i) for i in fitted.shown],
            sections=self.sections,
            left_out=[c for i, c in enumerate(columns) if i not in fitted.shown],
        )

    def stacked(self, width: int) -> list[str]:
        """Lines with the cells of each row below each other, for what no box holds."""
        found = folded(visible(self.title), width) if self.title else []
        for row in self.rows:
            found.append("")
            for i, cell in enumerate(map(visible, row)):
                heading = visible(self.columns[i]) if self.show_header else ""
                lead = f"{heading}: " if heading and i >= self.keys else ""
                indent = "" if i < self.keys else "  "
                text = f"{indent}{lead}{cell.strip()}"
                found += folded(text, width) if cell.strip() else []
        return found

    def _wanted(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> WantedColumns:
        widths, least = [], []
        for i, heading in enumerate(columns):
            cells = [row[i] for row in rows]
            head = [heading] if self.show_header else []
            whole = wanted_width(cells)
            if self._is_text(i) or not self.show_header:
                whole = max(longest_word(cells), min(whole, LEAST_TEXT))
            widths.append(wanted_width([*head, *cells]))
            least.append(max(whole, longest_word(head)))
        others = [i for i in range(self.keys, len(columns)) if columns[i] not in self.first_to_go]
        named = [i for name in self.first_to_go for i, c in enumerate(columns) if c == name]
        return WantedColumns(tuple(widths), tuple(least), (*named, *reversed(others)))

    def _is_text(self, i: int) -> bool:
        return i < self.left or self.columns[i] in self.text


@dataclass(frozen=True)
class DrawnTable:
    """A table whose cells are folded to the columns that are shown.

    Attributes
    ----------
    title : list of str
    header : list of list of str, or None
        Lines of the heading of each column.
    rows : list of list of list of str
    widths : tuple of int
    left : list of bool
        Whether a column is left-aligned.
    sections : set of int
        Rows that a line is drawn above.
    left_out : list of str
        Headings of the columns that did not fit.
    """

    title: list[str]
    header: list[list[str]] | None
    rows: list[list[list[str]]]
    widths: tuple[int, ...]
    left: list[bool]
    sections: set[int]
    left_out: list[str]

    def lines(self, *, bold: bool = False) -> list[str] | None:
        """Lines of the table; None where it has signs that only rich can place.

        Parameters
        ----------
        bold : bool
            Whether title and header are bold, which a terminal shows.
        """
        shown = [*([self.header] if self.header else []), *self.rows]
        texts = [*self.title, *(line for row in shown for cell in row for line in cell)]
        if not shown or not all(map(_simple, texts)):
            return None
        on, off = ("\x1b[1m", "\x1b[0m") if bold else ("", "")
        found = [f"{on}{line}{off}" for line in self.title]
        if self.header:
            found.append(_rule("┏━┳┓", self.widths))
            for cells in self._aligned(self.header, bottom=True):
                found.append(f"┃{'┃'.join(f'{on}{cell}{off}' for cell in cells)}┃")
            found.append(_rule("┡━╇┩", self.widths))
        else:
            found.append(_rule("┌─┬┐", self.widths))
        for number, row in enumerate(self.rows):
            if number and number in self.sections:
                found.append(_rule("├─┼┤", self.widths))
            found += [f"│{'│'.join(cells)}│" for cells in self._aligned(row)]
        found.append(_rule("└─┴┘", self.widths))
        return found

    def _aligned(self, row: list[list[str]], *, bottom: bool = False) -> list[list[str]]:
        """Cells of each line of a row, as wide as their columns."""
        height = max(map(len, row))
        columns = []
        for cell, width, left in zip(row, self.widths, self.left, strict=True):
            empty = [""] * (height - len(cell))
            filled = [*empty, *cell] if bottom else [*cell, *empty]
            columns.append([f" {x.ljust(width) if left else x.rjust(width)} " for x in filled])
        return [list(cells) for cells in zip(*columns, strict=True)]

    def as_rich(self) -> Group:
        """The same for rich, which knows the width of every sign."""
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        made = Table(header_style="bold", show_header=self.header is not None)
        heads = self.header or [[""]] * len(self.left)
        for heading, left in zip(heads, self.left, strict=True):
            justify: Literal["left", "right"] = "left" if left else "right"
            made.add_column("\n".join(heading), justify=justify, overflow="fold")
        for number, row in enumerate(self.rows):
            cells = ("\n".join(cell) for cell in row)
            made.add_row(*cells, end_section=number + 1 in self.sections)
        return Group(*(Text(line, style="bold") for line in self.title), made)


def print_table(table: BoxedTable) -> None:
    """Print on stdout: what fits the width of a terminal, all of it when piped."""
    encoding = (sys.stdout.encoding or "").lower()
    plain = None
    width = terminal_width()
    if rich_is_set() or not encoding.startswith("utf"):
        from qnetsim.cli.show.terminal import PlainConsole

        plain = PlainConsole()
        width = plain.width if plain.is_terminal else None
    terminal = width is not None
    width = width or PIPED_WIDTH
    drawn = table.drawn(width)
    if drawn is None:
        _write(table.stacked(width))
        return
    bold = terminal and os.environ.get("TERM", "").lower() not in PLAIN_TERMINALS
    lines = None if plain else drawn.lines(bold=bold)
    if lines is not None:
        _write(lines)
    else:
        from qnetsim.cli.show.terminal import PlainConsole

        PlainConsole(width=width).print(drawn.as_rich())
    if drawn.left_out:
        named = ", ".join(dict.fromkeys(drawn.left_out))
        _write(folded(f"left out at {width} columns: {named}; --json has them", width))


def _trimmed(cells: Sequence[str]) -> list[str]:
    """Cells as they are shown, without blanks at the ends of their lines."""
    return ["\n".join(line.rstrip() for line in visible(x).rstrip().split("\n")) for x in cells]


def _write(lines: Sequence[str]) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))


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
