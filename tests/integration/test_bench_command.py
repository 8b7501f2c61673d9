"""`qnetsim bench`: list, run and check."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from qnetsim.studies.benchmark.reference_rows import reference
from tests.support.bench_rows import CAUTIOUS
from tests.support.commands import call, data


def test_worlds_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    found = data(capsys, "bench", "list")
    assert found["schema"] == "qnetsim.bench-list/1"
    for told, world in zip(found["worlds"], reference().worlds, strict=True):
        assert told["name"] == world.name
        assert told["world_digest"] == world.world_digest
        assert told["bound"] == world.bound
        assert told["bound_status"] == world.bound_status
    code, out, _ = call(capsys, "bench", "list")
    assert code == 0
    assert "wait-and-see bound" in out


def test_a_row_of_one_s_own_is_made_and_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(CAUTIOUS)
    own = ("-p", "mine.py:Cautious")
    made = data(capsys, "bench", "run", *own, "--world", "madqci", "--out", "mine.json")
    (row,) = made["rows"]
    assert made == json.loads(Path("mine.json").read_text())
    assert row["policy"] == "Cautious"
    assert row["low"] < row["ratio"] < row["high"]
    assert row["ratio"] > 1
    assert row["world_digest"] == reference().world("madqci").world_digest

    found = data(capsys, "bench", "check", "mine.json", *own)
    assert found["passed"] is True
    wrong = Path("mine.json").read_text().replace('"blocked": 0.0', '"blocked": 0.5')
    Path("wrong.json").write_text(wrong)
    code, out, _ = call(capsys, "bench", "check", "wrong.json", *own, "--json")
    assert code == 4
    assert json.loads(out)["rows"][0]["differences"] == ["blocked is 0.5 in the row and 0.0 here"]

    code, _, err = call(capsys, "bench", "run", *own, "--world", "madqci", "--out", "mine.json")
    assert code == 2
    assert "mine.json: exists, and is not overwritten; give another --out" in err
    code, _, err = call(capsys, "bench", "check", "mine.json")
    assert code == 2
    assert "give --policy mine.py:Cautious" in err


def test_an_unknown_world_is_named_with_a_guess(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = call(capsys, "bench", "run", "-p", "evf", "--world", "store")
    assert code == 2
    assert "world 'store' is not in the benchmark; did you mean 'stores'? its worlds: fel," in err


def test_a_policy_that_fits_no_world_is_an_error_and_one_of_two_a_warning(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, _, err = call(capsys, "bench", "run", "-p", "evg", "--world", "madqci")
    assert code == 2
    assert "unknown policy 'evg'; did you mean 'evf'?" in err
    line = ("bench", "run", "-p", "decsac", "-p", "evf", "--world", "madqci")
    code, out, err = call(capsys, *line, "--json")
    assert code == 4
    assert [row["policy"] for row in json.loads(out)["rows"]] == ["evf"]
    assert err.startswith("warning: world madqci: policy 'decsac' has no trained model")
