from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from qnetsim.case import load
from qnetsim.errors import TraceFormatError, UsageError
from qnetsim.studies.sweep.job_list import manifest_of, plan_digest
from qnetsim.studies.sweep.manifest import NAME, Cell, Manifest, SweepJob
from qnetsim.studies.sweep.manifest_file import read_manifest
from qnetsim.studies.sweep.shards import Shard, read_shard, runs_of
from qnetsim.studies.sweep.sweep_file import load_sweep
from qnetsim.studies.sweep.work import plan_sweep
from tests.support.sweeps import SMALL, planned, written


def jobs_of(folder: Path, text: str) -> Manifest:
    return manifest_of(load_sweep(written(folder, text)))


def test_a_plan_is_made_once_for_all_replications(tmp_path: Path) -> None:
    manifest = jobs_of(tmp_path, SMALL)
    assert Counter(job.kind for job in manifest.jobs) == {"plan": 4, "run": 8}
    for job in manifest.jobs:
        if job.kind == "run":
            plan = manifest.by_digest[job.plan]
            assert (plan.kind, plan.title, plan.points) == ("plan", job.title, job.points)


def test_a_plan_that_one_run_needs_is_no_job(tmp_path: Path) -> None:
    manifest = jobs_of(tmp_path, SMALL.replace("replications = 2", "replications = 1"))
    assert {job.kind for job in manifest.jobs} == {"run"}
    assert not any(job.plan for job in manifest.jobs)


def test_a_run_is_the_same_job_whoever_makes_its_plan(tmp_path: Path) -> None:
    """So more replications later keep those that are done."""
    one, two = (
        {job.digest for job in jobs_of(tmp_path, text).jobs if job.kind == "run"}
        for text in (SMALL.replace("replications = 2", "replications = 1"), SMALL)
    )
    assert one < two


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("key_management.store_bits", (10, 20)),
        ("faults.fibre_mtbf_s", (1e5, 2e5)),
    ],
)
def test_points_that_plans_do_not_depend_on_share_them(key: str, values: tuple) -> None:
    base = load("nsfnet")
    more = {"faults.fibre_mttr_s": 10.0} if key.startswith("faults") else {}
    digests = {plan_digest(base.with_changes({key: value, **more})) for value in values}
    assert len(digests) == 1
    assert plan_digest(base) not in digests  # its note does not speak of stores or failures


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("run.seed", 2),
        ("run.slots", 30),
        ("demand.requests", 7),
        ("cost.on_demand_multiplier", 2.0),
        ("planning.gap", 0.1),
        ("network.qkd_wavelengths", 900),
    ],
)
def test_points_that_plans_depend_on_do_not(key: str, value: object) -> None:
    base = load("nsfnet")
    assert plan_digest(base) != plan_digest(base.with_changes({key: value}))


def test_an_option_of_one_policy_leaves_the_jobs_of_the_others_alone(tmp_path: Path) -> None:
    text = SMALL.replace('"evf"', '"level:level=1,label=level"') + (
        '[[factor]]\nkey = "policy.level.level"\nvalues = [2, 3]\n'
    )
    manifest = jobs_of(tmp_path, text)
    of_sip = [job for job in manifest.jobs if job.kind == "run" and job.title == "sip"]
    assert len(of_sip) == 4
    assert {job.points for job in of_sip} == {(0, 1), (2, 3)}
    assert manifest.runs[Cell(0, "sip", 1)] is manifest.runs[Cell(1, "sip", 1)]
    assert manifest.runs[Cell(0, "level", 1)] != manifest.runs[Cell(1, "level", 1)]


def test_seeds_are_paired_across_the_points(tmp_path: Path) -> None:
    """A factor that the world does not depend on leaves the world as it is."""
    text = SMALL.replace("demand.requests", "cost.on_demand_multiplier")
    text = text.replace("[5, 8]", "[1.0, 2.0]").replace(
        "slots = 20", "slots = 20\nset.run.seed = 7"
    )
    study = load_sweep(written(tmp_path, text))
    assert {point.scenario.run.seed for point in study.points} == {7}


def test_trainings_are_jobs_that_their_runs_need(tmp_path: Path) -> None:
    text = SMALL.replace('"evf"', '"fedsac"').replace(
        "replications", 'train = ["fedsac"]\nreplications'
    )
    manifest = jobs_of(tmp_path, text)
    trainings = [job for job in manifest.jobs if job.kind == "train"]
    assert len(trainings) == 2
    for job in manifest.jobs:
        if job.kind == "run" and job.title == "fedsac":
            assert job.needs == tuple(t.digest for t in trainings if t.points == job.points)


def test_how_policies_are_trained_is_part_of_their_jobs(tmp_path: Path) -> None:
    text = SMALL.replace('"evf"', '"fedsac"').replace(
        "replications", 'train = ["fedsac"]\nreplications'
    )

    def digests(training: str) -> list[str]:
        jobs = jobs_of(tmp_path, f"{text}\n{training}").jobs
        return [job.digest for job in jobs if job.kind == "train" or job.title == "fedsac"]

    plain = digests("")
    # a default that is said changes nothing
    assert digests("[training]\nworlds = 1\n") == plain
    assert not set(digests("[training]\nworlds = 2\n")) & set(plain)


def test_the_manifest_is_read_as_it_was_written(tmp_path: Path) -> None:
    manifest, place = planned(tmp_path)
    assert read_manifest(place) == manifest
    lines = (place / NAME).read_text().splitlines()
    assert len(lines) == 1 + len(manifest.jobs)
    assert all(SweepJob.of_line(line).line() == line for line in lines[1:])


@pytest.mark.parametrize("change", ["replication", "garbage", "head", "empty"])
def test_a_manifest_that_was_changed_is_refused_with_its_line(tmp_path: Path, change: str) -> None:
    _, place = planned(tmp_path)
    path = place / NAME
    lines = path.read_text().splitlines()
    number = 7
    if change == "replication":
        lines[6] = lines[6].replace('"replication":0', '"replication":5')
    elif change == "garbage":
        lines[6] = lines[6][:40]
    else:
        number = 1
        lines = ["{}"] if change == "head" else []
    path.write_text("\n".join(lines))
    with pytest.raises(TraceFormatError, match=rf"{NAME}:{number}: is no line of a manifest"):
        read_manifest(place)


@pytest.mark.parametrize("change", ["values", "points", "changes"])
def test_what_no_job_digest_covers_is_covered_by_that_of_the_manifest(
    tmp_path: Path, change: str
) -> None:
    _, place = planned(tmp_path)
    path = place / NAME
    text = path.read_text()
    before, after = {
        "values": ('"values": [[5], [8]]', '"values": [[999], [8]]'),
        "points": ('"points":[1]', '"points":[1,0]'),
        "changes": ('"demand.requests":8', '"demand.requests":9'),
    }[change]
    assert before in text
    path.write_text(text.replace(before, after))
    with pytest.raises(TraceFormatError, match="not what its digest says"):
        read_manifest(place)


def test_a_job_has_one_line(tmp_path: Path) -> None:
    _, place = planned(tmp_path)
    path = place / NAME
    text = path.read_text()
    count = len(text.splitlines())
    path.write_text(text + text.splitlines()[-1] + "\n")
    with pytest.raises(TraceFormatError, match=rf"{NAME}:{count + 1}: .*has a line already"):
        read_manifest(place)


def test_a_manifest_that_stays_the_same_keeps_its_time(tmp_path: Path) -> None:
    """By it Snakemake knows whether anything is new."""
    _, place = planned(tmp_path)
    before = (place / NAME).stat().st_mtime_ns
    planned(tmp_path)
    assert (place / NAME).stat().st_mtime_ns == before
    planned(tmp_path, SMALL.replace("[5, 8]", "[5, 8, 9]"))
    assert (place / NAME).stat().st_mtime_ns != before


@pytest.mark.parametrize(
    ("number", "what"), [(1, "there is no job [0-9a-f]+, which"), (-1, "there is no job for Cell")]
)
def test_a_manifest_that_lacks_a_job_is_refused(tmp_path: Path, number: int, what: str) -> None:
    _, place = planned(tmp_path)
    lines = (place / NAME).read_text().splitlines()
    del lines[number]
    (place / NAME).write_text("\n".join(lines))
    with pytest.raises(TraceFormatError, match=what):
        read_manifest(place)


def test_a_digest_does_not_depend_on_where_files_are(tmp_path: Path) -> None:
    job = jobs_of(tmp_path, SMALL).jobs[-1]
    source = {"place": "/here/my.py", "class_name": "Mine", "sha256": "0" * 64}
    mine = replace(job, policy={**job.policy, "source": source}, scenario="/here/x.toml")
    moved = replace(mine, policy={**job.policy, "source": {**source, "place": "/there/my.py"}})
    assert mine.digest == replace(moved, scenario="/there/x.toml").digest != job.digest


def test_the_folder_of_another_sweep_is_refused(tmp_path: Path) -> None:
    _, place = planned(tmp_path)
    with pytest.raises(UsageError, match=r"is the folder of .*study\.toml"):
        plan_sweep(written(tmp_path, SMALL, "other.toml"), place)


def test_a_file_that_is_no_manifest_stays(tmp_path: Path) -> None:
    place = tmp_path / "out"
    place.mkdir()
    (place / NAME).write_text("mine")
    with pytest.raises(TraceFormatError):
        planned(tmp_path)
    assert (place / NAME).read_text() == "mine"


def test_scripts_of_the_user_stay(tmp_path: Path) -> None:
    _, place = planned(tmp_path)
    assert "--shard" in (place / "Snakefile").read_text()
    (place / "sweep.sbatch").write_text("mine")
    planned(tmp_path)
    assert (place / "sweep.sbatch").read_text() == "mine"


@pytest.mark.parametrize("total", [1, 2, 3, 5])
def test_shards_share_all_runs_and_keep_worlds_whole(tmp_path: Path, total: int) -> None:
    manifest = jobs_of(tmp_path, SMALL)
    parts = [runs_of(manifest, Shard(k, total)) for k in range(1, total + 1)]
    assert Counter(j.digest for part in parts for j in part) == Counter(
        j.digest for j in runs_of(manifest)
    )
    worlds = [{(j.scenario_digest, j.replication) for j in part} for part in parts]
    assert sum(map(len, worlds)) == len(set().union(*worlds)) == 4


def test_with_stopping_a_shard_has_whole_points(tmp_path: Path) -> None:
    manifest = jobs_of(tmp_path, SMALL + "[stopping]\nhalf_width = 0.01\nblock = 2\n")
    parts = [runs_of(manifest, Shard(k, 2)) for k in (1, 2)]
    assert [{p for j in part for p in j.points} for part in parts] == [{0}, {1}]


@pytest.mark.parametrize("text", ["", "3", "0/4", "5/4", "1/0", "a/b", "1/2/3", "-1/2", "1/²"])
def test_a_shard_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="write k/n"):
        read_shard(text)
