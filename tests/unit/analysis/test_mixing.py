"""Traces of one label that are not of one run of one setting are refused; parts are named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from shutil import copy
from typing import Any

import h5py
import pytest

from qnetsim.analysis import compare_traces
from qnetsim.analysis.report import write_report
from qnetsim.errors import MixedTracesError, PartialComparisonError, TraceError, UsageError
from qnetsim.runs.batch import run_policies
from qnetsim.runs.simulate import simulate
from qnetsim.scenario import PolicyTable
from qnetsim.trace.files.planned_traces import NAME, planned_traces, read_planned
from tests.support.commands import call, data
from tests.support.helpers import nsfnet

SPEC = nsfnet(run__slots="200", run__replications="4", demand__requests="20")
RANDOM = PolicyTable(name="random")
EVF = PolicyTable(name="evf")


def level(number: int) -> PolicyTable:
    return PolicyTable.model_validate({"name": "level", "label": "fixed", "level": number})


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("shared")
    run_policies(SPEC, [EVF, RANDOM], path)
    return path


@pytest.fixture
def folder(shared: Path, tmp_path: Path) -> Path:
    made = tmp_path / "traces"
    made.mkdir()
    for path in shared.iterdir():
        copy(path, made)
    return made


def traces(folder: Path, label: str = "") -> list[Path]:
    return sorted(folder.glob(f"{label}*.h5"))


def edit(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change what a trace says of its origin."""
    with h5py.File(path, "r+") as file:
        provenance = json.loads(file.attrs["provenance"])
        change(provenance)
        file.attrs["provenance"] = json.dumps(provenance)


def test_other_options_under_one_label_are_named(tmp_path: Path) -> None:
    paths = [tmp_path / f"{i}.h5" for i in range(2)]
    for i, path in enumerate(paths):
        simulate(SPEC, level(i + 1), path, replication=i)
    with pytest.raises(MixedTracesError) as caught:
        compare_traces(paths)
    text = str(caught.value)
    assert f"{paths[0]} and {paths[1]} both say 'fixed'" in text
    assert "policy.options.level is 1 in 0.h5 and 2 in 1.h5" in text


CHANGES: dict[str, Callable[[dict[str, Any]], None]] = {
    "policy.options": lambda p: p["policy"]["options"].update(level=3),
    "policy.weights_sha256": lambda p: p["policy"].update(weights_sha256="0" * 64),
    "policy.name": lambda p: p["policy"].update(name="sip"),
    "plan.objective": lambda p: p["plan"].update(objective=p["plan"]["objective"] + 1),
    "plan.solver": lambda p: p["plan"].update(solver="another one"),
    "plan.bound": lambda p: p["plan"].update(bound=0.0),
    "scenario.cost": lambda p: p["scenario"]["cost"].update(qkd_transmitter=1.0),
    "scenario.network.span_km": lambda p: p["scenario"]["network"].update(span_km=81.0),
    "scenario.key_management": lambda p: p["scenario"]["key_management"].update(store_bits=0.5),
    "software.version": lambda p: p["software"].update(version="0.0.9"),
    "seed": lambda p: p.update(seed=99),
    "counterfactual": lambda p: p.update(counterfactual={"from_slot": 5}),
}


@pytest.mark.parametrize("what", list(CHANGES))
def test_what_must_not_differ_within_a_label(what: str, folder: Path) -> None:
    edit(folder / "evf-r002.h5", CHANGES[what])
    with pytest.raises(MixedTracesError, match=what.replace(".", r"\.")) as caught:
        compare_traces(traces(folder))
    assert "evf-r000.h5" in str(caught.value)
    assert "evf-r002.h5" in str(caught.value)


def test_another_format_within_a_label_is_refused(folder: Path) -> None:
    with h5py.File(folder / "evf-r001.h5", "r+") as file:
        major, minor = file.attrs["version"]
        file.attrs["version"] = [major, minor - 1]
    with pytest.raises(MixedTracesError, match="the trace format is"):
        compare_traces(traces(folder))


ALLOWED: dict[str, Callable[[dict[str, Any]], None]] = {
    "wall clock": lambda p: p["plan"].update(solve_s=1e3),
    "machine": lambda p: p["environment"].update(machine="riscv64", python="3.99"),
    "packages": lambda p: p["software"]["packages"].update(numpy="9.9"),
    "more replications": lambda p: p["scenario"]["run"].update(replications=9),
}


@pytest.mark.parametrize("what", list(ALLOWED))
def test_what_may_differ_within_a_label(what: str, folder: Path) -> None:
    edit(folder / "evf-r002.h5", ALLOWED[what])
    compared = compare_traces(traces(folder))
    assert compared.replications == 4
    assert compared.warnings == ()


def test_other_versions_across_labels_are_a_warning(folder: Path) -> None:
    for path in traces(folder, "evf"):
        edit(path, CHANGES["software.version"])
    (warning,) = compare_traces(traces(folder)).warnings
    assert "different versions: 0.0.9 and" in warning


def test_a_whole_comparison_has_no_notes(folder: Path) -> None:
    compared = compare_traces(traces(folder))
    assert (compared.notes, compared.missing) == ((), ())
    assert set(read_planned(folder)) == {path.name for path in traces(folder)}


def test_picked_replications_are_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picked = [folder / f"{name}-r{r:03d}.h5" for name in ("evf", "random") for r in (0, 3)]
    note = "replications 0, 3 of 0 … 3 only"
    compared = compare_traces(picked)
    assert compared.notes == (note,)
    page = write_report(compared, folder / "report", formats=("svg",))
    assert note in page.read_text("utf-8")
    call_of = ["compare", *map(str, picked), "-o", str(folder / "a"), "--no-report"]
    status, out, _ = call(capsys, *call_of)
    assert status == 0
    assert f"note: {note}" in out
    found = data(capsys, *call_of, "--force")
    assert (found["notes"], found["replication_numbers"]) == ([note], [0, 3])
    assert (found["planned_replications"], found["partial"]) == (4, False)


def test_one_policy_alone_is_no_partial_comparison(folder: Path) -> None:
    assert compare_traces(traces(folder, "evf")).notes == ()


@pytest.mark.parametrize("command", ["compare", "report"])
def test_a_partial_folder_is_said_and_has_a_status_of_its_own(
    command: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for label in ("evf", "random"):
        (folder / f"{label}-r003.h5").unlink()
    said = f"partial: 6 of 8 traces in {folder}, missing evf-r003.h5, random-r003.h5"
    # pictures for print take long, and say nothing of it
    few = ("--formats", "svg") if command == "report" else ()
    line = (command, str(folder), "-o", str(folder / "out"), *few)
    status, out, _ = call(capsys, *line)
    assert status == 4
    assert f"note: {said}" in out
    assert "note: replications 0, 1, 2 of 0 … 3 only" in out
    assert said in (folder / "out" / "report.html").read_text("utf-8")
    status, out, _ = call(capsys, *line, "--force", "--json")
    assert status == 4
    assert json.loads(out)["partial"] is True


def test_a_partial_folder_that_is_not_paired_says_why(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "random-r003.h5").unlink()
    status, _, err = call(capsys, "report", str(folder), "-o", str(folder / "out"))
    assert status == 4
    assert f"partial: 7 of 8 traces in {folder}, missing random-r003.h5; " in err
    assert "not paired" in err


def test_an_unfinished_trace_among_them_is_said(folder: Path) -> None:
    with h5py.File(folder / "random-r003.h5", "r+") as file:
        file.attrs["status"] = "interrupted"
    with pytest.raises(PartialComparisonError) as caught:
        compare_traces(traces(folder))
    assert caught.value.exit_code == 4
    assert "7 of 8 traces" in str(caught.value)
    assert "cut short random-r003.h5 (200 slots)" in str(caught.value)
    # without the list it is one unfinished trace, as ever
    (folder / NAME).unlink()
    with pytest.raises(TraceError, match="completes it with resume=True") as plain:
        compare_traces(traces(folder))
    assert plain.value.exit_code == 3


def test_the_list_is_written_ahead_of_the_first_trace(tmp_path: Path) -> None:
    def stop(slots: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_policies(SPEC, [EVF, RANDOM], tmp_path, progress=stop)
    assert len(read_planned(tmp_path)) == 8
    with pytest.raises(PartialComparisonError, match="0 of 8 traces"):
        compare_traces(traces(tmp_path))


def test_the_list_of_a_second_comparison(tmp_path: Path) -> None:
    with planned_traces(tmp_path, ["a-r000.h5"], keep=True):
        pass
    with planned_traces(tmp_path, ["b-r000.h5"], keep=True):
        pass
    assert read_planned(tmp_path) == ("a-r000.h5", "b-r000.h5")
    with planned_traces(tmp_path, ["c-r000.h5"], keep=False):
        pass
    assert read_planned(tmp_path) == ("c-r000.h5",)


@pytest.mark.parametrize(
    "text", ["precious", "[]", "{}", '{"schema": "qnetsim.planned-traces/1", "traces": ["../x"]}']
)
def test_a_file_that_is_no_list_is_kept(text: str, tmp_path: Path) -> None:
    (tmp_path / NAME).write_text(text)
    with (
        pytest.raises(UsageError, match="is not the list of traces"),
        planned_traces(tmp_path, ["a.h5"], keep=False),
    ):
        pass
    assert (tmp_path / NAME).read_text() == text


def test_an_empty_folder_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with planned_traces(tmp_path, ["a.h5"], keep=True):
        pass
    status, _, err = call(capsys, "report", str(tmp_path))
    assert (status, err) == (
        4,
        f"error: {tmp_path}: holds no trace; partial: 0 of 1 trace is there\n",
    )
