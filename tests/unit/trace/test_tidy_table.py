from __future__ import annotations

import importlib.util
import math
from pathlib import Path

import pandas
import pytest

from qnetsim.errors import MissingExtraError, UsageError
from qnetsim.trace.files import tidy_table
from qnetsim.trace.files.tidy_table import csv_text, uniform_column, write_table

COLUMNS = {
    "demand.requests": [5, 8, 8],
    "policy": ["sip", "=cmd()", None],
    "cost": [1.5, None, 1e300],
    "mixed": [1, "x", [2, 3]],
    "flag": [True, False, True],
}


def test_csv_has_a_header_and_runs_nothing() -> None:
    assert csv_text(COLUMNS).splitlines() == [
        "demand.requests,policy,cost,mixed,flag",
        "5,sip,1.5,1,true",
        "8,'=cmd(),,x,false",
        '8,,1e+300,"[2, 3]",true',
    ]


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([1, 2], [1, 2]),
        ([1, None], [1.0, math.nan]),
        ([1, 2.5], [1.0, 2.5]),
        ([None, None], [math.nan, math.nan]),
        ([True, 1], ["true", "1"]),
        (["a", None], ["a", ""]),
    ],
)
def test_a_column_is_of_one_type(values: list, found: list) -> None:
    assert list(map(repr, uniform_column(values))) == list(map(repr, found))


def test_hdf5_opens_in_xarray(tmp_path: Path) -> None:
    xarray = pytest.importorskip("xarray")
    path = write_table(tmp_path / "table.h5", COLUMNS)
    with xarray.open_dataset(path, engine="h5netcdf") as data:
        assert data.sizes == {"row": 3}
        assert data["demand.requests"].values.tolist() == [5, 8, 8]
        assert data["policy"].values.tolist() == ["sip", "=cmd()", ""]
        assert math.isnan(data["cost"].values[1])


@pytest.mark.skipif(
    importlib.util.find_spec("pyarrow") is None,
    reason="pyarrow is not installed (qnetsim[parquet])",
)
def test_parquet_opens_in_pandas(tmp_path: Path) -> None:
    path = write_table(tmp_path / "table.parquet", COLUMNS)
    frame = pandas.read_parquet(path)
    assert frame["demand.requests"].tolist() == [5, 8, 8]
    assert frame["mixed"].tolist() == ["1", "x", "[2, 3]"]


def test_what_cannot_be_written_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r"ends in \.csv, \.parquet, \.h5 or \.nc"):
        write_table(tmp_path / "table.xlsx", COLUMNS)
    (tmp_path / "table.csv").write_text("mine")
    with pytest.raises(UsageError, match="exists already"):
        write_table(tmp_path / "table.csv", COLUMNS)
    assert (tmp_path / "table.csv").read_text() == "mine"

    def missing(purpose: str, *packages: str) -> None:
        raise MissingExtraError(f"{purpose} needs {packages[0]}")

    monkeypatch.setattr(tidy_table, "require", missing)
    with pytest.raises(MissingExtraError, match="Parquet needs pyarrow"):
        write_table(tmp_path / "table.parquet", COLUMNS)
