"""`qnetsim bench`: list, run and check."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from qnetsim.studies.benchmark.reference_rows import reference
from qnetsim.studies.benchmark.row_file import RowFile
from tests.support.bench_rows import CAUTIOUS, shipped_row
from tests.support.commands import call, data
from tests.support.processes import killed_at_end


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
    assert (
        "world 'store' is not in the benchmark; did you mean 'stores'? its worlds: fel-rounds,"
        in err
    )


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


def test_a_run_that_was_stopped_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    line = ("bench", "run", "-p", "evf", "-p", "sip", "--world", "madqci", "--out", "rows.json")
    data(capsys, "bench", "run", "-p", "evf", "--world", "madqci", "--out", "rows.json")
    first = Path("rows.json").read_text()
    made = data(capsys, *line)
    assert [row["policy"] for row in made["rows"]] == ["evf", "sip"]
    assert made["rows"][0] == json.loads(first)["rows"][0]
    assert json.loads(Path("rows.json").read_text()) == made
    code, _, err = call(capsys, *line)
    assert code == 2
    assert "exists, and is not overwritten" in err


def test_a_signal_says_how_many_rows_stand(tmp_path: Path) -> None:
    slow = "        import time, pathlib; pathlib.Path('begun').touch(); time.sleep(30)\n"
    head = "    def prepare(self, setting: qnetsim.Setting, plan: qnetsim.Plan | None) -> None:\n"
    assert head in CAUTIOUS
    (tmp_path / "slow.py").write_text(CAUTIOUS.replace(head, head + slow))
    line = (sys.executable, "-m", "qnetsim", "bench", "run", "-p", "slow.py:Cautious")
    process = subprocess.Popen(
        (*line, "--out", "rows.json"), cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    with killed_at_end(process):
        while not (tmp_path / "begun").exists():
            assert process.poll() is None
            time.sleep(0.1)
        for _ in range(2):  # the second one does not wait for the policy
            process.send_signal(signal.SIGTERM)
            time.sleep(5.5)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    told = "interrupted (SIGTERM): 0 of 13 rows in rows.json; give the same command again"
    assert told in err


def test_what_does_not_come_out_again_is_told_line_by_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "rows.json"
    row = shipped_row("evf")
    wrong = row.model_copy(update={"costs": (1.0, *row.costs[1:]), "blocked": 0.25})
    RowFile(rows=(wrong,), version="0.0.1").write(path)
    code, out, err = call(capsys, "bench", "check", str(path))
    assert code == 4
    assert "2 differences" in out
    assert "\nmadqci, evf: costs[0] is 1.000000 in the row" in out
    assert "\nmadqci, evf: blocked is 0.25 in the row and 0.0 here" in out
    assert "code and options are the same, so the row was changed" in out
    assert "was made by qnetsim 0.0.1, and checked by" in err
