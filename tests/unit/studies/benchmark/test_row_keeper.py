"""`bench run` that was stopped goes on with what stands in its file."""

from __future__ import annotations

from pathlib import Path

import pytest

from qnetsim.errors import TraceError, UsageError
from qnetsim.policies.chosen import choose
from qnetsim.studies.benchmark.bench_jobs import BenchJobs
from qnetsim.studies.benchmark.benchmark_worlds import open_world
from qnetsim.studies.benchmark.row_file import RowFile
from qnetsim.studies.benchmark.row_keeper import Asked, RowKeeper
from tests.support.bench_rows import CAUTIOUS, QUICK, quick_row, shipped_row


def asked(*policies: str) -> list[Asked]:
    world = open_world(QUICK)
    return [(world, choose(policy, world.scenario.policy)) for policy in policies]


def test_rows_are_in_the_file_one_by_one_in_the_order_that_was_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    jobs = asked("evf", "level")
    keeper = RowKeeper(path, jobs)
    assert not path.exists()
    keeper.add(shipped_row("level"))
    assert RowFile.read(path).rows == (shipped_row("level"),)
    again = RowKeeper(path, jobs)
    assert [again.has(*job) for job in jobs] == [False, True]
    again.add(shipped_row("evf"))
    assert RowFile.read(path).rows == (shipped_row("evf"), shipped_row("level"))


def test_what_is_whole_or_of_another_command_or_version_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    level = shipped_row("level")
    for file, policies in (
        (RowFile(rows=(level,)), ("level",)),
        (RowFile(rows=(level,)), ("evf", "sip")),
        (RowFile(rows=(level,), version="0.0.1"), ("evf", "level")),
    ):
        path.write_text(file.text())
        with pytest.raises(UsageError, match="exists, and is not overwritten"):
            RowKeeper(path, asked(*policies))
        assert path.read_text() == file.text()
        path.unlink()
    path.write_text("mine")
    with pytest.raises(UsageError, match="exists, and is not overwritten"):
        RowKeeper(path, asked("evf"))
    with pytest.raises(UsageError, match="there is no folder"):
        RowKeeper(tmp_path / "no" / "rows.json", asked("evf"))


def test_rows_of_other_code_are_not_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(CAUTIOUS)
    path = tmp_path / "rows.json"
    path.write_text(RowFile(rows=(quick_row("mine.py:Cautious"),)).text())
    assert RowKeeper(path, asked("mine.py:Cautious", "evf")).rows
    Path("mine.py").write_text(CAUTIOUS + "\n")
    with pytest.raises(UsageError, match="source_sha256 of 'Cautious' has changed"):
        RowKeeper(path, asked("mine.py:Cautious", "evf"))


def test_only_what_is_missing_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = BenchJobs.of([open_world(QUICK)], ("evf", "level:level=4"))
    path = tmp_path / "rows.json"
    path.write_text(RowFile(rows=(shipped_row("evf"),)).text())
    ran = []

    def bench_row(world: object, record: object, policy: object, **options: object) -> object:
        ran.append(policy)
        return quick_row("level:level=4")

    monkeypatch.setattr("qnetsim.studies.benchmark.bench_jobs.bench_row", bench_row)
    warned: list[str] = []
    assert jobs.run(RowKeeper(path, jobs.jobs), warned.append)
    assert [policy.title for policy in ran] == ["level-level4"]
    assert [row.policy for row in RowFile.read(path).rows] == ["evf", "level-level4"]
    assert not warned


def test_a_policy_that_no_world_has_is_refused_once_and_before_anything_runs() -> None:
    worlds = [open_world(QUICK), open_world("stores")]
    with pytest.raises(UsageError, match="unknown policy 'evg'"):
        BenchJobs.of(worlds, ("evf", "evg"))
    some = BenchJobs.of(worlds, ("empirical-window",))
    assert [world.name for world, _ in some.jobs] == ["stores"]
    assert [name for name, _ in some.unfit] == [QUICK]
    with pytest.raises(UsageError, match="'level' is given twice"):
        BenchJobs.of(worlds, ("level", "level:label=level,level=3"))


def test_the_first_row_appears_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "rows.json"
    keeper = RowKeeper(path, asked("evf", "level"))

    def full(self: Path, data: bytes) -> int:
        with self.open("wb") as file:
            file.write(data[:9])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(TraceError, match="No space left"):
        keeper.add(shipped_row("evf"))
    assert not list(tmp_path.iterdir())
