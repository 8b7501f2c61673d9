"""Own data: what is read from a file, and how every bad cell is named."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qnetsim.errors import CsvError, QnetsimError, UsageError
from qnetsim.fel import own_data
from qnetsim.fel.own_data import DataColumns, data_sha256, read_own_data
from qnetsim.fel.preparation import Preparation
from qnetsim.input_files import read_input
from tests.support.own_task import own_rows, write_rows

COLUMNS = DataColumns(label="verdict", record_id="id")


def rows_with(line: int, column: int, cell: str) -> list[list[str]]:
    """The small file with another cell on a line."""
    rows = own_rows()
    rows[line - 1][column] = cell
    return rows


def refused(path: Path, columns: DataColumns = COLUMNS) -> str:
    with pytest.raises(QnetsimError) as error:
        read_own_data(path, columns)
    return str(error.value).replace(str(path), path.name)


@pytest.mark.parametrize(
    ("delimiter", "start"),
    [(",", ""), (";", ""), ("\t", ""), (",", "\ufeff"), (",", "# from us\n")],
)
def test_what_stands_in_a_file_is_read(tmp_path: Path, delimiter: str, start: str) -> None:
    found = read_own_data(write_rows(tmp_path / "a.csv", own_rows(), delimiter, start), COLUMNS)
    rows = own_rows()
    assert found.features == tuple(rows[0][1:-1])
    assert found.records == tuple(row[0] for row in rows[1:])
    assert found.labels == tuple(row[-1] for row in rows[1:])
    np.testing.assert_array_equal(
        found.values, np.array([row[1:-1] for row in rows[1:]], dtype=np.float64)
    )
    assert found.classes == ("bad", "good")
    data = found.dataset("a", Preparation(), 1)
    # of two classes the second counts as +1
    assert (data.labels[:, 0] > 0).tolist() == [row[-1] == "good" for row in rows[1:]]
    assert data.records == found.records


def test_quoted_cells_and_numbers_as_classes(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('"id, or so",x,"y"\n"a, b","1e3",1\nc,2,1.0\nd," 3 ",2\n')
    found = read_own_data(path, DataColumns(label="y", record_id="id, or so"))
    assert found.records == ("a, b", "c", "d")
    assert found.labels == ("1", "1", "2")
    assert found.values.tolist() == [[1000.0], [2.0], [3.0]]


def test_features_are_given_worker_by_worker(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "a.csv", own_rows())
    columns = DataColumns("verdict", features=(("f3", "f1"), ("f2",)))
    data = read_own_data(path, columns).dataset("a", Preparation(intercept=True), 1)
    blocks = data.worker_blocks(1, 0, 2)
    # the label holder has the constant feature too
    assert [block.tolist() for block in blocks] == [[0, 1], [2, 3]]
    assert (data.features[:, 3] == 4096).all()
    assert read_own_data(path, columns).features == ("f3", "f1", "f2")


@pytest.mark.parametrize(
    ("line", "column", "cell", "message"),
    [
        (7, 3, "abc", "a.csv:7: f2: 'abc' is not a number; allowed: a number of at most 1e+100"),
        (7, 3, "", "a.csv:7: f2: is empty; give a number, or leave the record out"),
        (9, 1, "nan", "a.csv:9: f0: 'nan' is not allowed; allowed: a number of at most 1e+100"),
        (9, 1, "1e308", "a.csv:9: f0: '1e308' is not allowed"),
        (9, 1, "1_000", "a.csv:9: f0: '1_000' is not a number"),
        (3, 9, "", "a.csv:3: verdict: is empty; give the class of the record"),
        (3, 9, "NaN", "a.csv:3: verdict: 'NaN' is not allowed; give the class of the record"),
        (5, 0, "p0", "a.csv:5: id: 'p0' stands in line 2 already"),
        (5, 0, "", "a.csv:5: id: is empty; give each record an identifier"),
        (1, 9, "label", "a.csv:1: has no column 'verdict', which label names"),
        (1, 2, "f0", "a.csv:1: the header names 'f0' more than once"),
        (1, 2, "", "a.csv:1: column 3 has no name; give it one"),
    ],
)
def test_bad_cells_are_named(
    tmp_path: Path, line: int, column: int, cell: str, message: str
) -> None:
    assert message in refused(write_rows(tmp_path / "a.csv", rows_with(line, column, cell)))


def test_every_bad_cell_is_named_at_once(tmp_path: Path) -> None:
    rows = own_rows()
    rows[2][2] = rows[4][3] = "?"
    rows[5][9] = ""
    told = refused(write_rows(tmp_path / "a.csv", rows)).splitlines()
    assert len(told) == 3
    for row in rows[1:31]:
        row[1] = "?"
    told = refused(write_rows(tmp_path / "a.csv", rows)).splitlines()
    assert len(told) == 21
    assert told[-1] == "a.csv: and 13 bad cells more"


def test_decimal_commas_are_told(tmp_path: Path) -> None:
    rows = rows_with(4, 1, "1,5")
    told = refused(write_rows(tmp_path / "a.csv", rows, ";"))
    assert "a.csv:4: f0: '1,5' has a decimal comma; write 1.5" in told


def test_columns_as_a_whole(tmp_path: Path) -> None:
    one_class = [[*row[:-1], "good"] for row in own_rows()[1:]]
    told = refused(write_rows(tmp_path / "a.csv", [own_rows()[0], *one_class]))
    assert told == "a.csv: verdict: every record is 'good'; at least two classes are needed"
    constant = [[*row[:4], "3", *row[5:]] for row in own_rows()[1:]]
    told = refused(write_rows(tmp_path / "a.csv", [own_rows()[0], *constant]))
    assert told == "a.csv: f3: is 3 in every record, which says nothing; put it into ignore"
    path = write_rows(tmp_path / "a.csv", [own_rows()[0], *constant])
    assert "f3" not in read_own_data(path, DataColumns("verdict", "id", ignore=("f3",))).features
    long = own_rows(200)
    told = refused(
        write_rows(tmp_path / "a.csv", long), DataColumns("f1", "id", None, (), ("verdict",))
    )
    assert "f1: has " in told
    assert "allowed: 2 .. 100" in told
    told = refused(write_rows(tmp_path / "a.csv", own_rows(1)))
    assert told == "a.csv: has 1 record; at least two are needed"


def test_a_missing_header_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("1,2,0\n3,4,1\n")
    assert "a.csv:1: the header is missing" in refused(path)
    path.write_text("")
    assert "is empty" in refused(path)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (DataColumns("Verdikt"), "did you mean 'verdict'?"),
        (DataColumns("verdict", "nr"), "has no column 'nr', which record_id names"),
        (DataColumns("verdict", features=(("f0", "verdict"),)), "which label names already"),
        (DataColumns("verdict", features=(("f0",), ("f0",))), "which features names already"),
        (DataColumns("verdict", ignore=("f9",)), "has no column 'f9', which ignore names"),
    ],
)
def test_columns_that_are_not_there(tmp_path: Path, columns: DataColumns, message: str) -> None:
    assert message in refused(write_rows(tmp_path / "a.csv", own_rows()), columns)


def test_files_that_are_none(tmp_path: Path) -> None:
    other = tmp_path / "a.xlsx"
    other.write_bytes(b"PK")
    assert "allowed: a name that ends in .csv or .parquet" in refused(other)
    assert "no such file of data" in refused(tmp_path / "gone.csv")
    wide = tmp_path / "wide.csv"
    wide.write_bytes("a,b\n".encode("utf-16"))
    assert "save it as UTF-8 (iconv -f UTF-16 -t UTF-8)" in refused(wide)


def test_a_changed_file_is_noticed(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "a.csv", own_rows())
    sha256 = data_sha256(path)
    read_own_data(path, COLUMNS, sha256)
    write_rows(path, rows_with(7, 3, "0.5"))
    assert read_own_data(path, COLUMNS).values[5, 2] == 0.5
    with pytest.raises(UsageError, match="has changed: its SHA-256 is"):
        read_own_data(path, COLUMNS, sha256)


def test_a_file_is_read_once_until_it_is_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[Path] = []

    def counted(path: Path, *more: Any) -> bytes:
        reads.append(path)
        return read_input(path, *more)

    monkeypatch.setattr(own_data, "read_input", counted)
    path = write_rows(tmp_path / "d.csv", own_rows())
    # written just now: it may change within one tick of the clock, so it is hashed each time
    for _ in range(2):
        read_own_data(path, COLUMNS)
    assert len(reads) == 3
    monkeypatch.setattr(own_data, "SETTLED_NS", -1)
    first = data_sha256(path)
    reads.clear()
    for _ in range(3):
        read_own_data(path, COLUMNS, first)
    assert not reads
    text = path.read_text()
    path.write_text(text.replace(text.splitlines()[1], text.splitlines()[2], 1))
    os.utime(path, (0, 0))
    with pytest.raises(UsageError, match="has changed: its SHA-256 is"):
        read_own_data(path, COLUMNS, first)


def test_parquet_is_read_as_csv_is(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = own_rows()
    cells = list(zip(*rows[1:], strict=True))
    columns = {
        name: list(map(float, column)) if name.startswith("f") else list(column)
        for name, column in zip(rows[0], cells, strict=True)
    }
    path = tmp_path / "a.parquet"
    parquet.write_table(pyarrow.table(columns), path)
    found = read_own_data(path, COLUMNS)
    same = read_own_data(write_rows(tmp_path / "a.csv", rows), COLUMNS)
    np.testing.assert_array_equal(found.values, same.values)
    assert (found.labels, found.records, found.features) == (
        same.labels,
        same.records,
        same.features,
    )
    columns["f2"][4] = None
    parquet.write_table(pyarrow.table(columns), path)
    assert "a.parquet, row 5: f2: is empty" in refused(path)
    path.write_bytes(b"PAR1 no")
    assert "is no Parquet file that can be read" in refused(path)


def test_parquet_without_pyarrow_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from qnetsim import extras

    monkeypatch.setattr(extras, "_is_there", lambda package: False)
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1")
    assert 'pip install "qnetsim[parquet]"' in refused(path)


def test_problems_are_one_error(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "a.csv", rows_with(7, 3, "abc"))
    with pytest.raises(CsvError) as error:
        read_own_data(path, COLUMNS)
    assert len(error.value.problems) == 1
