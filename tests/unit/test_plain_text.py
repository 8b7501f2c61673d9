"""Text of others, made harmless for terminals, pages and spreadsheets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qnetsim.plain_text import FORMULA, from_spreadsheet_cell, spreadsheet_cell, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", r"\x1b[31mred"),
        ("bell\x07 nul\x00 del\x7f tab\t cr\r", r"bell\x07 nul\x00 del\x7f tab\t cr\r"),
        ("\x9b31m", r"\x9b31m"),
        ("a\u202egpj.exe", r"a\u202egpj.exe"),
        ("\u2066x\u2069 \u2028 \ufeff \u200b", r"\u2066x\u2069 \u2028 \ufeff \u200b"),
        ("\udc80", r"\udc80"),
        ("two\nlines", "two\nlines"),
        (
            "Zürich–Łódź 北京 می‌خواهم 1 × 10⁶ [red] $x$ \\n",
            "Zürich–Łódź 北京 می‌خواهم 1 × 10⁶ [red] $x$ \\n",
        ),
    ],
)
def test_what_acts_on_a_terminal_is_shown(text: str, shown: str) -> None:
    assert visible(text) == shown
    assert visible(shown) == shown


@given(st.text())
def test_cells_come_back_and_none_is_run(text: str) -> None:
    cell = spreadsheet_cell(text)
    assert from_spreadsheet_cell(cell) == text
    assert not cell.startswith(FORMULA)
    assert len(cell) - len(text) == text.startswith((*FORMULA, "'"))
