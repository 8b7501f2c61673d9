"""Files of rows: written once, read strictly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from qnetsim.errors import UsageError
from qnetsim.studies.benchmark.row_file import RowFile
from tests.support.bench_rows import shipped_row


def document() -> dict:
    return json.loads(RowFile(rows=(shipped_row("evf"),)).model_dump_json())


def test_a_file_holds_the_rows(tmp_path: Path) -> None:
    rows = RowFile(rows=(shipped_row("evf"), shipped_row("perfect")))
    path = tmp_path / "rows.json"
    rows.write(path)
    assert RowFile.read(path) == rows
    assert json.loads(path.read_text())["schema"] == "qnetsim.bench-run/1"


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text("mine")
    with pytest.raises(UsageError, match="exists, and is not overwritten; give another out"):
        RowFile(rows=(shipped_row("evf"),)).write(path)
    assert path.read_text() == "mine"
    link = tmp_path / "link.json"
    link.symlink_to("nowhere")
    with pytest.raises(UsageError, match="exists"):
        RowFile(rows=(shipped_row("evf"),)).write(link)
    with pytest.raises(UsageError, match="cannot be written: No such file or directory"):
        RowFile(rows=(shipped_row("evf"),)).write(tmp_path / "no" / "rows.json")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"schema": "qnetsim.bench-run/2"}, "schema: Input should be 'qnetsim.bench-run/1'"),
        ({"rows": []}, "rows: Tuple should have at least 1 item"),
        ({"more": 1}, "more: Extra inputs are not permitted"),
    ],
)
def test_what_is_no_row_file_says_what_is_wrong(change: dict, told: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(document() | change))
    with pytest.raises(UsageError) as caught:
        RowFile.read(path)
    assert str(caught.value).startswith(f"{path}: is not a row file of `qnetsim bench run`")
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("cost_per_slot", "much"),
        ("costs", []),
        ("costs", [1.0, None]),
        ("world_digest", "abc"),
        ("bound_status", "guess"),
        ("policy", None),
        ("ratio", float("nan")),
    ],
)
def test_a_damaged_row_names_its_key(key: str, value: object, tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    data = document()
    data["rows"][0][key] = value
    path.write_text(json.dumps(data))
    with pytest.raises(UsageError, match=rf"rows\.0\.{key}"):
        RowFile.read(path)


@pytest.mark.parametrize("text", ["", "{", "[1]", "null", "[" * 100_000, '{"schema": 1}'])
def test_what_is_no_json_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text(text)
    with pytest.raises(UsageError, match="row file"):
        RowFile.read(path)
