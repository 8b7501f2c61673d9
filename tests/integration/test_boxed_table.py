"""Tables drawn without rich are those that rich draws."""

from __future__ import annotations

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qnetsim.cli.show.boxed_table import BoxedTable, print_table
from qnetsim.cli.show.terminal import PlainConsole

TEXT = st.text("aZ09 .,×—…²⁶é%[]:*", max_size=12)
#: Among others a wide sign, a line end, a joiner and an escape sequence.
ANY_TEXT = st.text("aé北\n\t\u200d\x1b[/]\u0301", max_size=6)


@st.composite
def tables(draw: st.DrawFn, text: st.SearchStrategy[str]) -> BoxedTable:
    columns = draw(st.lists(text, min_size=1, max_size=5))
    table = BoxedTable(draw(text), columns, draw(st.integers(0, len(columns))))
    table.show_header = draw(st.booleans())
    for _ in range(draw(st.integers(0, 4))):
        table.add_row(*draw(st.lists(text, max_size=len(columns))))
        if draw(st.booleans()):
            table.add_section()
    return table


def by_rich(table: BoxedTable, width: int, *, terminal: bool = False) -> str:
    out = io.StringIO()
    settings = {"force_terminal": True, "color_system": "standard"} if terminal else {}
    PlainConsole(file=out, width=width, **settings).print(table.as_rich())
    return out.getvalue()


@given(tables(TEXT), st.integers(20, 120))
def test_a_table_is_drawn_as_rich_draws_it(table: BoxedTable, width: int) -> None:
    lines = table.lines(width)
    if lines is not None:
        assert [line.rstrip() for line in lines] == [
            line.rstrip() for line in by_rich(table, width).splitlines()
        ]


@given(tables(TEXT))
def test_terminals_show_the_same_signs_in_bold(table: BoxedTable) -> None:
    lines = table.lines(120, bold=True)
    if lines is not None:
        ours = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(lines))
        theirs = re.sub(r"\x1b\[[0-9;]*m", "", by_rich(table, 120, terminal=True))
        assert [x.rstrip() for x in ours.split("\n")] == [x.rstrip() for x in theirs.splitlines()]


@given(tables(ANY_TEXT))
def test_what_is_not_plain_is_left_to_rich(table: BoxedTable) -> None:
    lines = table.lines(200)
    if lines is not None:
        assert "\n".join(line.rstrip() for line in lines) == "\n".join(
            line.rstrip() for line in by_rich(table, 200).splitlines()
        )


def test_what_does_not_fit_a_terminal_is_left_to_rich() -> None:
    table = BoxedTable("title", ["a", "b"])
    table.add_row("x" * 100, "9" * 80)
    assert table.lines(186) is None
    assert table.lines(187) is not None


@pytest.mark.parametrize("sign", ["9", "\u5317"])
def test_a_piped_table_is_never_folded(sign: str, capsys: pytest.CaptureFixture[str]) -> None:
    table = BoxedTable("title", ["a", "b"])
    table.add_row("x" * 100, sign * 80)
    print_table(table)
    (line,) = (line for line in capsys.readouterr().out.splitlines() if "x" in line)
    assert line.split() == ["│", "x" * 100, "│", sign * 80, "│"]
