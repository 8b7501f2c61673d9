"""Copies of shipped scenarios work where they are written, and overwrite nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

import qnetsim
from qnetsim.errors import UsageError
from qnetsim.scenario.shipped_copy import copy_shipped
from qnetsim.shipped import shipped_scenarios


# topohub leaves its files open
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("name", shipped_scenarios())
def test_a_copy_is_the_same_scenario(name: str, tmp_path: Path) -> None:
    written = copy_shipped(name, tmp_path / "own.toml")
    assert written[0] == tmp_path / "own.toml"
    original = shipped_scenarios()[name].read_text("utf-8")
    copied = written[0].read_text("utf-8")
    assert [line for line in copied.splitlines() if line.startswith("#")] == [
        line for line in original.splitlines() if line.startswith("#")
    ]
    # from another folder: nothing leads back to where the original is
    moved = tmp_path / "moved"
    moved.mkdir()
    for path in written:
        path.rename(moved / path.name)
    found = qnetsim.load(moved / "own.toml")
    assert found.digest() == qnetsim.load(name).digest()


def test_what_a_scenario_reads_is_written_beside_it(tmp_path: Path) -> None:
    assert copy_shipped("diurnal", tmp_path / "a.toml") == (
        tmp_path / "a.toml",
        tmp_path / "diurnal.csv",
    )
    # the same recording serves a second copy
    assert copy_shipped("diurnal", tmp_path / "b.toml") == (tmp_path / "b.toml",)


@pytest.mark.parametrize("in_the_way", ["tiny.toml", "tiny.csv"])
def test_nothing_is_overwritten(in_the_way: str, tmp_path: Path) -> None:
    (tmp_path / in_the_way).write_text("mine")
    with pytest.raises(UsageError, match=f"{in_the_way}: exists, and is not overwritten"):
        copy_shipped("tiny", tmp_path / "tiny.toml")
    assert [path.name for path in tmp_path.iterdir()] == [in_the_way]
    assert (tmp_path / in_the_way).read_text() == "mine"


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="exists"):
        copy_shipped("tiny", tmp_path / "tiny.toml")
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written: No such file"):
        copy_shipped("nsfnet", tmp_path / "none" / "own.toml")
