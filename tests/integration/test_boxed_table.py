"""Tables drawn without rich are those that rich draws, and fit the terminal."""

from __future__ import annotations

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qnetsim.cli.show.boxed_table import BoxedTable, print_table
from qnetsim.cli.show.echo import echo
from qnetsim.cli.show.fitting import folded, signs
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


def by_rich(table: BoxedTable, width: int, *, terminal: bool = False) -> list[str]:
    drawn = table.drawn(width)
    assert drawn is not None
    out = io.StringIO()
    settings = {"force_terminal": True, "color_system": "standard"} if terminal else {}
    PlainConsole(file=out, width=width, **settings).print(drawn.as_rich())
    text = re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue()) if terminal else out.getvalue()
    return [line.rstrip() for line in text.splitlines()]


def by_us(table: BoxedTable, width: int, *, bold: bool = False) -> list[str] | None:
    drawn = table.drawn(width)
    lines = drawn and drawn.lines(bold=bold)
    if lines is None:
        return None
    return [re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip() for line in lines]


@given(tables(TEXT), st.integers(20, 120))
def test_a_table_is_drawn_as_rich_draws_it(table: BoxedTable, width: int) -> None:
    lines = by_us(table, width)
    if lines is not None:
        assert lines == by_rich(table, width)


@given(tables(TEXT))
def test_terminals_show_the_same_signs_in_bold(table: BoxedTable) -> None:
    lines = by_us(table, 120, bold=True)
    if lines is not None:
        assert lines == by_rich(table, 120, terminal=True)


@given(tables(ANY_TEXT))
def test_what_is_not_plain_is_left_to_rich(table: BoxedTable) -> None:
    lines = by_us(table, 200)
    if lines is not None:
        assert lines == by_rich(table, 200)


@given(tables(TEXT), st.integers(20, 120))
def test_every_word_is_whole_at_every_width(table: BoxedTable, width: int) -> None:
    drawn = table.drawn(width)
    if drawn is None:
        assert sorted(" ".join(table.stacked(width)).replace(":", "").split()) or not table.rows
        return
    lines = drawn.lines() or []
    assert all(signs(line) <= width for line in lines[len(drawn.title) :])
    shown = " ".join(line for row in drawn.rows for cell in row for line in cell).split()
    kept = [i for i, c in enumerate(table.columns) if c not in drawn.left_out]
    words = " ".join(row[i] for row in table.rows for i in kept).split()
    assert set(words) <= set(shown)


def wide() -> BoxedTable:
    table = BoxedTable(
        "title",
        ["name", "what it is", "first count", "second count", "third"],
        text=["what it is"],
        first_to_go=["second count"],
    )
    table.add_row("alpha", "a text that may fold at its blanks", "1,234,567", "7,654,321", "12 + 3")
    return table


@pytest.mark.parametrize(
    ("width", "left_out"),
    [
        (100, []),
        (65, []),
        (64, ["second count"]),
        (53, ["second count"]),
        (52, ["second count", "third"]),
        (44, ["second count", "third"]),
        (43, ["first count", "second count", "third"]),
        (32, ["first count", "second count", "third"]),
        (31, None),
    ],
)
def test_columns_go_by_importance(width: int, left_out: list[str] | None) -> None:
    drawn = wide().drawn(width)
    assert (drawn and drawn.left_out) == left_out


def at(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)


def test_a_line_says_what_is_left_out(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    at(46, monkeypatch)
    monkeypatch.setenv("TERM", "dumb")
    print_table(wide())
    assert capsys.readouterr().out.splitlines() == [
        "title",
        "┏━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━┓",
        "┃ name  ┃ what it is           ┃ first count ┃",
        "┡━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━┩",
        "│ alpha │ a text that may fold │   1,234,567 │",
        "│       │ at its blanks        │             │",
        "└───────┴──────────────────────┴─────────────┘",
        "left out at 46 columns: second count, third;",
        "--json has them",
    ]


def test_rows_are_stacked_where_no_box_fits(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    at(31, monkeypatch)
    print_table(wide())
    assert capsys.readouterr().out.splitlines() == [
        "title",
        "",
        "alpha",
        "  what it is: a text that may",
        "  fold at its blanks",
        "  first count: 1,234,567",
        "  second count: 7,654,321",
        "  third: 12 + 3",
    ]


def test_lines_fold_at_blanks_on_a_terminal_unless_they_are_copied(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    line = "sip costs 450,204 per slot, and evf more"
    echo(line)
    assert capsys.readouterr().out == f"{line}\n"
    at(20, monkeypatch)
    echo(line)
    assert capsys.readouterr().out == "sip costs 450,204\nper slot, and evf\nmore\n"
    at(20, monkeypatch)
    echo(line, copied=True)
    assert capsys.readouterr().out == f"{line}\n"


def test_indented_lines_fold_under_themselves() -> None:
    assert folded("  one two three", 9) == ["  one two", "  three"]
    assert folded("x" * 30, 9) == ["x" * 30]
    assert folded("", 9) == [""]
    assert (signs("北e\u0301"), signs("ab")) == (3, 2)


@pytest.mark.parametrize("sign", ["9", "\u5317"])
def test_a_piped_table_is_never_folded(sign: str, capsys: pytest.CaptureFixture[str]) -> None:
    table = BoxedTable("title", ["a", "b"])
    table.add_row("x" * 100, sign * 80)
    print_table(table)
    (line,) = (line for line in capsys.readouterr().out.splitlines() if "x" in line)
    assert line.split() == ["│", "x" * 100, "│", sign * 80, "│"]
