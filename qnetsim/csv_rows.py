"""The one way in which CSV files are read: columns by name, and a line for every problem.

A header names the columns, in any order. Cells stand between commas, semicolons or tabs, whichever
the header uses, and may be quoted. Lines that begin with ``#`` and empty ones are left out.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import StringIO

from qnetsim.errors import CsvError
from qnetsim.plain_text import counted

#: What may stand between cells. Of two that give as many columns, the first.
DELIMITERS = (",", ";", "\t")
#: First characters of lines that may hold no record.
MAY_BE_EMPTY = frozenset("#,; \t\n\v\f\xa0")
#: Most rows and columns that are read.
MOST_ROWS = 2 * 10**7
MOST_COLUMNS = 10**5
#: Problems that are spelled out, and characters of a cell or header in one.
MOST_PROBLEMS = 20
MOST_SHOWN = 120


@dataclass(frozen=True)
class CsvTable:
    """Cells of a CSV file, without spaces around them.

    Attributes
    ----------
    name : str
        Of the file, for messages.
    header : tuple of str
        Names of the columns, as they stand there.
    header_line : int
    rows : tuple of tuple of str
        As many cells in each as there are columns.
    lines : tuple of int
        Line on which each row begins, from 1.
    blank : tuple of int
        Lines of delimiters alone, which spreadsheets write and which are left out.
    place : str
        How a row's line follows the name of the file.
    """

    name: str
    header: tuple[str, ...]
    header_line: int
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]
    blank: tuple[int, ...] = ()
    place: str = ":{}"

    def where(self, row: int) -> str:
        """Place of a row, for messages: ``file:line``."""
        return self.name + self.place.format(self.lines[row])

    def find(self, column: str) -> int | None:
        """Position of a column: the one of this name, else the one that differs in spelling only.

        Capitals and small letters are one, and so are space, hyphen and underscore.

        Raises
        ------
        CsvError
            Several columns could be meant.
        """
        if column in self.header:
            return self.header.index(column)
        alike = [i for i, name in enumerate(self.header) if _spelled(name) == _spelled(column)]
        if len(alike) > 1:
            names = " and ".join(repr(self.header[i]) for i in alike)
            raise CsvError([f"{self._head()}: {names} may both be {column!r}; rename one"])
        return alike[0] if alike else None

    def find_all(self, columns: Sequence[str]) -> list[int]:
        """Positions of columns that must be there.

        Raises
        ------
        CsvError
            Naming those that are not.
        """
        found = {name: self.find(name) for name in columns}
        missing = [name for name, place in found.items() if place is None]
        if missing:
            raise CsvError(
                [
                    f"{self._head()}: the header is {_shown(','.join(self.header))}; it must have "
                    f"{', '.join(columns)} (missing: {', '.join(missing)})"
                ]
            )
        return [place for place in found.values() if place is not None]

    def further(self, columns: Sequence[str]) -> tuple[str, ...]:
        """Columns besides these, which a reader does not use and has to say so."""
        used = {self.find(name) for name in columns}
        return tuple(
            name or f"column {i + 1} (without a name)"
            for i, name in enumerate(self.header)
            if i not in used
        )

    def _head(self) -> str:
        return f"{self.name}:{self.header_line}"


def read_csv(name: str, text: str, columns: Sequence[str] = ()) -> CsvTable:
    """Read the text of a CSV file.

    Parameters
    ----------
    name : str
        Of the file, for messages.
    text : str
        A byte-order mark ahead of it is left out.
    columns : sequence of str
        That must be there.

    Raises
    ------
    CsvError
        Naming the lines that are wrong, and what is allowed.
    """
    lines = _Lines(text)
    rows: list[tuple[str, ...]] = []
    places: list[int] = []
    problems: list[str] = []
    wrong = 0
    try:
        header = _header(name, lines, columns)
        table = CsvTable(name, header, lines.first, (), ())
        table.find_all(columns)
        reader = csv.reader(lines, delimiter=lines.delimiter, strict=True, skipinitialspace=True)
        for cells in lines.records(reader):
            if len(cells) != len(header):
                wrong += 1
                if wrong <= MOST_PROBLEMS:
                    problems.append(f"{name}:{lines.first}: {_ragged(cells, header)}")
                continue
            if len(rows) == MOST_ROWS:
                raise CsvError([f"{name}: has more than {counted(MOST_ROWS, 'row')}, too many"])
            rows.append(cells)
            places.append(lines.first)
    except csv.Error as error:
        problems.append(f"{name}:{lines.first}: is not CSV: {error}")
    if wrong > MOST_PROBLEMS:
        problems.append(f"{name}: and {counted(wrong - MOST_PROBLEMS, 'row')} more")
    if problems:
        raise CsvError(problems)
    return CsvTable(name, header, table.header_line, tuple(rows), tuple(places), tuple(lines.blank))


class _Lines:
    """Lines of a text for ``csv.reader``; those without a record are left out between records."""

    def __init__(self, text: str) -> None:
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        self._spaces = re.search(r"[^\S\n]", text) is not None
        self._lines = StringIO(text.removeprefix("\ufeff"), newline="\n")
        self._number = 0
        self._between = True
        self.first = 1
        self.blank: list[int] = []
        self.delimiter = DELIMITERS[0]

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        for line in self._lines:
            self._number += 1
            if not self._between:
                return line
            if line[0] not in MAY_BE_EMPTY:
                self.first = self._number
                self._between = False
                return line
            start = line.strip()
            if not start or start.startswith("#"):
                continue
            if not start.strip(self.delimiter + " "):
                self.blank.append(self._number)
                continue
            self.first = self._number
            self._between = False
            return line
        raise StopIteration

    def records(self, reader: Iterator[list[str]]) -> Iterator[tuple[str, ...]]:
        """Cells of one record after the other; ``first`` is the line on which it begins."""
        self._between = True
        for cells in reader:
            self._between = True
            yield tuple([cell.strip() for cell in cells] if self._spaces else cells)


def _header(name: str, lines: _Lines, columns: Sequence[str]) -> tuple[str, ...]:
    """Names of the columns; the delimiter that gives most of them is noted."""
    line = next(lines, None)
    if line is None:
        wanted = f" {','.join(columns)}" if columns else ""
        raise CsvError([f"{name}: is empty; give the header{wanted} and the rows"])
    found: tuple[str, ...] = ()
    refused: csv.Error | None = None
    for delimiter in DELIMITERS:
        try:
            cells = next(
                csv.reader([line], delimiter=delimiter, strict=True, skipinitialspace=True)
            )
        except csv.Error as error:
            refused = refused or error
            continue
        if len(cells) > len(found):
            lines.delimiter = delimiter
            found = tuple([cell.strip() for cell in cells])
    if len(found) <= 1 and (refused or not found):
        raise refused or csv.Error("the header has no column")
    if len(found) > MOST_COLUMNS:
        most = counted(MOST_COLUMNS, "column")
        raise CsvError([f"{name}:{lines.first}: has more than {most}, too many"])
    _refuse_duplicates(f"{name}:{lines.first}", found)
    return found


def _refuse_duplicates(where: str, header: Sequence[str]) -> None:
    twice = [name for name, count in Counter(header).items() if name and count > 1]
    if twice:
        names = ", ".join(map(_shown, twice[:MOST_PROBLEMS]))
        raise CsvError([f"{where}: the header names {names} more than once; rename or remove one"])


def _spelled(name: str) -> str:
    return re.sub(r"[\s_-]+", "_", name.casefold())


def _ragged(cells: Sequence[str], header: Sequence[str]) -> str:
    wanted = ",".join(header)
    shown = wanted if len(wanted) <= MOST_SHOWN else f"{wanted[:MOST_SHOWN]}…"
    return f"has {counted(len(cells), 'cell')}; give {len(header)} ({shown})"


def _shown(text: str) -> str:
    return repr(text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}…")
