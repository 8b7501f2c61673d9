"""Every option and argument that takes a file, given what is none: one clear error at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

# torch takes longer to import than a wrong file may take
import qnetsim.learning.checkpoint  # noqa: F401
from qnetsim.case import load
from qnetsim.cli import COMMANDS, group
from qnetsim.runs.simulate import simulate
from tests.support import ROOT
from tests.support.bad_files import IRREGULAR, USELESS, pipe, time_limit
from tests.support.commands import call

SCENARIO = """
[run]
slots = 5
[network]
topology = "nsfnet"
[demand]
requests = 4
[[policy]]
name = "evf"
"""
TRACE = str(ROOT / "tests" / "formats" / "format-1.3.h5")
#: Parameters that name what is written, not read.
WRITTEN = {"out", "model", "figure", "folder", "log"}
#: What is needed beside the parameter that is tried, by command; ``BAD`` stands for the file.
BESIDE: dict[tuple[str, str], list[str]] = {
    ("bench check", "row"): ["BAD"],
    ("compare", "sources"): ["BAD"],
    ("demand record", "scenario"): ["BAD"],
    ("demand import", "file"): ["BAD", "--rate-unit", "bps"],
    ("diff", "one"): ["BAD", TRACE],
    ("diff", "other"): [TRACE, "BAD"],
    ("explain", "trace"): ["BAD", "--request", "0", "--slot", "0"],
    ("fel", "scenario"): ["BAD"],
    ("inspect", "trace"): ["BAD"],
    ("plan", "scenario"): ["BAD"],
    ("rates", "network"): ["BAD"],
    ("replay", "source"): ["BAD"],
    ("replay", "scenario"): [
        *("DEMAND", "--scenario", "BAD", "--rate-unit", "bps", "--slot-s", "1", "--policy", "evf"),
    ],
    ("report", "sources"): ["BAD"],
    ("run", "scenario"): ["BAD", "--policy", "evf"],
    ("run", "plan"): ["SCENARIO", "--plan", "BAD"],
    ("scenario check", "files"): ["BAD"],
    ("spacing", "scenario"): ["BAD"],
    ("sweep plan", "sweep"): ["BAD"],
    ("sweep run", "sweep"): ["BAD"],
    ("sweep status", "sweep"): ["BAD"],
    ("sweep collect", "sweep"): ["BAD"],
    ("sweep report", "sweep"): ["BAD"],
    ("topologies", "topology"): ["BAD.csv"],
    ("train", "scenario"): ["BAD", "--policy", "fedsac"],
    ("train", "from_traces"): ["nsfnet", "--policy", "fedsac", "--from-traces", "BAD"],
    ("verify", "trace"): ["BAD"],
    ("verify", "plan"): [TRACE, "--plan", "BAD"],
    ("verify", "topology"): [TRACE, "--topology", "BAD.csv"],
    ("compare", "key"): ["SCENARIO", "--sign", "BAD"],
    ("replay", "key"): [TRACE, "--policy", "evf", "--sign", "BAD"],
    ("run", "key"): ["SCENARIO", "--policy", "evf", "--sign", "BAD"],
    ("verify", "key"): [TRACE, "--key", "BAD"],
    ("verify", "weights"): [TRACE, "--weights", "BAD"],
    ("verify", "data"): [TRACE, "--data", "BAD"],
    ("verify", "demand"): ["RECORDED", "--demand", "BAD"],
}
#: Parameters without a type of path that may name a file all the same.
BY_NAME = {("rates", "network"), ("topologies", "topology"), ("demand import", "file")}
#: Files that are named in other files, or in a policy: what is to be written into which.
INSIDE = {
    "topology": ('topology = "nsfnet"', 'topology = "BAD.csv"'),
    "rate_table": (
        'topology = "nsfnet"',
        'topology = "nsfnet"\nkey_rate = "table"\nrate_table = "BAD"'
        "\nrate_table_pulse_rate_hz = 1e9",
    ),
    "recording": (
        "[demand]\nrequests = 4",
        '[recording]\nfile = "BAD"\nrate_unit = "bps"\nslot_s = 1.0',
    ),
    "means": ("requests = 4", 'means = "BAD"'),
    "gravity": ("requests = 4", 'gravity = {weights = "BAD", total_rate_bps = 1}'),
    "data": (
        "requests = 4",
        'requests = 4\n[[fel]]\ndata = "BAD.csv"\nlabel = "class"\nowner = "1"\nhead = "6"'
        '\nworkers = ["3"]',
    ),
    "weights": ('name = "evf"', 'name = "fedsac"\nmodel = "BAD.safetensors"'),
}


def leaves(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        context = click.Context(command)
        for part in command.list_commands(context):
            found = command.get_command(context, part)
            assert found is not None
            yield from leaves(found, f"{name} {part}".strip())
    else:
        yield name, command


def test_every_parameter_that_takes_a_file_is_tried() -> None:
    found = {
        (name, parameter.name)
        for name, command in leaves(group, "")
        for parameter in command.params
        if isinstance(parameter.type, click.Path) and parameter.name not in WRITTEN
    }
    assert found | BY_NAME == BESIDE.keys()
    assert {name.split()[0] for name, _ in BESIDE} < COMMANDS.keys()


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "demand.csv").write_text("slot,source,target,rate\n0,1,2,100\n1,1,2,100\n")
    (tmp_path / "ok.toml").write_text(SCENARIO)
    before, after = INSIDE["recording"]
    recorded = SCENARIO.replace(before, after).replace("slots = 5", "slots = 2")
    (tmp_path / "recorded.toml").write_text(recorded.replace("BAD", "demand.csv"))
    spec = load(tmp_path / "recorded.toml")
    simulate(spec, spec.policy[0], tmp_path / "recorded.h5")
    return {"DEMAND": "demand.csv", "SCENARIO": "ok.toml", "RECORDED": "recorded.h5"}


def refused(capsys: pytest.CaptureFixture[str], arguments: list[str], statuses: set[int]) -> str:
    with time_limit(60):  # a training sets out before it reads a state
        code, out, err = call(capsys, *arguments)
    assert code in statuses, (arguments, code, err)
    assert err.count("\n") <= 3, (arguments, err)
    assert "Traceback" not in err
    return out + err


@pytest.mark.parametrize("make", IRREGULAR + USELESS)
def test_wrong_files_are_refused(
    make: Callable[[Path], None],
    places: dict[str, str],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    for suffix in ("", ".csv"):
        make(tmp_path / f"bad{suffix}")
    # a file of other content is no trace: the command fails on it, as on any damaged one
    statuses = {2} if make in IRREGULAR else {2, 3}
    for (command, parameter), arguments in BESIDE.items():
        given = [places.get(a, a).replace("BAD", "bad") for a in arguments]
        said = refused(capsys, [*command.split(), *given], statuses)
        assert "bad" in said, (command, parameter, said)


@pytest.mark.parametrize("make", IRREGULAR + USELESS)
@pytest.mark.parametrize("key", INSIDE)
def test_wrong_files_inside_a_scenario_are_refused(
    make: Callable[[Path], None],
    key: str,
    places: dict[str, str],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    for suffix in ("", ".csv", ".safetensors"):
        make(tmp_path / f"bad{suffix}")
    before, after = INSIDE[key]
    assert before in SCENARIO
    (tmp_path / "s.toml").write_text(SCENARIO.replace(before, after.replace("BAD", "bad")))
    policy = "fedsac" if key == "weights" else "evf"
    err = refused(capsys, ["run", "s.toml", "--policy", policy, "--out", "t.h5"], {2})
    # the path of a device is that to which the link leads
    assert "bad" in err or "/dev/" in err


@pytest.mark.parametrize("make", IRREGULAR + USELESS)
def test_wrong_states_of_a_training_are_refused(
    make: Callable[[Path], None],
    places: dict[str, str],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    make(tmp_path / "w.state")
    line = ["train", "ok.toml", "--policy", "fedsac", "--out", "w.safetensors"]
    err = refused(capsys, line, {2})
    assert "w.state" in err


def test_traces_to_resume_are_plain_files(
    places: dict[str, str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    pipe(tmp_path / "t.h5")
    line = ["run", "ok.toml", "--policy", "evf", "--out", "t.h5", "--resume"]
    refused(capsys, line, {2})


def test_a_plan_in_place_of_a_trace_is_told_what_verifies_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call(capsys, "plan", "tiny", "-p", "evf", "--out", "evf.plan")[0] == 0
    code, _, err = call(capsys, "verify", "evf.plan")
    assert code == 3
    assert err == (
        "error: evf.plan: is a plan, not a qnetsim trace; a plan is verified with the trace of its "
        "run: verify TRACE, --plan evf.plan\n"
    )
