"""What of a table fits a terminal, so that no number and no word is broken.

Headings and columns of text fold at blanks, to :data:`LEAST_TEXT` columns at the least. Where that
is not enough, columns are left out, the least important first; columns that say which row this is
never go. Where not even one more column fits beside those, the rows are stacked.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from unicodedata import category, east_asian_width

#: Text folds to no less than this, so that it stays a text and no column of syllables.
LEAST_TEXT = 20
#: Columns of a terminal that a box takes: two blanks and a line for each column, and a line.
LINE, EACH = 1, 3
#: What does not fold, though there are blanks in it: a command, a number and its per cent sign.
_WHOLE = re.compile(r"`[^`\n]+`|\d %")
#: Stands for their blanks meanwhile; no text has it.
_GLUE = "\ue000"


@dataclass(frozen=True)
class FittedColumns:
    """Columns that are shown.

    Attributes
    ----------
    shown : tuple of int
        Positions of the columns, in their order.
    widths : tuple of int
        Columns of the terminal that each takes.
    """

    shown: tuple[int, ...]
    widths: tuple[int, ...]


@dataclass(frozen=True)
class WantedColumns:
    """What each column of a table asks for.

    Attributes
    ----------
    widths, least : tuple of int
        Where nothing folds; where all folds that may.
    going : tuple of int
        Positions of the columns that may be left out, the first to go first.
    """

    widths: tuple[int, ...]
    least: tuple[int, ...]
    going: tuple[int, ...]

    def fitted(self, width: int) -> FittedColumns | None:
        """Columns for a terminal of this width; None where the rows must be stacked."""
        shown = list(range(len(self.widths)))
        going = list(self.going)
        while _taken([self.least[i] for i in shown]) > width:
            # the last of them stays: names alone say nothing
            if len(going) < 2:
                return None
            shown.remove(going.pop(0))
        widths = {i: self.widths[i] for i in shown}
        for _ in range(_taken(list(widths.values())) - width):
            widest = max((i for i in shown if widths[i] > self.least[i]), key=widths.__getitem__)
            widths[widest] -= 1
        return FittedColumns(tuple(shown), tuple(widths.values()))


def terminal_width() -> int | None:
    """Columns of the terminal on stdout; None where stdout is no terminal."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def error_width() -> int | None:
    """Columns of the terminal on stderr; None where stderr is no terminal."""
    if not sys.stderr.isatty():
        return None
    if os.environ.get("COLUMNS", "").isdecimal() or sys.stdout.isatty():
        return shutil.get_terminal_size().columns
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or None
    except (OSError, ValueError):
        return None


def wanted_width(cells: Sequence[str]) -> int:
    """Columns of a terminal for cells that do not fold."""
    return max((signs(line) for cell in cells for line in cell.split("\n")), default=0)


def longest_word(cells: Sequence[str]) -> int:
    """Columns of a terminal for the longest word, with what it is indented by."""
    return max(
        (
            signs(line) - signs(line.lstrip(" ")) + signs(word)
            for cell in cells
            for line in cell.split("\n")
            for word in _words(line)
        ),
        default=0,
    )


def folded(text: str, width: int) -> list[str]:
    """Lines of a text, folded at blanks where it is wider; a word is never broken."""
    found = []
    for line in text.split("\n"):
        if signs(line) <= width:
            found.append(line)
            continue
        indent = line[: len(line) - len(line.lstrip(" "))]
        words = _words(line, width)
        current = indent + words[0] if words else ""
        for word in words[1:]:
            if signs(current) + 1 + signs(word) > width:
                found.append(current)
                current = indent + word
            else:
                current += f" {word}"
        found.append(current)
    return found


def _words(line: str, width: int | None = None) -> list[str]:
    """Parts of a line that do not fold; what is wider than the width folds at its blanks."""

    def glued(found: re.Match[str]) -> str:
        whole = found[0]
        narrow = width is None or signs(whole) <= width
        return whole.replace(" ", _GLUE) if narrow else whole

    return [word.replace(_GLUE, " ") for word in _WHOLE.sub(glued, line).split()]


def signs(text: str) -> int:
    """Columns of a terminal that a line of text takes."""
    if text.isascii():
        return len(text)
    wide = {"W": 2, "F": 2}
    return sum(
        0 if category(sign)[0] == "M" else wide.get(east_asian_width(sign), 1) for sign in text
    )


def _taken(widths: Sequence[int]) -> int:
    return sum(widths) + EACH * len(widths) + LINE
