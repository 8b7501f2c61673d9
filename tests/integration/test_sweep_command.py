"""``qnetsim sweep`` on a local pool: kills, failures, interruptions, what it prints."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from qnetsim.errors import QnetsimError
from qnetsim.studies.sweep.manifest_file import read_manifest
from qnetsim.trace import open_trace
from tests.support.commands import call, data
from tests.support.processes import ENVIRONMENT, UGLY, alive, descendants, start, wait_until
from tests.support.sweeps import FAILING, GATED, SMALL, written

#: Gated runs: four jobs in four worlds, so that two workers have one each.
GATED_SWEEP = SMALL.replace('["sip", "evf"]', '["mine.py:Gated:level=2,label=gated"]')
GATED_SWEEP = GATED_SWEEP.replace("slots = 20", "slots = 4000")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    written(tmp_path)
    return tmp_path


def gated(folder: Path) -> dict[str, Any]:
    """A sweep whose jobs wait for a gate, and how to start a process that knows the gate."""
    (folder / "mine.py").write_text(GATED)
    (folder / "gate").mkdir()
    written(folder, GATED_SWEEP)
    return {"env": {**ENVIRONMENT, "GATE": str(folder / "gate")}}


def entered(folder: Path) -> set[int]:
    """Processes that are in the middle of a job, or were."""
    return {int(path.name) for path in (folder / "gate").iterdir() if path.name.isdecimal()}


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "table.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def complete_once(folder: Path) -> None:
    """All results are there, each once and whole, and nothing else."""
    manifest = read_manifest(folder)
    traces = sorted(path.name for path in (folder / "traces").iterdir())
    assert traces == sorted(f"{j.digest}.h5" for j in manifest.jobs if j.kind == "run")
    for name in traces:
        with open_trace(folder / "traces" / name) as trace:
            assert trace.status == "complete"
            assert trace.content_digest() == trace.attribute("content_digest")


def test_from_the_file_to_the_table(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = data(capsys, "sweep", "plan", "study.toml")
    assert plan["schema"] == "qnetsim.sweep-plan/1"
    assert plan["counts"]["run"] == {"missing": 8}
    assert plan["estimate"]["source"] == "8 short runs made now"
    assert len(plan["jobs"]) == 12
    code, out, err = call(capsys, "sweep", "status", "study.toml")
    assert (code, err) == (4, "")
    assert "missing" in out
    done = data(capsys, "sweep", "run", "study.toml", "--workers", "2")
    assert (done["done"], done["kept"], done["failed"]) == (12, 0, 0)
    again = data(capsys, "sweep", "run", "runs/study", "--workers", "1")
    assert (again["done"], again["kept"], again["failed"]) == (0, 12, 0)
    complete_once(Path("runs/study"))
    assert data(capsys, "sweep", "status", "study.toml")["complete"]
    found = data(capsys, "sweep", "collect", "study.toml")
    assert found["rows"] == 8
    assert len(rows_of(Path("runs/study"))) == 8
    code, _, err = call(capsys, "sweep", "collect", "runs/study")
    assert code == 2
    assert "exists already" in err
    page = data(capsys, "sweep", "report", "study.toml")["report"]
    assert Path(page).read_text("utf-8").startswith("<!DOCTYPE html>")
    trace = next(Path("runs/study/traces").glob("*.h5"))
    for command, read in (
        ("report", Path("study.toml")),
        ("report", Path("runs/study/manifest.jsonl")),
        ("collect", trace),
    ):
        before = read.read_bytes()
        line = ("sweep", command, "study.toml", "--out", str(read), "--force")
        code, _, err = call(capsys, *line)
        assert code == 2
        assert "is read by this command" in err
        assert read.read_bytes() == before
    # three replications instead of two: what is done stays done
    written(place, SMALL.replace("replications = 2", "replications = 3"))
    more = data(capsys, "sweep", "run", "study.toml", "--workers", "1")
    assert (more["done"], more["kept"]) == (4, 12)


def test_no_file_that_a_sweep_is_made_of_is_written_over(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By its folder or by its file, and by other names of the same files."""
    (place / "mine.toml").write_text('[network]\ntopology = "nsfnet"\n[demand]\nrequests = 4\n')
    (place / "mine.py").write_text(FAILING[: FAILING.index("    def prepare")])
    text = SMALL.replace('"nsfnet"', '"mine.toml"')
    written(place, text.replace('"evf"', '"mine.py:Failing:level=1,label=own"'))
    data(capsys, "sweep", "run", "study.toml", "--workers", "1")
    record = next((place / "runs/study/records").iterdir())
    for name in ("study.toml", "mine.toml", "mine.py", record):
        before = (place / name).read_bytes()
        (place / "link.html").unlink(missing_ok=True)
        (place / "link.html").hardlink_to(place / name)
        for sweep in ("study.toml", "runs/study"):
            for out in (str(name), "link.html"):
                line = ("sweep", "report", sweep, "--out", out, "--force")
                code, _, err = call(capsys, *line)
                assert code == 2
                assert "is read by this command" in err
        assert (place / name).read_bytes() == before


def test_a_result_that_was_changed_is_told_by_every_command(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data(capsys, "sweep", "run", "study.toml", "--workers", "1")
    manifest = read_manifest(place / "runs" / "study")
    one, other = (job.place(place / "runs" / "study") for job in manifest.jobs[-2:])
    one.write_bytes(other.read_bytes())
    for command in ("status", "collect", "report"):
        code, out, err = call(capsys, "sweep", command, "study.toml")
        assert code == 4, (command, out, err)
    status = json.loads(call(capsys, "sweep", "status", "study.toml", "--json")[1])
    assert status["counts"]["run"] == {"complete": 7, "failed": 1}
    assert "was changed since its job ended" in status["failures"][0]["error"]
    assert [row["status"] for row in rows_of(Path("runs/study"))].count("failed") == 1
    code, _, err = call(capsys, "sweep", "run", "study.toml", "--workers", "1")
    assert code == 4
    assert err.count("failed: run of") == 1
    one.unlink()
    data(capsys, "sweep", "run", "study.toml", "--workers", "1")
    assert data(capsys, "sweep", "status", "study.toml")["complete"]


def test_a_plan_lists_its_first_jobs_in_lines_that_fit(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out, _ = call(capsys, "sweep", "plan", "study.toml")
    assert out.count("│ missing │") == 10
    assert "and 2 more jobs; `qnetsim sweep plan --json` has them all" in out
    assert max(map(len, out.splitlines())) <= 80


def test_a_job_that_always_fails_does_not_stop_the_others(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "mine.py").write_text(FAILING)
    written(place, SMALL.replace('"evf"', '"mine.py:Failing:level=1,label=failing"'))
    for kept in (0, 8):
        code, out, err = call(capsys, "sweep", "run", "study.toml", "--workers", "2")
        assert code == 4
        assert err.count("failed: run of failing") == 4
        assert "no luck today" in err
        assert "Traceback" not in err
        assert f"{8 - kept} jobs done" in out
    code, out, _ = call(capsys, "sweep", "status", "study.toml", "--json")
    status = json.loads(out)
    assert code == 4
    assert status["counts"]["run"] == {"complete": 4, "failed": 4}
    assert len(status["failures"]) == 4
    code, _, _ = call(capsys, "sweep", "collect", "study.toml")
    assert code == 4
    assert sorted(row["status"] for row in rows_of(Path("runs/study"))) == (
        ["complete"] * 4 + ["failed"] * 4
    )


def test_a_worker_that_is_killed_costs_nothing_but_time(tmp_path: Path) -> None:
    more = gated(tmp_path)
    process = start(tmp_path, "sweep", "run", "study.toml", "--workers", "2", **more)
    assert wait_until(lambda: len(entered(tmp_path)) == 2)
    before = entered(tmp_path)
    drafts = list((tmp_path / "runs" / "study" / "traces").glob(".*.part"))
    assert drafts  # the middle of a job: its trace has begun
    os.kill(min(before), signal.SIGKILL)
    assert wait_until(lambda: len(entered(tmp_path) - before) == 2)
    (tmp_path / "gate" / "open").touch()
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert "jobs done" in out
    complete_once(tmp_path / "runs" / "study")


@pytest.mark.slow
def test_a_client_that_is_killed_goes_on_when_started_again(tmp_path: Path) -> None:
    more = gated(tmp_path)
    process = start(tmp_path, "sweep", "run", "study.toml", "--workers", "2", **more)
    assert wait_until(lambda: len(entered(tmp_path)) == 2)
    workers = descendants(process.pid)
    process.kill()
    process.communicate(timeout=60)
    assert wait_until(lambda: not any(map(alive, workers)), 40)
    (tmp_path / "gate" / "open").touch()
    again = start(tmp_path, "sweep", "run", "study.toml", "--workers", "2", "--json", **more)
    out, err = again.communicate(timeout=120)
    assert again.returncode == 0, err
    found = json.loads(out)
    assert found["failed"] == 0
    assert found["done"] + found["kept"] == len(read_manifest(tmp_path / "runs" / "study").jobs)
    complete_once(tmp_path / "runs" / "study")


def test_what_is_on_the_disk_counts_though_nobody_told(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A group of jobs that is cut short tells of none of them."""
    from qnetsim import last_message
    from qnetsim.cli import sweep as command
    from qnetsim.studies.sweep.work import run_sweep

    def cut_short(*given: Any) -> None:
        run_sweep(*given)
        last_message.note_command("the same command goes on")
        raise QnetsimError("cut short")

    monkeypatch.setattr(command, "run_sweep", cut_short)
    code, _, _ = call(capsys, "sweep", "run", "study.toml", "--workers", "1")
    assert code != 0
    assert len(last_message._command.standing) == 8


def test_ctrl_c_says_what_stands_and_how_to_go_on(tmp_path: Path) -> None:
    more = gated(tmp_path)
    process = start(tmp_path, "sweep", "run", "study.toml", "--workers", "2", **more)
    assert wait_until(lambda: len(entered(tmp_path)) == 2)
    process.send_signal(signal.SIGINT)
    (tmp_path / "gate" / "open").touch()
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "of 4 traces complete" in err
    assert "the same command goes on" in err
    assert not any(ugly in err for ugly in UGLY)
    left = list((tmp_path / "runs" / "study" / "traces").glob(".*.part"))
    assert not left


def test_impatient_signals_leave_no_semaphore(tmp_path: Path) -> None:
    more = gated(tmp_path)
    process = start(tmp_path, "sweep", "run", "study.toml", "--workers", "2", **more)
    assert wait_until(lambda: len(entered(tmp_path)) == 2)
    for _ in range(2):
        process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
    (tmp_path / "gate" / "open").touch()
    _, err = process.communicate(timeout=120)
    assert process.returncode == 128 + signal.SIGTERM
    assert "the same command goes on" in err
    assert "leaked" not in err


def test_two_runs_of_one_sweep_do_not_do_it_twice(tmp_path: Path) -> None:
    more = gated(tmp_path)
    process = start(tmp_path, "sweep", "run", "study.toml", "--workers", "1", **more)
    assert wait_until(lambda: len(entered(tmp_path)) == 1)
    other = start(tmp_path, "sweep", "run", "study.toml", "--workers", "1", **more)
    _, err = other.communicate(timeout=120)
    assert other.returncode == 3
    assert "another run works this sweep off" in err
    (tmp_path / "gate" / "open").touch()
    process.communicate(timeout=120)
    assert process.returncode == 0


def test_shards_do_the_same_as_one_run(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data(capsys, "sweep", "run", "study.toml", "--folder", "whole", "--workers", "1")
    code, _, err = call(capsys, "sweep", "run", "study.toml", "--folder", "parts", "--shard", "1/2")
    assert code == 2
    assert "`qnetsim sweep plan study.toml` writes one" in err
    data(capsys, "sweep", "plan", "study.toml", "--folder", "parts", "--no-estimate")
    for shard in ("1/2", "2/2"):
        found = data(capsys, "sweep", "run", "parts", "--shard", shard, "--workers", "1")
        assert found["failed"] == 0
    for folder in ("whole", "parts"):
        data(capsys, "sweep", "collect", folder)
        complete_once(Path(folder))
    assert rows_of(Path("whole")) == rows_of(Path("parts"))


def test_options_that_do_not_go_together_are_refused(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for extra, words in (
        (["--scheduler", "tcp://127.0.0.1:1", "--workers", "2"], "--scheduler has its own workers"),
        (["--shard", "3/2"], "write k/n"),
    ):
        code, _, err = call(capsys, "sweep", "run", "study.toml", *extra)
        assert code == 2
        assert words in err
    code, _, err = call(capsys, "sweep", "status", "study.toml")
    assert code == 2
    assert "`qnetsim sweep plan study.toml` writes one" in err
    code, _, err = call(capsys, "sweep", "status", ".", "--folder", "x")
    assert code == 2
    assert "--folder goes with a sweep file" in err


def test_a_table_with_gaps_says_so(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data(capsys, "sweep", "plan", "study.toml", "--no-estimate")
    code, out, err = call(capsys, "sweep", "collect", "study.toml")
    assert code == 4
    rows = int(out.rpartition("(")[2].split()[0])
    assert f"of {rows} rows {rows} missing; `qnetsim sweep status study.toml`" in err
    code, _, err = call(capsys, "sweep", "report", "study.toml")
    assert code == 4
    assert f"{rows} missing" in err


@pytest.mark.parametrize("line", [["status"], ["collect"], ["report"], ["run", "--shard", "1/2"]])
def test_what_is_no_sweep_is_not_sent_to_be_planned(
    place: Path, capsys: pytest.CaptureFixture[str], line: list[str]
) -> None:
    code, _, err = call(capsys, "sweep", line[0], "stdy.toml", *line[1:])
    assert code == 2
    assert "stdy.toml: no such sweep file" in err
    Path("empty").mkdir()
    code, _, err = call(capsys, "sweep", line[0], "empty", *line[1:])
    assert code == 2
    assert "empty: is no folder of a sweep" in err


@pytest.mark.slow
def test_the_slurm_script_runs_its_shard(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As SLURM would: with its variables, in the folder that it was submitted from."""
    data(capsys, "sweep", "plan", "study.toml", "--no-estimate")
    folder = place / "runs" / "study"
    qnetsim = place / "bin" / "qnetsim"
    qnetsim.parent.mkdir()
    qnetsim.write_text(f'#!/bin/sh\nexec {sys.executable} -m qnetsim "$@"\n')
    qnetsim.chmod(0o755)
    for task in ("1", "2"):
        slurm = {
            "SLURM_ARRAY_TASK_ID": task,
            "SLURM_ARRAY_TASK_COUNT": "2",
            "SLURM_CPUS_PER_TASK": "1",
            "SLURM_SUBMIT_DIR": str(folder),
            "PATH": f"{qnetsim.parent}:{os.environ['PATH']}",
        }
        done = subprocess.run(
            ["bash", str(folder / "sweep.sbatch")],
            cwd=folder,
            env={**ENVIRONMENT, **slurm},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
    complete_once(folder)
