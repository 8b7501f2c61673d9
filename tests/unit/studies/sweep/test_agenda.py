from __future__ import annotations

import html
from concurrent.futures import BrokenExecutor, Executor, Future
from pathlib import Path

import numpy as np
import pytest

from qnetsim.errors import TraceError
from qnetsim.studies.sweep import agenda as agenda_module
from qnetsim.studies.sweep.agenda import LOST_ALONE, LOST_TOGETHER, Agenda
from qnetsim.studies.sweep.executors import ExecutorCrew, work_off
from qnetsim.studies.sweep.job_records import JobRecord, read_record
from qnetsim.studies.sweep.job_states import state_of
from qnetsim.studies.sweep.manifest import Manifest, SweepJob
from qnetsim.studies.sweep.shards import runs_of
from qnetsim.studies.sweep.stopping import StoppingRule, look_at, read_looks
from qnetsim.studies.sweep.sweep_page import page_text
from qnetsim.studies.sweep.sweep_results import SweepResults
from qnetsim.studies.sweep.work import plan_sweep
from tests.support.sweeps import SMALL, planned, written

STOPPING = "[stopping]\nhalf_width = 0.02\nblock = 2\n"


def agenda_of(folder: Path, text: str = SMALL) -> tuple[Agenda, Manifest, Path]:
    manifest, place = planned(folder, text)
    return Agenda(manifest, place, runs_of(manifest)), manifest, place


def complete(jobs: tuple[SweepJob, ...]) -> list[JobRecord]:
    return [JobRecord(job.digest, "complete", size=1) for job in jobs]


def test_what_runs_need_goes_first_and_runs_of_a_world_go_together(tmp_path: Path) -> None:
    agenda, _, _ = agenda_of(tmp_path)
    order = []
    while unit := agenda.next_unit(idle=True, split=False):
        order.append(unit.jobs)
        agenda.done(complete(unit.jobs))
    done: set[str] = set()
    for jobs in order:
        assert all(need in done for job in jobs for need in job.needs)
        assert len({(job.scenario_digest, job.replication) for job in jobs}) == 1
        done |= {job.digest for job in jobs}
    assert len(done) == 12
    assert max(map(len, order)) == 2


def test_nothing_begins_before_its_plan_is_there(tmp_path: Path) -> None:
    agenda, _, _ = agenda_of(tmp_path)
    units = []
    while unit := agenda.next_unit(idle=False, split=True):
        units.append(unit)
    assert [unit.jobs[0].kind for unit in units] == ["plan"] * 4
    agenda.done(complete(units[0].jobs))
    unit = agenda.next_unit(idle=False, split=True)
    assert unit is not None
    assert unit.jobs[0].plan == units[0].jobs[0].digest


def test_runs_whose_plan_fails_fail_with_its_error(tmp_path: Path) -> None:
    agenda, manifest, place = agenda_of(tmp_path)
    unit = agenda.next_unit(idle=True, split=True)
    assert unit is not None
    agenda.done([JobRecord(unit.jobs[0].digest, "failed", "no way")])
    users = [job for job in manifest.jobs if job.plan == unit.jobs[0].digest]
    assert len(users) == 2
    for job in users:
        assert agenda.records[job.digest].error.endswith("failed: no way")
        assert read_record(place, job.digest) == agenda.records[job.digest]


class Falling(Executor):
    """An executor whose worker dies with certain jobs; all that are out at the time are lost."""

    def __init__(self, deadly: str, ends: int) -> None:
        self.deadly = deadly
        self.deaths_left = ends
        self.out: list[tuple[Future, tuple[str, ...]]] = []
        self.crowd: list[int] = []

    def submit(self, fn, /, folder, lines):  # type: ignore[no-untyped-def]
        future: Future = Future()
        self.out.append((future, lines))
        self.crowd.append(len(lines))
        deadly = any(self.deadly in line for line in lines)
        if deadly and self.deaths_left:
            self.deaths_left -= 1
            for lost, _ in self.out:
                if not lost.done():
                    lost.set_exception(BrokenExecutor("gone"))
            self.out.clear()
        elif len(self.out) == 2 or deadly:
            for done, given in self.out:
                jobs = tuple(SweepJob.of_line(line) for line in given)
                done.set_result(complete(jobs))
            self.out.clear()
        else:
            jobs = tuple(SweepJob.of_line(line) for line in lines)
            future.set_result(complete(jobs))
            self.out.clear()
        return future


class FallingCrew(ExecutorCrew):
    renewed = 0

    def renew(self) -> None:
        self.renewed += 1


@pytest.mark.parametrize("deaths", [1, 2, 3, 4])
def test_jobs_of_a_worker_that_died_are_done_again(
    tmp_path: Path, deaths: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qnetsim.studies.sweep.executors.LOOK_S", 0.0)
    agenda, manifest, place = agenda_of(tmp_path)
    victim = manifest.jobs[0].digest
    crew = FallingCrew(Falling(f'"job":"{victim}"', deaths), 2)
    work_off(agenda, place, crew)
    assert crew.renewed == deaths
    failed = {d: r.error for d, r in agenda.records.items() if r.status == "failed"}
    assert len(agenda.records) == 12
    if deaths < LOST_TOGETHER + LOST_ALONE:
        assert not failed
    else:
        # the job, and the two runs that need its plan
        assert len(failed) == 3
        assert "worker process died" in failed[victim]
        assert "4 times" in failed[victim]


def test_an_executor_of_the_callers_own_is_not_renewed(tmp_path: Path) -> None:
    agenda, manifest, place = agenda_of(tmp_path)
    with pytest.raises(TraceError, match="lost its workers"):
        work_off(agenda, place, ExecutorCrew(Falling(manifest.jobs[0].digest, 1), 2))


def test_a_look_pairs_by_replication_at_a_corrected_level() -> None:
    rule = StoppingRule(half_width=0.01, block=5, replications=18)
    assert rule.looks == 4
    assert rule.confidence == pytest.approx(1 - 0.05 / 4)
    assert [rule.upto(n) for n in range(1, 5)] == [5, 10, 15, 18]
    noise = np.array([1.0, 9.0, 4.0, 7.0, 2.0]) * 100
    costs = {"sip": 1000 + noise, "evf": 1050 + noise, "random": 1000 + noise[::-1]}
    looks = {look.policy: look for look in look_at(rule, 1, costs, "sip")}
    assert set(looks) == {"evf", "random"}
    # what both have in common is gone, and with it the width
    assert looks["evf"].difference == pytest.approx(50)
    assert looks["evf"].share == pytest.approx(0, abs=1e-12)
    assert looks["evf"].narrow
    assert not looks["random"].narrow
    from scipy import stats

    differences = costs["random"] - costs["sip"]
    low, high = stats.t.interval(
        1 - 0.05 / 4, 4, differences.mean(), differences.std(ddof=1) / np.sqrt(5)
    )
    assert (looks["random"].low, looks["random"].high) == pytest.approx((low, high))


def test_all_looks_together_hold_their_level() -> None:
    """Looking until the interval leaves zero out: with the corrected level, seldom by chance."""
    rule = StoppingRule(half_width=1e-9, block=4, replications=20)
    rng = np.random.Generator(np.random.Philox(5))
    plain = corrected = 0
    trials = 1500
    for _ in range(trials):
        differences = rng.standard_normal(20)
        hit = {"plain": False, "corrected": False}
        for number in range(1, rule.looks + 1):
            seen = differences[: rule.upto(number)]
            costs = {"a": np.full(seen.size, 10.0), "b": 10.0 + seen}
            (look,) = look_at(rule, number, costs, "a")
            hit["corrected"] |= not look.low <= 0 <= look.high
            half = (look.high - look.low) / 2
            from scipy.special import stdtrit

            narrower = half * stdtrit(seen.size - 1, 0.975)
            narrower /= stdtrit(seen.size - 1, 0.5 + rule.confidence / 2)
            hit["plain"] |= abs(look.difference) > narrower
        plain += hit["plain"]
        corrected += hit["corrected"]
    assert corrected / trials <= 0.05
    assert plain / trials > 0.08


def worked_off(
    folder: Path, monkeypatch: pytest.MonkeyPatch, spread: dict[int, float]
) -> tuple[Agenda, Manifest, Path]:
    """A sweep with stopping whose costs are made up: point by point as spread as is said."""
    text = SMALL.replace("replications = 2", "replications = 7") + STOPPING
    manifest, place = planned(folder, text)

    def cost(self, cell):  # type: ignore[no-untyped-def]
        base = 1000.0 + 10 * cell.replication
        if cell.policy == "sip":
            return base
        return base + 100 + spread[cell.point] * (-1) ** cell.replication

    monkeypatch.setattr(agenda_module._Blocks, "_cost", cost)
    agenda = Agenda(manifest, place, runs_of(manifest))
    while unit := agenda.next_unit(idle=True, split=False):
        agenda.done(complete(unit.jobs))
    return agenda, manifest, place


def test_replications_end_once_the_intervals_are_narrow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agenda, manifest, place = worked_off(tmp_path, monkeypatch, {0: 0.0, 1: 400.0})
    runs = [manifest.by_digest[d] for d in agenda.records if manifest.by_digest[d].kind == "run"]
    assert {p: len({j.replication for j in runs if p in j.points}) for p in (0, 1)} == {0: 2, 1: 7}
    looks = {point: read_looks(place, point, manifest.looks_digest(point)) for point in (0, 1)}
    assert [look.replications for look in looks[0]] == [2]
    assert [look.replications for look in looks[1]] == [2, 4, 6, 7]
    assert [look.narrow for look in looks[1]] == [False] * 4
    assert {look.confidence for look in looks[1]} == {1 - 0.05 / 4}
    state = state_of(manifest, place)
    assert state.counts("run")["stopped"] == 2 * 5


@pytest.mark.parametrize("change", ["rule", "replications", "point", "jobs", "looks"])
def test_looks_of_something_else_count_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    _, manifest, place = worked_off(tmp_path, monkeypatch, {0: 0.0, 1: 400.0})
    assert state_of(manifest, place).counts("run")["stopped"] == 10
    text = (tmp_path / "study.toml").read_text()
    for name, before, after in (
        ("rule", "half_width = 0.02", "half_width = 0.0001"),
        ("replications", "replications = 7", "replications = 8"),
        ("point", "[5, 8]", "[4, 5, 8]"),
        ("jobs", "slots = 20", "slots = 30"),
    ):
        if name == change:
            text = text.replace(before, after)
    if change == "looks":
        looks = place / "looks" / "point-0.json"
        looks.write_text(looks.read_text().replace('"replications": 2', '"replications": 4'))
    again = plan_sweep(written(tmp_path, text), place)
    assert state_of(again, place).counts("run")["stopped"] == 0


def test_the_report_has_the_intervals_of_the_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a point that stopped by its looks, plain 95 % would promise too much."""
    _, manifest, place = worked_off(tmp_path, monkeypatch, {0: 0.0, 1: 400.0})
    costs = np.full((2, 2, 7), 1000.0)
    costs[1, 1] += 100 + 400.0 * np.array([1, -1, 1, -1, 1, -1, 1])
    costs[0, :, 2:] = np.nan
    results = SweepResults(manifest, costs)
    assert results.confidence == 1 - 0.05 / 4
    *_, look = read_looks(place, 1, manifest.looks_digest(1))
    saved = results.best()[1].saved
    assert saved is not None
    assert (saved.low, saved.high) == pytest.approx((look.low, look.high))
    mean = results.mean([1], 1)
    assert mean is not None
    assert mean.high == pytest.approx(mean.estimate + (look.high - look.low) / 2)
    columns = {
        "cost_per_slot": [None if np.isnan(c) else c for c in costs.ravel()],
        "warmup_slots": [None if np.isnan(c) else 0 for c in costs.ravel()],
        "at_start": [None] * costs.size,
    }
    page = html.unescape(page_text(state_of(manifest, place), columns)).replace("\xa0", " ")
    assert page.count("95 % over all looks, 98.75 % each") == 2


def test_a_failure_ends_the_blocks_of_its_point(tmp_path: Path) -> None:
    text = SMALL.replace("replications = 2", "replications = 6") + STOPPING
    manifest, place = planned(tmp_path, text)
    agenda = Agenda(manifest, place, runs_of(manifest))
    while unit := agenda.next_unit(idle=True, split=False):
        agenda.done([JobRecord(job.digest, "failed", "no") for job in unit.jobs])
    assert not read_looks(place, 0, manifest.looks_digest(0))
    # two plans, and two runs of the first block that need them, in each point
    assert len(agenda.records) == 2 * (2 + 4)
