"""CSV files: columns by name, whatever their order, delimiter, quotes and comments."""

from __future__ import annotations

import pytest

from qnetsim import csv_rows
from qnetsim.csv_rows import read_csv
from qnetsim.errors import CsvError

WANTED = ("source", "target", "length_km")


def refusal(text: str, columns: tuple[str, ...] = WANTED) -> list[str]:
    with pytest.raises(CsvError) as error:
        read_csv("net.csv", text, columns)
    return list(error.value.problems)


@pytest.mark.parametrize(
    "text",
    [
        "source,target,length_km\na,b,10\n",
        "\ufeffsource,target,length_km\r\na,b,10\r\n",
        "source;target;length_km\na;b;10\n",
        "source\ttarget\tlength_km\na\tb\t10\n",
        '# of "x\n\n source , target ,length_km\n# more\n\n,,\n a , b , 10 ',
        '"source","target","length_km"\n"a", "b","10"\n',
        '"source";"target";"length_km"\n"a";"b";"10"\n',
    ],
)
def test_a_header_names_the_columns(text: str) -> None:
    table = read_csv("net.csv", text, WANTED)
    assert table.header == WANTED
    assert table.rows == (("a", "b", "10"),)


def test_columns_are_found_by_name_in_any_order() -> None:
    table = read_csv("net.csv", "Length-KM,owner,TARGET,source,\n10,me,b,a,\n", WANTED)
    places = table.find_all(WANTED)
    assert [table.rows[0][i] for i in places] == ["a", "b", "10"]
    assert table.further(WANTED) == ("owner", "column 5 (without a name)")
    assert table.find("cost") is None


def test_the_exact_name_wins_over_one_that_is_spelled_alike() -> None:
    table = read_csv("x.csv", "A_B,a_b\n1,2\n")
    assert table.find("a_b") == 1
    with pytest.raises(CsvError, match="'A_B' and 'a_b' may both be 'a b'"):
        table.find("a b")


def test_quoted_cells_hold_delimiters_quotes_and_line_ends() -> None:
    table = read_csv("x.csv", 'a,b\n"1,5","say ""x"""\n"two\n# lines",3\n4,5\n')
    assert table.rows == (("1,5", 'say "x"'), ("two\n# lines", "3"), ("4", "5"))
    assert table.lines == (2, 3, 5)
    assert table.where(2) == "x.csv:5"


def test_a_quoted_name_may_begin_with_the_sign_of_a_comment() -> None:
    assert read_csv("x.csv", 'a,b\n"#1",2\n#1,2\n').rows == (("#1", "2"),)


def test_lines_are_those_of_the_file() -> None:
    table = read_csv("x.csv", "# one\n\na,b\n# four\n1,2\n\n,\n3,4\n")
    assert (table.header_line, table.lines, table.blank) == (3, (5, 8), (7,))


def test_rows_of_another_width_are_named() -> None:
    assert refusal("source,target,length_km\na,b\na,b,1\na,b,1,2\n") == [
        "net.csv:2: has 2 cells; give 3 (source,target,length_km)",
        "net.csv:4: has 4 cells; give 3 (source,target,length_km)",
    ]
    many = refusal("source,target,length_km\n" + "a,b\n" * 25)
    assert len(many) == 21
    assert many[-1] == "net.csv: and 5 rows more"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "net.csv: is empty; give the header source,target,length_km and the rows"),
        ("# x\n", "net.csv: is empty; give the header source,target,length_km and the rows"),
        (
            "# x\nsource,to,length_km\na,b,1\n",
            "net.csv:2: the header is 'source,to,length_km'; it must have source, target, "
            "length_km (missing: target)",
        ),
        (
            "source,target,target,length_km\na,b,c,1\n",
            "net.csv:1: the header names 'target' more than once; rename or remove one",
        ),
        (
            'source,target,length_km\na,b,1\na,"b,1\n',
            "net.csv:3: is not CSV: unexpected end of data",
        ),
        ('source,"target,length_km\n', "net.csv:1: is not CSV: unexpected end of data"),
    ],
)
def test_what_is_no_such_table_is_refused(text: str, said: str) -> None:
    assert refusal(text) == [said]


def test_a_file_may_have_no_rows() -> None:
    assert read_csv("x.csv", "a,b").rows == ()


def test_a_table_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_rows, "MOST_ROWS", 2)
    assert len(read_csv("x.csv", "a\n1\n2\n").rows) == 2
    assert refusal("a\n1\n2\n3\n", ()) == ["net.csv: has more than 2 rows, too many"]
    monkeypatch.setattr(csv_rows, "MOST_COLUMNS", 2)
    assert refusal("a,b,c\n", ()) == ["net.csv:1: has more than 2 columns, too many"]
    assert "is not CSV: field larger" in refusal("a\n" + "x" * 200_000, ())[0]
