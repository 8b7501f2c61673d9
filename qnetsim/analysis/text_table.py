"""Tables of plain text, as a terminal, a page and a file show them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from qnetsim.analysis.paired import ConfidenceInterval

#: Shown where there is no value.
DASH = "—"


class Nothing(NamedTuple):
    """Columns that say nothing, for every row is the same there, and the sentence that says so."""

    columns: tuple[str, ...]
    sentence: str


@dataclass(frozen=True)
class TextTable:
    """Headings and rows of a table, ready to be shown.

    Attributes
    ----------
    columns : tuple of str
    rows : tuple of tuple of str
        As many cells in each as there are columns.
    short_columns : tuple of str
        Headings for a terminal, where they differ from ``columns``; else empty.
    text : tuple of str
        Headings of columns of text; all others but the first hold numbers.
    keys : int
        So many columns at the left say which row this is.
    first_to_go : tuple of str
        Headings of columns that a narrow terminal leaves out, in this order.
    nothing : tuple of Nothing
        Columns that say the same in every row, in a sentence.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    short_columns: tuple[str, ...] = ()
    text: tuple[str, ...] = ()
    keys: int = 1
    first_to_go: tuple[str, ...] = ()
    nothing: tuple[Nothing, ...] = ()

    @property
    def terminal_columns(self) -> tuple[str, ...]:
        """Headings for a terminal."""
        return self.short_columns or self.columns

    def with_column(self, heading: str, cells: Sequence[str]) -> TextTable:
        """The same table with one more column at its right, the first to go."""
        rows = tuple((*row, cell) for row, cell in zip(self.rows, cells, strict=True))
        short = (*self.short_columns, heading) if self.short_columns else ()
        return replace(
            self,
            columns=(*self.columns, heading),
            rows=rows,
            short_columns=short,
            first_to_go=(heading, *self.first_to_go),
        )

    def without_nothing(self) -> TextTable:
        """The same table without the columns that a sentence stands for."""
        gone = {column for nothing in self.nothing for column in nothing.columns}
        kept = [i for i, column in enumerate(self.columns) if column not in gone]
        return replace(
            self,
            columns=tuple(self.columns[i] for i in kept),
            rows=tuple(tuple(row[i] for i in kept) for row in self.rows),
            short_columns=tuple(self.short_columns[i] for i in kept) if self.short_columns else (),
            text=tuple(column for column in self.text if column not in gone),
            first_to_go=tuple(column for column in self.first_to_go if column not in gone),
            nothing=(),
        )


def at_one_precision(values: Sequence[float | None], digits: int = 3) -> list[str]:
    """Numbers of a column, all with as many decimals.

    The largest has ``digits`` digits at least, and the smallest one that is not zero, within four
    decimals.

    Parameters
    ----------
    values : sequence of float or None
        None is shown as a dash.
    digits : int
    """
    sizes = [math.floor(math.log10(abs(value))) for value in values if value]
    decimals = max(0, digits - 1 - max(sizes), min(-min(sizes), 4)) if sizes else 0
    return [DASH if value is None else f"{value:,.{decimals}f}" for value in values]


def nothing_where(silent: bool, columns: Sequence[str], sentence: str) -> tuple[Nothing, ...]:
    """Columns that a sentence stands for, where they say nothing."""
    return (Nothing(tuple(columns), sentence),) if silent else ()


def ends_text(value: ConfidenceInterval | None) -> str:
    """Ends of an interval in seconds that need not be symmetric; a dash for none."""
    if value is None or value.low is None or value.high is None:
        return DASH
    return f"{value.low:.4g} … {value.high:.4g} s"
