"""Counts agree with their nouns, everywhere."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from qnetsim.plain_text import counted, solver_in_words
from tests.support import ROOT

#: What is counted in messages and tables.
NOUNS = frozenset(
    re.findall(
        r"\w+",
        """agents blocks cells channels chunks columns epochs errors fibres files
        levels nodes numbers orders points policies replications requests rounds routes
        rows samples scenarios seeds sessions slots steps tasks traces units
        values variables wavelengths workers worlds""",
    )
)
#: Counts that are never one: constants, and those of a sentence that is said of several only.
SEVERAL = {
    "CHOICE_SLOTS",
    "CHUNK_ROWS",
    "MAX_ROUNDS",
    "MOST_LEVELS",
    "MOST_SLOTS",
    "comparison.replications",
    "fig4.ROUNDS",
    "slots(key_bits)",
    "width",
}
#: Claims that a plan keeps, whose words are those of earlier versions.
KEPT = {"flows.size.nodes", "solution.size.nodes", "found.iterations"}
#: Rates, whose number is shown in full.
RATES = {"float(mean)"}


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0 slots"), (1, "1 slot"), (1.0, "1 slot"), (2, "2 slots"), (12_345, "12,345 slots")],
)
def test_a_count_has_its_noun(count: float, shown: str) -> None:
    assert counted(count, "slot") == shown


def test_parts_and_odd_plurals() -> None:
    assert counted(0.5, "request") == "0.5 requests"
    assert counted(1, "policy", "policies") == "1 policy"
    assert counted(3, "policy", "policies") == "3 policies"
    assert counted(1, "slot is", "slots are") == "1 slot is"


def test_a_solver_is_shown_with_its_node() -> None:
    assert solver_in_words("HiGHS 1.16, 1 nodes") == "HiGHS 1.16, 1 node"
    assert solver_in_words("HiGHS 1.16, 21 nodes") == "HiGHS 1.16, 21 nodes"


def plurals(path: Path) -> Iterator[tuple[str, str]]:
    """Numbers of f-strings that a plural follows, whatever the number is."""
    for text in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(text, ast.JoinedStr):
            continue
        for value, after in zip(text.values, text.values[1:], strict=False):
            if isinstance(value, ast.FormattedValue) and isinstance(after, ast.Constant):
                noun = re.match(r" (?:KM |QKD )?(\w+)", str(after.value))
                if noun and noun[1] in NOUNS:
                    yield ast.unparse(value.value), noun[0]


def test_no_plural_follows_any_number() -> None:
    found = {
        f"{path.relative_to(ROOT)}: {number}{noun}"
        for path in (ROOT / "qnetsim").rglob("*.py")
        for number, noun in plurals(path)
        if number not in SEVERAL | KEPT | RATES
    }
    assert not found
