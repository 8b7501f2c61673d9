from __future__ import annotations

import csv
import math
import re
from pathlib import Path

import numpy as np
import pytest

from qnetsim.analysis.metrics import run_metrics
from qnetsim.studies.sweep.collect import collect
from qnetsim.studies.sweep.estimate import estimate
from qnetsim.studies.sweep.job_records import write_record
from qnetsim.studies.sweep.job_states import SweepState, state_of
from qnetsim.studies.sweep.manifest import Cell
from qnetsim.studies.sweep.sweep_figures import factor_figure, panel_factor
from qnetsim.studies.sweep.sweep_page import page_text, write_page
from qnetsim.studies.sweep.sweep_results import SweepResults
from qnetsim.trace import open_trace
from qnetsim.vocabulary import BILL_COLUMNS
from tests.support.sweeps import FAILING, SMALL, done_here, planned

COLUMNS = (
    *("demand.requests", "policy", "replication", "cost_per_slot", "served", "blocked"),
    *(
        "on_demand_share",
        "warmup_slots",
        "at_start",
        "world_digest",
        "content_digest",
        "status",
        "job",
        "error",
    ),
)


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> SweepState:
    """A sweep of which one policy fails in every job."""
    folder = tmp_path_factory.mktemp("sweep")
    (folder / "mine.py").write_text(FAILING)
    policies = '"evf", "perfect", "mine.py:Failing:level=1,label=failing"'
    manifest, place = planned(folder, SMALL.replace('"evf"', policies))
    done_here(manifest, place)
    return state_of(manifest, place)


def test_the_table_has_a_row_for_each_point_policy_and_replication(swept: SweepState) -> None:
    columns = collect(swept)
    assert tuple(columns) == COLUMNS
    rows = list(zip(*columns.values(), strict=True))
    assert len(rows) == 2 * 4 * 2
    assert rows == sorted(rows, key=lambda row: row[0])
    named = [dict(zip(columns, row, strict=True)) for row in rows]
    for row in named:
        cell = Cell((5, 8).index(row["demand.requests"]), row["policy"], row["replication"])
        job = swept.manifest.runs[cell]
        assert row["job"] == job.digest
        if row["policy"] == "failing":
            assert row["status"] == "failed"
            assert "no luck today" in row["error"]
            assert row["cost_per_slot"] is None
            continue
        with open_trace(job.place(swept.folder)) as trace:
            run = run_metrics(trace)
        assert row["status"] == "complete"
        assert row["cost_per_slot"] == run.cost
        assert row["served"] == run.served_share
        assert row["on_demand_share"] == run.on_demand_share
        assert (row["world_digest"], row["content_digest"]) == (
            run.world_digest,
            run.content_digest,
        )
    worlds = {(r["demand.requests"], r["replication"]): set() for r in named}
    for row in named:
        if row["world_digest"]:
            worlds[row["demand.requests"], row["replication"]].add(row["world_digest"])
    assert all(len(found) == 1 for found in worlds.values())


def test_states_say_what_is_there(swept: SweepState, tmp_path: Path) -> None:
    assert not swept.whole
    assert swept.counts("run") == {"complete": 12, "failed": 4}
    assert len(swept.failures) == 4
    manifest, place = planned(tmp_path)
    fresh = state_of(manifest, place)
    assert fresh.counts("run") == {"missing": 8}
    assert fresh.counts("plan") == {"missing": 4}
    done_here(manifest, place)
    assert state_of(manifest, place).whole
    assert collect(fresh)["status"] == ["missing"] * 8


def test_the_best_policy_is_paired_with_the_next_and_bounds_stay_out(swept: SweepState) -> None:
    results = SweepResults.of(swept.manifest, collect(swept))
    assert results.bounds == {"perfect"}
    # the policy that fails leaves no replication that all have
    assert results.best() == []
    costs = results.costs.copy()
    failing = swept.manifest.policies.index("failing")
    costs[:, failing] = 2 * costs[:, 0] + [[0, 1], [0, 1]]
    best = SweepResults(swept.manifest, costs).best()
    assert [b.point for b in best] == [0, 1]
    for one in best:
        sip, evf = costs[one.point, 0], costs[one.point, 1]
        if one.runner_up == "evf":
            assert one.policy == "sip"
            assert one.saved is not None
            assert one.saved.estimate == pytest.approx((evf - sip).mean())
        assert one.cost == pytest.approx(min(sip.mean(), evf.mean()))


def test_the_page_shows_lines_intervals_regions_and_failures(swept: SweepState) -> None:
    page = page_text(swept, collect(swept))
    assert page.startswith("<!DOCTYPE html>")
    assert page.count("<svg") == 1
    assert "Cost per slot over demand.requests" in page
    assert "no luck today" in page
    assert "4 runs failed" in page
    assert "<script" not in page
    assert "run.warmup_slots" not in page
    assert page == page_text(swept, collect(swept))


@pytest.mark.parametrize(
    ("said", "cut", "told"),
    [
        ("", 0, "No slot is left out, though at the start key stores are empty: give"),
        ("set.run.warmup_slots = 7", 7, "left out at the start, as run.warmup_slots says: 7."),
    ],
)
def test_stores_that_begin_empty_are_told(tmp_path: Path, said: str, cut: int, told: str) -> None:
    """A sweep cuts what the scenario says alone, so that its page and table say what that is."""
    stores = "set.key_management.store_bits = 9000\nset.key_management.key_lifetime_slots = 5\n"
    text = SMALL.replace("[[factor]]", f"{said}\n{stores}[[factor]]").replace("[5, 8]", "[5]")
    manifest, place = planned(tmp_path, text)
    done_here(manifest, place)
    state = state_of(manifest, place)
    columns = collect(state)
    assert set(columns["warmup_slots"]) == {cut}
    assert set(columns["at_start"]) == {"key stores are empty"}
    assert told in page_text(state, columns)
    job = manifest.runs[Cell(0, "sip", 1)]
    with open_trace(job.place(state.folder)) as trace:
        cost = sum(trace.column(f"slots/{kind}")[cut:].mean() for kind in BILL_COLUMNS)
    assert columns["cost_per_slot"][1] == pytest.approx(cost)


def test_small_multiples_and_regions_of_two_factors(tmp_path: Path) -> None:
    text = SMALL + '[[factor]]\nkey = "cost.on_demand_multiplier"\nvalues = [0.5, 2.0]\n'
    manifest, place = planned(tmp_path, text)
    done_here(manifest, place)
    state = state_of(manifest, place)
    columns = collect(state)
    results = SweepResults.of(manifest, columns)
    assert panel_factor(results, 0) == 1
    assert panel_factor(results, 1) == 0
    page = page_text(state, columns)
    assert page.count("<svg") == 3
    assert "a panel for each value of cost.on_demand_multiplier" in page
    assert re.search(r"Cheapest is sip in [0-9]+", page)
    out = tmp_path / "page.html"
    write_page(out, state, columns)
    assert out.read_text("utf-8") == page


def test_a_mean_over_points_has_the_interval_of_its_replications(swept: SweepState) -> None:
    results = SweepResults.of(swept.manifest, collect(swept))
    mean = results.mean([0, 1], 0)
    assert mean is not None
    values = results.costs[:, 0].mean(axis=0)
    assert mean.estimate == pytest.approx(values.mean())
    assert mean.high is not None
    assert mean.high - mean.estimate == pytest.approx(
        12.7062047 * values.std(ddof=1) / math.sqrt(2), rel=1e-6
    )
    assert results.mean([0, 1], swept.manifest.policies.index("failing")) is None


def test_an_estimate_says_whether_it_was_measured_now_or_recorded(tmp_path: Path) -> None:
    manifest, place = planned(tmp_path)
    probed = estimate(state_of(manifest, place))
    assert probed.todo == {"plan": 4, "run": 8}
    assert (probed.recorded, probed.unknown) == (0, ())
    assert probed.source == "8 short runs made now"
    assert probed.cpu_s > 0
    assert not list((place).glob("traces/*"))
    agenda = done_here(manifest, place)
    size = sum(agenda.records[job.digest].size for job in manifest.jobs if job.kind == "run")
    assert probed.size == pytest.approx(size, rel=0.05)
    for job in manifest.jobs[-4:]:
        job.place(place).unlink()
        write_record(place, agenda.records[job.digest])
    again = estimate(state_of(manifest, place))
    assert again.todo == {"run": 4}
    assert again.source == "records of 12 finished jobs"
    assert again.cpu_s == pytest.approx(
        np.mean([agenda.records[j.digest].cpu_s for j in manifest.jobs if j.kind == "run"]) * 4,
        rel=0.5,
    )


def test_what_nothing_is_known_of_is_named(tmp_path: Path) -> None:
    text = 'train = ["fedsac"]' + SMALL.replace('"evf"', '"fedsac"')
    manifest, place = planned(tmp_path, text)
    found = estimate(state_of(manifest, place))
    assert set(found.unknown) == {"train fedsac", "run fedsac"}


def test_the_table_as_csv_reads_back(swept: SweepState, tmp_path: Path) -> None:
    from qnetsim.trace.files.tidy_table import write_table

    columns = collect(swept)
    path = write_table(tmp_path / "table.csv", columns)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(r["cost_per_slot"]) for r in rows if r["cost_per_slot"]] == [
        c for c in columns["cost_per_slot"] if c is not None
    ]


def test_panels_that_are_left_over_are_not_shown(tmp_path: Path) -> None:
    """Four values of the other factor fill four places of a grid of six."""
    other = '[[factor]]\nkey = "cost.on_demand_multiplier"\nvalues = [0.5, 1.0, 1.5, 2.0]\n'
    manifest, _ = planned(tmp_path, SMALL + other)
    shape = (len(manifest.values), len(manifest.policies), manifest.replications)
    results = SweepResults(manifest, np.arange(1.0, 1.0 + math.prod(shape)).reshape(shape))
    shown = [axes.get_visible() for axes in factor_figure(results, 0).axes]
    assert shown == [True] * 4 + [False] * 2
