"""Tasks that learn from a file of one's own, through every command that runs them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from qnetsim import cli
from qnetsim.case import load
from qnetsim.case.tasks import open_session
from qnetsim.fel.key_usage import KeyUsageTable, run_flow
from qnetsim.fel.protocol import Session
from tests.support.own_task import own_rows, own_scenario, write_rows


def command(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        cli.main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return int(end.value.code or 0), out, err


def test_a_run_is_verified_and_replayed_with_the_file_beside_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = own_scenario(tmp_path)
    trace = tmp_path / "evf.h5"
    assert command(capsys, "run", scenario, "--policy", "evf", "--out", trace)[0] == 0
    monkeypatch.chdir(tmp_path)
    status, out, _ = command(capsys, "verify", trace)
    assert status == 0
    assert "SHA-256 of own.csv as in the trace" in out
    assert command(capsys, "replay", trace, "--out", tmp_path / "again.h5")[0] == 0
    _, out, _ = command(capsys, "inspect", trace, "--json")
    task = json.loads(out)["provenance"]["scenario"]["fel"][0]
    assert task["data"] == "own.csv"
    assert len(task["sha256"]) == 64
    assert json.loads(out)["metrics"]["tasks"][0]["name"] == "1 own"
    assert task["sha256"] in command(capsys, "inspect", trace)[1].replace("\n", "")


def test_a_change_of_the_file_is_noticed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = own_scenario(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert command(capsys, "run", scenario, "--policy", "evf", "--out", "evf.h5")[0] == 0
    kept = (tmp_path / "own.csv").read_bytes()
    rows = own_rows()
    rows[3][2] = "0.5"
    write_rows(tmp_path / "own.csv", rows)
    status, out, _ = command(capsys, "verify", "evf.h5", "--json")
    findings = {f["name"]: f for f in json.loads(out)["findings"]}
    assert status == 3
    assert findings["data"]["passed"] is False
    assert "own.csv: is not the file of the trace: its SHA-256 is" in findings["data"]["text"]
    status, _, err = command(capsys, "replay", "evf.h5", "--out", "again.h5")
    assert status == 2
    assert "is not the file of the trace" in err
    # other data are another world
    assert command(capsys, "run", scenario, "--policy", "evf", "--out", "other.h5")[0] == 0
    digests = [
        json.loads(command(capsys, "inspect", trace, "--json")[1])["metrics"]["world_digest"]
        for trace in ("evf.h5", "other.h5")
    ]
    assert digests[0] != digests[1]
    # without the file, what needs it is left open, and the rest is checked
    (tmp_path / "own.csv").unlink()
    status, out, _ = command(capsys, "verify", "evf.h5", "--json")
    findings = {f["name"]: f for f in json.loads(out)["findings"]}
    assert status == 4
    assert [findings[name]["passed"] for name in ("data", "world digest", "re-run")] == [
        None,
        True,
        None,
    ]
    assert "put it beside the trace" in findings["data"]["text"]
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "own.csv").write_bytes(kept)
    assert command(capsys, "verify", "evf.h5", "--data", "elsewhere/own.csv")[0] == 0
    (tmp_path / "renamed.csv").write_bytes(kept)
    status, _, err = command(capsys, "verify", "evf.h5", "--data", "renamed.csv")
    assert "is own.csv in the trace; give it under that name" in err
    status, _, err = command(capsys, "verify", "evf.h5", "--data", "own.toml")
    assert "is no file of the trace's tasks" in err


def test_compare_and_fel_and_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scenario = own_scenario(tmp_path)
    status, out, err = command(capsys, "scenario", "check", scenario)
    assert status == 0
    assert "60 records, 8 features, 2 classes: bad (27), good (33); good counts as +1" in err
    status, out, _ = command(capsys, "fel", scenario, "--json")
    assert json.loads(out)["task"] == "own, 2 workers, counted"
    assert command(capsys, "compare", scenario, "--out", tmp_path / "runs")[0] == 0
    assert "1 own" in (tmp_path / "runs" / "report.html").read_text()


def test_a_worker_alone_learns_from_its_records_and_no_others(tmp_path: Path) -> None:
    scenario = own_scenario(tmp_path, "test_share = 0.25")
    scenario.write_text(scenario.read_text().replace('["3", "8"]', '["3"]'))
    task = open_session(load(scenario).fel[0], 0, 1, counted=True)
    run_flow(task.setup(), KeyUsageTable())
    assert isinstance(task, Session)
    assert len(task.balance.labels) == 45


def test_errors_name_the_cell_and_the_line_of_the_scenario(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = own_rows()
    rows[6][3] = "abc"
    scenario = own_scenario(tmp_path, rows=rows)
    status, _, err = command(capsys, "scenario", "check", scenario)
    assert status == 2
    assert "own.toml:10: fel[0].data: " in err
    assert "own.csv:7: f2: 'abc' is not a number" in err
    (tmp_path / "own.csv").unlink()
    assert "no such file of data" in command(capsys, "fel", scenario)[2]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ('dataset = "wine"', "dataset and data are both given; allowed: one of them"),
        ('features = [["f0"]]', "1 list of columns for 2 workers; allowed: one list for each"),
        ('features = [["f0"], ["f9"]]', "has no column 'f9', which features names"),
        ('ignore = ["f0", "f1", "f2"]', "2 workers; allowed: at most 1, one for each block of six"),
        (f'sha256 = "{"0" * 64}"', "own.csv: has changed: its SHA-256 is"),
        ('data2 = "a.csv"', "unknown key; did you mean 'data'?"),
    ],
)
def test_what_does_not_go_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: str, message: str
) -> None:
    status, _, err = command(capsys, "scenario", "check", own_scenario(tmp_path, more))
    assert status == 2
    assert message in err


def test_the_file_is_never_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scenario = own_scenario(tmp_path)
    kept = (tmp_path / "own.csv").read_bytes()
    out = tmp_path / "own.csv"
    status, _, err = command(capsys, "run", scenario, "--policy", "evf", "--out", out, "--force")
    assert status == 2
    assert "is read by this command" in err
    assert out.read_bytes() == kept


def test_a_sweep_takes_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own_scenario(tmp_path)
    sweep = tmp_path / "study.toml"
    sweep.write_text(
        'scenario = "own.toml"\npolicies = ["evf"]\nreplications = 1\n'
        '[[factor]]\nkey = "fel.0.rounds"\nvalues = [1, 2]\n'
    )
    folder = tmp_path / "swept"
    status, _, err = command(capsys, "sweep", "run", sweep, "--folder", folder, "--workers", 1)
    assert status == 0, err
