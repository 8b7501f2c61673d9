from __future__ import annotations

import shutil
import threading
from dataclasses import replace
from pathlib import Path

import h5py
import pytest

from qnetsim.case import load
from qnetsim.case.open_case import open_case
from qnetsim.errors import TraceError
from qnetsim.policies.learned.weights import read_weights
from qnetsim.runs.simulate import simulate
from qnetsim.studies.sweep import job_cases, jobs
from qnetsim.studies.sweep.collect import collect
from qnetsim.studies.sweep.job_records import read_record, record_place, write_record
from qnetsim.studies.sweep.job_states import state_of
from qnetsim.studies.sweep.jobs import do_jobs
from qnetsim.studies.sweep.manifest import Cell, Manifest, SweepJob
from qnetsim.studies.sweep.soundness import check_result
from qnetsim.studies.sweep.work import clear_drafts
from qnetsim.trace import open_trace
from tests.support.sweeps import FAILING, SMALL, done_here, planned


@pytest.fixture(autouse=True)
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that another test made is taken from memory."""
    monkeypatch.setattr(job_cases, "_cases", job_cases.Recent(4))
    for name, most in (("_worlds", 1), ("_plans", 32)):
        monkeypatch.setattr(jobs, name, job_cases.Recent(most))


def digests(manifest: Manifest, place: Path) -> dict[str, str]:
    found = {}
    for job in manifest.jobs:
        if job.kind == "run":
            with open_trace(job.place(place)) as trace:
                found[job.digest] = trace.content_digest()
    return found


def test_a_run_of_a_sweep_is_the_run_of_its_command(tmp_path: Path) -> None:
    """By a plan from a file, in a world that was kept, and without either."""
    manifest, place = planned(tmp_path)
    agenda = done_here(manifest, place)
    assert {record.status for record in agenda.records.values()} == {"complete"}
    assert len(agenda.records) == 12
    scenario = load("nsfnet", changes={("run", "slots"): 20, ("demand", "requests"): 8})
    for job in manifest.jobs:
        if job.kind == "run" and job.points == (1,):
            alone = simulate(
                scenario, job.title, tmp_path / f"{job.digest}.h5", replication=job.replication
            )
            with open_trace(alone) as one, open_trace(job.place(place)) as other:
                assert one.content_digest() == other.content_digest()
                assert one.attribute("world_digest") == other.attribute("world_digest")
                assert one.provenance["plan"]["note"] == other.provenance["plan"]["note"]


def test_the_second_run_in_a_world_does_not_draw_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from qnetsim.world.realisation import Levels

    manifest, place = planned(tmp_path)
    drawn = []
    draw = Levels.draw
    monkeypatch.setattr(Levels, "draw", lambda *a: drawn.append(a) or draw(*a))
    done_here(manifest, place)
    assert len(drawn) == 4  # two points, two replications; two policies each


def test_what_is_done_is_kept_without_reading_it_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest, place = planned(tmp_path)
    done_here(manifest, place)
    before = {job.digest: job.place(place).stat().st_mtime_ns for job in manifest.jobs}
    monkeypatch.setattr(jobs, "simulate", None)
    again = done_here(manifest, place)
    assert all(record.kept for record in again.records.values())
    assert before == {job.digest: job.place(place).stat().st_mtime_ns for job in manifest.jobs}


def test_without_its_record_a_result_is_checked_by_its_contents(tmp_path: Path) -> None:
    manifest, place = planned(tmp_path)
    done_here(manifest, place)
    for job in manifest.jobs:
        record_place(place, job.digest).unlink()
    again = done_here(manifest, place)
    assert all(r.kept and r.status == "complete" for r in again.records.values())
    assert all(read_record(place, job.digest) for job in manifest.jobs)


@pytest.mark.parametrize("kind", ["run", "plan"])
@pytest.mark.parametrize("recorded", [True, False])
def test_a_damaged_result_fails_its_job_and_stays(
    tmp_path: Path, kind: str, recorded: bool
) -> None:
    manifest, place = planned(tmp_path)
    done_here(manifest, place)
    job = next(job for job in manifest.jobs if job.kind == kind)
    file = job.place(place)
    damaged = file.read_bytes()[:-300]
    file.write_bytes(damaged)
    if not recorded:
        record_place(place, job.digest).unlink()
    again = done_here(manifest, place)
    record = again.records[job.digest]
    assert record.status == "failed"
    assert str(file) in record.error
    assert "remove it, and run the sweep again" in record.error
    assert file.read_bytes() == damaged
    file.unlink()
    jobs._plans = job_cases.Recent(32)
    assert {r.status for r in done_here(manifest, place).records.values()} == {"complete"}


@pytest.mark.parametrize("by", ["policy", "replication", "scenario", "plan"])
@pytest.mark.parametrize("recorded", [True, False])
def test_the_result_of_another_job_fails_its_job(tmp_path: Path, by: str, recorded: bool) -> None:
    manifest, place = planned(tmp_path)
    done_here(manifest, place)
    cells = {"policy": (0, "evf", 0), "replication": (0, "sip", 1), "scenario": (1, "sip", 0)}
    if by == "plan":
        job, other = (j for j in manifest.jobs if j.kind == "plan" and j.points == (0,))
    else:
        job, other = (manifest.runs[Cell(*c)] for c in ((0, "sip", 0), cells[by]))
    shutil.copy(other.place(place), job.place(place))
    if not recorded:
        record_place(place, job.digest).unlink()
    state = state_of(manifest, place)
    assert list(state.damaged) == [job.digest]
    assert state.states[job.digest] == "failed"
    assert not state.whole
    record = done_here(manifest, place).records[job.digest]
    assert record.status == "failed"
    assert "another job" in record.error


def test_a_trace_that_was_changed_in_place_is_no_row(tmp_path: Path) -> None:
    manifest, place = planned(tmp_path)
    done_here(manifest, place)
    job = manifest.runs[Cell(0, "sip", 0)]
    with h5py.File(job.place(place), "r+") as file:
        file["slots/km_reserved_cost"][...] *= 2
    columns = collect(state_of(manifest, place))
    row = columns["job"].index(job.digest)
    assert columns["status"][row] == "failed"
    assert columns["cost_per_slot"][row] is None
    assert "was changed since its job ended" in columns["error"][row]
    assert columns["status"].count("complete") == 7


def test_an_error_of_many_lines_is_one_harmless_line(tmp_path: Path) -> None:
    mine = FAILING.replace('"no luck today"', r'"no luck\n\x1b[31mtoday\n" + "x" * 3_000_000')
    (tmp_path / "mine.py").write_text(mine)
    text = SMALL.replace('"evf"', '"mine.py:Failing:level=1,label=failing"')
    manifest, place = planned(tmp_path, text)
    done_here(manifest, place)
    errors = set(state_of(manifest, place).failures.values())
    assert errors
    for error in errors:
        assert r"no luck \x1b[31mtoday" in error
        assert len(error) <= 2000


def test_a_failure_is_recorded_and_leaves_no_file(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(FAILING)
    text = SMALL.replace('"evf"', '"mine.py:Failing:level=1,label=failing"')
    manifest, place = planned(tmp_path, text)
    agenda = done_here(manifest, place)
    failed = {d: r for d, r in agenda.records.items() if r.status == "failed"}
    assert {manifest.by_digest[digest].title for digest in failed} == {"failing"}
    assert len(failed) == 4
    for digest, record in failed.items():
        assert "no luck today" in record.error
        assert "mine.py" in record.error
        assert "Traceback" not in record.error
        assert read_record(place, digest) == record
    assert sum(r.status == "complete" for r in agenda.records.values()) == 12 - 4
    assert not list((place / "traces").glob(".*"))


def test_a_scenario_that_changed_since_fails_its_jobs(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        '[run]\nslots = 20\n[network]\ntopology = "nsfnet"\n[demand]\nrequests = 4\n'
    )
    manifest, place = planned(tmp_path, SMALL.replace("nsfnet", "mine.toml"))
    (tmp_path / "mine.toml").write_text(
        '[run]\nslots = 20\nseed = 2\n[network]\ntopology = "nsfnet"\n[demand]\nrequests = 4\n'
    )
    agenda = done_here(manifest, place)
    errors = {record.error for record in agenda.records.values()}
    assert all("the scenario has changed since the manifest was written" in e for e in errors)
    assert {record.status for record in agenda.records.values()} == {"failed"}


def test_code_that_changed_since_fails_its_jobs(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(FAILING.replace("raise ValueError", "print"))
    manifest, place = planned(tmp_path, SMALL.replace('"evf"', '"mine.py:Failing:level=1"'))
    (tmp_path / "mine.py").write_text(FAILING)
    agenda = done_here(manifest, place)
    errors = [r.error for r in agenda.records.values() if r.status == "failed"]
    assert errors
    assert all("has changed since it was first read" in error for error in errors)


def test_two_processes_make_a_plan_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second one waits for the first one's file."""
    manifest, place = planned(tmp_path)
    job = next(job for job in manifest.jobs if job.kind == "plan")
    begun, go_on = threading.Event(), threading.Event()
    made = []
    plan = jobs.planned

    def slowly(*given: object) -> object:
        made.append(given)
        begun.set()
        assert go_on.wait(60)
        return plan(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(jobs, "planned", slowly)
    found: list[object] = []
    target = place / "plans" / f"{job.digest}.h5"
    threads = [
        threading.Thread(target=lambda: found.append(jobs._made_once(target, place, job)))
        for _ in range(2)
    ]
    threads[0].start()
    assert begun.wait(60)
    threads[1].start()
    go_on.set()
    for thread in threads:
        thread.join(60)
    assert len(made) == 1
    assert len(found) == 2


def test_a_line_that_was_changed_is_not_done(tmp_path: Path) -> None:
    manifest, place = planned(tmp_path)
    line = manifest.jobs[-1].line().replace('"replication":1', '"replication":9')
    with pytest.raises(ValueError, match="not what its digest says"):
        do_jobs(str(place), [line])
    assert SweepJob.of_line(manifest.jobs[-1].line()) == manifest.jobs[-1]


def test_drafts_that_nobody_writes_are_removed(tmp_path: Path) -> None:
    from qnetsim.trace.hdf5.files import only_writer

    traces = tmp_path / "traces"
    traces.mkdir()
    names = [f".{'a' * 32}.00000000.part", f"..{'a' * 32}.00000001.part.{'0' * 16}.part"]
    names += [f".{'b' * 32}.00000000.part", ".mine.part", "mine.h5"]
    for name in names:
        (traces / name).touch()
    with only_writer(traces / names[2]):
        clear_drafts(tmp_path)
        left = {path.name for path in traces.iterdir()} - {f".{names[2]}.lock"}
    assert left == set(names[2:])


@pytest.mark.skipif("not __import__('qnetsim.extras').extras._is_there('torch')")
def test_a_training_is_a_job_whose_weights_the_runs_use(tmp_path: Path) -> None:
    (tmp_path / "learn.toml").write_text(
        '[run]\nslots = 12\n[network]\ntopology = "nsfnet"\n[demand]\nrequests = 10\n'
        "[learning]\nepochs = 1\nslots_per_epoch = 3\nupdates_per_epoch = 2\nbatch = 4\n"
        "hidden_units = 8\n"
    )
    text = 'scenario = "learn.toml"\npolicies = ["fedsac", "evf"]\ntrain = ["fedsac"]\n'
    text += "replications = 2\n[training]\nkeep_best = true\nworlds = 2\ntrain_seed = 5\n"
    manifest, place = planned(tmp_path, text)
    agenda = done_here(manifest, place)
    assert {r.error for r in agenda.records.values()} == {""}
    training = next(job for job in manifest.jobs if job.kind == "train")
    sha256 = agenda.records[training.digest].sha256
    weights = training.place(place)
    assert weights.with_suffix(".md").is_file()
    assert weights.with_suffix(".h5").is_file()
    assert not list(weights.parent.glob("*.state"))
    wanted = {"keep_best": True, "worlds": 2, "train_seed": 5}
    assert read_weights(weights).card["options"] == wanted
    for job in manifest.jobs:
        if job.kind == "run" and job.title == "fedsac":
            with open_trace(job.place(place)) as trace:
                assert trace.provenance["policy"]["weights_sha256"] == sha256
    assert all(r.kept for r in done_here(manifest, place).records.values())
    # without its record, weights are known by their card
    record_place(place, training.digest).unlink()
    assert state_of(manifest, place).whole
    other = replace(training, scenario_digest="0" * 64)
    shutil.copy(weights, other.place(place))
    with pytest.raises(TraceError, match="another job: scenario is"):
        check_result(place, other, None)
    other = replace(training, policy={**training.policy, "options": {"worlds": 2}})
    shutil.copy(weights, other.place(place))
    with pytest.raises(TraceError, match="another job: options is"):
        check_result(place, other, None)
    # a training that ended otherwise leaves runs that are not those of its weights
    record = agenda.records[training.digest]
    write_record(place, replace(record, sha256="0" * 64))
    columns = collect(state_of(manifest, place))
    told = dict(zip(columns["policy"], columns["status"], strict=True))
    assert told == {"fedsac": "failed", "evf": "complete"}


def test_a_case_of_a_job_has_no_policies_and_is_opened_once(tmp_path: Path) -> None:
    manifest, _ = planned(tmp_path)
    case = job_cases.case_of_job(manifest.jobs[0])
    assert case.scenario.policy == ()
    assert job_cases.case_of_job(manifest.jobs[0]) is case
    assert open_case(case.scenario).network.topology == case.network.topology
