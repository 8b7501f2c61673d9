"""Counts with their nouns, names of fibres, and text of others made harmless to show."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

#: Categories of characters that a reader cannot see, or that act on what shows them.
UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
#: Those of them that scripts need between letters (ZWNJ, ZWJ).
JOINERS = "\u200c\u200d"
#: What may hold one of them; most texts do not.
SUSPECT = re.compile("[^\n -~]")
#: First characters of a text that a spreadsheet takes for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def counted(count: float, noun: str, plural: str = "") -> str:
    """A count with its noun in the singular or plural: ``1 slot``, ``1,200 slots``, ``0.5 slots``.

    Parameters
    ----------
    count : float
    noun : str
    plural : str, optional
        Where it is not the noun and an s.
    """
    shown = f"{int(count):,}" if count == int(count) else f"{count:,.6g}"
    return f"{shown} {noun if count == 1 else plural or noun + 's'}"


def listed(names: Sequence[str], most: int) -> str:
    """The first of these names, and how many more there are: ``a, b and 3 more``."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def fibre_name(source: str, target: str, label: str = "") -> str:
    """Name of a fibre: its ends, and its own name where it has one, ``A–B (cable 2)``."""
    return f"{source}–{target} ({label})" if label else f"{source}–{target}"


def solver_in_words(solver: str) -> str:
    """The solver that a plan names, with the count of its nodes in agreement with the noun.

    Plans keep ``1 nodes``, so that those of today and of earlier versions are equal.
    """
    return solver.replace(", 1 nodes", ", 1 node")


def visible(text: str) -> str:
    r"""Show characters that act on a terminal, or turn or hide text, as ``\x1b`` or ``\u202e``.

    Line ends stay. Escape sequences, bells, C1 controls, bidirectional overrides and lone
    surrogates do not.
    """

    def shown(found: re.Match[str]) -> str:
        char = found[0]
        if unicodedata.category(char) in UNSEEN and char not in JOINERS:
            return char.encode("unicode_escape").decode("ascii")
        return char

    return SUSPECT.sub(shown, text)


def one_line(text: str, most: int = 2000) -> str:
    """Fold a text of somebody else's into one line that does nothing to a terminal."""
    folded = visible(" ".join(text.split()))
    return folded if len(folded) <= most else f"{folded[: most - 1]}…"


def spreadsheet_cell(text: str) -> str:
    """A cell of text that no spreadsheet runs: an apostrophe ahead where it would."""
    return f"'{text}" if text.startswith((*FORMULA, "'")) else text


def from_spreadsheet_cell(text: str) -> str:
    """The text behind a cell of :func:`spreadsheet_cell`."""
    return text[1:] if text.startswith("'") and spreadsheet_cell(text[1:]) == text else text
