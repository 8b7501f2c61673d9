"""Demand of jobs through every command that can meet it."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from qnetsim.case import load, open_case
from qnetsim.trace import Trace
from tests.support import SCENARIOS
from tests.support.commands import call, data

FEL_ROUNDS = str(SCENARIOS / "fel-rounds.toml")
STORES = str(SCENARIOS / "fel-rounds-stores.toml")


def done(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    code, shown, err = call(capsys, *arguments)
    assert code == 0, err
    return shown


@pytest.mark.parametrize("path", [FEL_ROUNDS, STORES])
def test_a_run_is_verified_and_replayed(
    path: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trace, world, again = (str(tmp_path / f"{name}.h5") for name in ("run", "world", "again"))
    done(capsys, "run", path, "-p", "sip", "--slots", "60", "--out", trace)
    done(capsys, "verify", trace)
    done(capsys, "demand", path, "--slots", "60", "--replication", "0", "--out", world)
    done(capsys, "replay", world, "--policy", "sip", "--out", again)
    with Trace(Path(trace)) as one, Trace(Path(again)) as other:
        for digest in ("world_digest", "content_digest"):
            assert one.attribute(digest) == other.attribute(digest)
        assert one.column("world/levels").shape == (60, 91)
        # the law stands in a trace, who meets where and when does not
        assert set(one.provenance["scenario"]["jobs"]) >= {"count", "periods"}


def test_recorded_demand_of_jobs_is_a_recording(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    demand = tmp_path / "demand.csv"
    shown = ("--slots", "40", "--replication", "0", "--out", str(demand))
    done(capsys, "demand", FEL_ROUNDS, *shown)
    case = open_case(load(FEL_ROUNDS, slots=40, replications=1))
    levels = np.concatenate([chunk.levels for chunk in case.realisation(0).chunks()])
    rows = list(csv.DictReader(demand.read_text().splitlines()))
    assert sum(float(row["rate"]) for row in rows) == 1000 * levels.sum()
    out = tmp_path / "again.h5"
    unit = ("--rate-unit", "bps", "--slot-s", "1")
    done(
        capsys,
        "replay",
        str(demand),
        "--scenario",
        FEL_ROUNDS,
        "-p",
        "sip",
        *unit,
        "--out",
        str(out),
    )
    with Trace(out) as trace:
        found = trace.column("world/levels")
        assert "jobs" not in trace.provenance["scenario"]
    assert found.sum() == levels.sum()


def test_policies_are_compared_in_one_world_and_swept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    few = ("--slots", "30", "--replications", "2")
    policies = ("-p", "sip", "-p", "evf", "-p", "base-stock", "-p", "perfect")
    runs = ("--out", str(tmp_path / "runs"), "--no-report")
    done(capsys, "compare", FEL_ROUNDS, *few, *policies, *runs)
    traces = map(str, sorted((tmp_path / "runs").glob("*.h5")))
    done(capsys, "report", *traces, "--out", str(tmp_path / "report"), "--formats", "svg")
    assert "periods" in (tmp_path / "report" / "report.html").read_text("utf-8")
    sweep = tmp_path / "sweep.toml"
    sweep.write_text(
        f"scenario = {FEL_ROUNDS!r}\npolicies = ['base-stock']\nreplications = 2\n"
        "set.run.slots = 20\n[[factor]]\nkey = 'jobs.count'\nvalues = [5, 10]\n"
    )
    monkeypatch.chdir(tmp_path)
    done(capsys, "sweep", "run", "sweep.toml", "--workers", "1")
    done(capsys, "sweep", "collect", "sweep.toml")
    table = next((tmp_path / "runs" / "sweep").glob("*.csv"))
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert len(rows) == 4
    assert len({row["world_digest"] for row in rows}) == 4


def test_worlds_that_differ_in_their_jobs_are_not_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = []
    for name, changes in (("base-stock", ()), ("evf", ("--set", "jobs.delay=0.5"))):
        paths.append(str(tmp_path / f"{name}.h5"))
        done(
            capsys,
            "run",
            FEL_ROUNDS,
            "-p",
            name,
            "--slots",
            "20",
            *changes,
            "--out",
            paths[-1],
        )
    code, _, err = call(capsys, "compare", *paths)
    assert code != 0
    assert "jobs" in err and "delay" in err


def test_a_plan_says_what_it_leaves_out(capsys: pytest.CaptureFixture[str]) -> None:
    found = data(capsys, "plan", FEL_ROUNDS, "-p", "sip")
    assert "requests of a job" in found["note"]
    assert found["evpi"] > 0
