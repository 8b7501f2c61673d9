"""A row is run again, and every planted change is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from qnetsim.errors import UsageError
from qnetsim.studies.benchmark.row_check import RowCheck, RowFileCheck
from qnetsim.studies.benchmark.row_file import BenchmarkRow, RowFile
from tests.support.bench_rows import CAUTIOUS, WITH_OPTIONS, quick_row, shipped_row


def written(folder: Path, row: BenchmarkRow, **of_file: str) -> Path:
    path = folder / "rows.json"
    RowFile(rows=(row,), **of_file).write(path)
    return path


def checked(folder: Path, row: BenchmarkRow, policy: str | None = None) -> RowCheck:
    (found,) = RowFileCheck(written(folder, row), () if policy is None else (policy,)).run()
    assert found.row == row
    return found


def refusal(folder: Path, row: BenchmarkRow, policy: str | None = None, **of_file: str) -> str:
    with pytest.raises(UsageError) as caught:
        RowFileCheck(written(folder, row, **of_file), () if policy is None else (policy,))
    return str(caught.value)


def test_a_right_row_comes_out_again(tmp_path: Path) -> None:
    assert checked(tmp_path, shipped_row("evf")).differences == ()


def test_every_planted_change_is_found(tmp_path: Path) -> None:
    right = shipped_row("evf")
    changes = {
        "cost_per_slot": right.cost_per_slot * (1 - 1e-6),
        "ratio": right.ratio * (1 - 1e-6),
        "low": 0.5,
        "high": None,
        "bound": right.bound * 1.01,
        "bound_status": "optimal plan",
        "blocked": 0.5,
        "sees_future": True,
        "weights_sha256": "0" * 64,
        "source_sha256": "0" * 64,
        "costs": (*right.costs[:9], right.costs[9] * 0.99),
        "content_digests": (*right.content_digests[:4], "0" * 64, *right.content_digests[5:]),
    }
    found = checked(tmp_path, right.model_copy(update=changes)).differences
    told = {
        "costs": f"costs[9] is {right.costs[9] * 0.99:,.6f} in the row and "
        f"{right.costs[9]:,.6f} here",
        "content_digests": "content digests differ in replication 4",
    }
    assert len(found) == len(changes)
    for key, value in changes.items():
        text = told.get(key, f"{key} is {value!r} in the row and {getattr(right, key)!r} here")
        assert text in found, key


def test_options_and_labels_make_the_same_policy_again(tmp_path: Path) -> None:
    row = quick_row("level:level=2")
    assert row.policy == "level-level2"
    assert checked(tmp_path, row).differences == ()
    other = row.model_copy(update={"options": {"level": 3}})
    (tmp_path / "rows.json").unlink()
    assert any(text.startswith("costs[0]") for text in checked(tmp_path, other).differences)


@pytest.mark.parametrize("key", ["label", "name"])
def test_options_cannot_name_another_policy(tmp_path: Path, key: str) -> None:
    row = shipped_row("evf").model_copy(update={"options": {key: "sip"}})
    told = f"rows.json: row 1: options.{key} is no option of a policy; remove it"
    assert refusal(tmp_path, row).endswith(told)


def test_code_of_one_s_own_is_given_and_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(CAUTIOUS)
    row = quick_row("mine.py:Cautious")
    assert row.source_sha256 is not None
    path = written(tmp_path, row)
    with pytest.raises(UsageError, match=r"somebody's own; give policy=mine\.py:Cautious"):
        RowFileCheck(path)
    (found,) = RowFileCheck(path, ("mine.py:Cautious",)).run()
    assert found.differences == ()
    Path("mine.py").write_text(CAUTIOUS.replace("(3 *", "(4 *"))
    (found,) = RowFileCheck(path, ("mine.py:Cautious",)).run()
    assert found.differences[0].startswith("source_sha256 is")
    assert found.differences[-1].startswith("content digests differ in replication 0, 1")
    with pytest.raises(UsageError, match=r"is of policy 'mine\.py:Cautious', not of policy=evf"):
        RowFileCheck(path, ("evf",))


def test_rows_of_several_policies_are_checked_with_the_options_that_they_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(WITH_OPTIONS)
    Path("other.py").write_text(CAUTIOUS)
    rows = (
        quick_row("mine.py:Mine:channels=2"),
        shipped_row("evf"),
        quick_row("other.py:Cautious"),
    )
    path = tmp_path / "rows.json"
    RowFile(rows=rows).write(path)
    found = list(RowFileCheck(path, ("other.py:Cautious", "mine.py:Mine")).run())
    assert [check.row for check in found] == list(rows)
    assert not any(check.differences for check in found)
    (check, *_) = RowFileCheck(path, ("other.py:Cautious", "mine.py:Mine:channels=3")).run()
    assert check.differences[0].startswith("options is {'channels': 2} in the row")
    assert not check.same_policy
    with pytest.raises(UsageError, match=r"row 1: is of policy 'mine\.py:Mine', not of"):
        RowFileCheck(path, ("other.py:Cautious",))
    with pytest.raises(UsageError, match=r"has no row of policy=level:level=1; its policies: evf,"):
        RowFileCheck(path, ("other.py:Cautious", "mine.py:Mine", "level:level=1"))


def test_an_unknown_world_or_policy_is_named_with_a_guess(tmp_path: Path) -> None:
    right = shipped_row("evf")
    text = refusal(tmp_path, right.model_copy(update={"world": "madqc"}))
    assert "row 1: world 'madqc' is not in the benchmark; did you mean 'madqci'?" in text
    (tmp_path / "rows.json").unlink()
    text = refusal(tmp_path, right.model_copy(update={"name": "evg"}))
    assert "row 1: unknown policy 'evg'; did you mean 'evf'?" in text


def test_a_row_of_another_version_is_refused(tmp_path: Path) -> None:
    other = shipped_row("evf").model_copy(update={"world_digest": "0" * 64})
    text = refusal(tmp_path, other, version="9.9.9")
    assert "row 1 (made by qnetsim 9.9.9): is of another version of world 'madqci'" in text


def test_a_row_of_too_few_replications_is_refused(tmp_path: Path) -> None:
    few = shipped_row("evf").model_copy(update={"costs": (1.0, 2.0)})
    assert "has 2 costs and 10 content digests for 10 replications" in refusal(tmp_path, few)
