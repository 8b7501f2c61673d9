"""``qnetsim.sweep``: sweeps in any form, by any executor."""

from __future__ import annotations

import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import qnetsim
from tests.support.sweeps import FAILING, SMALL, written

TABLES: dict[str, Any] = tomllib.loads(SMALL)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_tables_file_and_folder_are_one_sweep_whoever_does_it(place: Path) -> None:
    by_tables = qnetsim.sweep(TABLES)
    ended: list[int] = []
    with ThreadPoolExecutor(2) as pool:
        written(place)
        by_file = qnetsim.sweep(
            "study.toml", "out", workers=2, executor=pool, progress=ended.append
        )
        assert pool.submit(len, "open").result() == 4
    assert sum(ended) == 12
    again = qnetsim.sweep("out")
    by_processes = qnetsim.sweep(TABLES, workers=2)
    table = by_tables.table()
    assert len(table) == 8
    assert set(table["status"]) == {"complete"}
    for other in (by_file, again, by_processes):
        assert other.table().equals(table)
        assert not other.failures
    assert repr(again) == "SweepResult(2 × 2 × 2 runs; 0 failed)"


def test_temporary_results_go_with_the_object(place: Path) -> None:
    result = qnetsim.sweep(TABLES)
    folder = result.folder
    assert (folder / "manifest.jsonl").is_file()
    del result
    assert not folder.exists()
    assert not list(place.iterdir())


def test_results_are_to_be_looked_at(place: Path) -> None:
    result = qnetsim.sweep(TABLES, "out")
    best = result.best()
    assert best["demand.requests"].tolist() == [5, 8]
    assert best["policy"].tolist() == ["sip", "sip"]
    means = result.table().groupby(["demand.requests", "policy"])["cost_per_slot"].mean()
    assert best["cost_per_slot"].tolist() == means[:, "sip"].tolist()
    figure = result.plot(out="cost.png")
    assert figure.axes[0].get_xlabel() == "demand.requests"
    assert Path("cost.png").stat().st_size > 0
    assert result.report("page.html").read_text("utf-8").startswith("<!DOCTYPE html>")
    assert "<table" in result._repr_html_()
    with pytest.raises(qnetsim.QnetsimError, match=r"factor='demand': allowed: demand\.requests"):
        result.plot("demand")
    before = Path("out/manifest.jsonl").read_bytes()
    with pytest.raises(qnetsim.QnetsimError, match="is read by this"):
        result.report("out/manifest.jsonl", force=True)
    assert Path("out/manifest.jsonl").read_bytes() == before


def test_a_job_that_fails_is_told_and_the_others_go_on(place: Path) -> None:
    Path("mine.py").write_text(FAILING)
    result = qnetsim.sweep(TABLES | {"policies": ["evf", "mine.py:Failing:level=1,label=own"]})
    assert len(result.failures) == 4
    assert all("no luck today" in text for text in result.failures.values())
    status = result.table().groupby("policy")["status"].unique()
    assert status["evf"].tolist() == ["complete"]
    assert status["own"].tolist() == ["failed"]
    # nothing to compare with
    assert result.best()["policy"].tolist() == []


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ({}, "scenario: missing"),
        (TABLES | {"polices": []}, "polices: unknown key; did you mean 'policies'?"),
        (
            TABLES | {"factor": [{"key": "demand.requests", "values": [4, -4]}]},
            r"factor\[0\]\.values\[1\]: .* greater than or equal to 1 \(got -4\)",
        ),
        (
            TABLES | {"factor": [{"key": "run", "values": [4]}]},
            r"factor\[0\]\.key: is not of the form that is allowed \(got 'run'\); allowed: TABLE",
        ),
        ("nowhere.toml", "nowhere.toml: no such sweep file"),
        (5, "source: give a path, not '5'"),
    ],
)
def test_what_is_no_sweep_is_refused(place: Path, source: Any, told: str) -> None:
    with pytest.raises(qnetsim.QnetsimError, match=told):
        qnetsim.sweep(source)


def test_wrong_arguments_are_refused(place: Path) -> None:
    qnetsim.sweep(TABLES, "out")
    with pytest.raises(qnetsim.QnetsimError, match="out goes with a sweep file; out is a folder"):
        qnetsim.sweep("out", "other")
    with pytest.raises(qnetsim.QnetsimError, match="executor: is of type int"):
        qnetsim.sweep(TABLES, executor=5)  # type: ignore[arg-type]
    with pytest.raises(qnetsim.QnetsimError, match="workers"):
        qnetsim.sweep(TABLES, workers=0)
    with pytest.raises(qnetsim.QnetsimError, match="progress: give something that can be called"):
        qnetsim.sweep(TABLES, progress=5)  # type: ignore[arg-type]
    closed = ThreadPoolExecutor(1)
    closed.shutdown()
    with pytest.raises(qnetsim.QnetsimError, match="executor: takes no jobs: cannot schedule"):
        qnetsim.sweep(TABLES, executor=closed)
