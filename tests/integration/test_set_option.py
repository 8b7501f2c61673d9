"""`--set table.key=value` on the commands that take a scenario."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from qnetsim.trace import open_trace
from tests.support import ROOT
from tests.support.commands import call, data

TINY = str(ROOT / "scenarios" / "tiny.toml")


def test_values_take_the_place_of_those_in_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = Path(TINY).read_text().replace("key_rate_bps = 1000", "key_rate_bps = 2000")
    edited = tmp_path / "edited.toml"
    edited.write_text(text.replace("tiny.csv", str(ROOT / "scenarios" / "tiny.csv")))
    more = ("--set", "network.key_rate_bps=2000")
    for command in (("plan", "--no-information"), ("spacing",)):
        changed = data(capsys, command[0], TINY, *command[1:], *more)
        assert changed == data(capsys, command[0], str(edited), *command[1:]) | {
            key: changed[key] for key in ("solve_s",) if key in changed
        }
    digests = set()
    for name, scenario, extra in (("a.h5", TINY, more), ("b.h5", str(edited), ())):
        out = str(tmp_path / name)
        assert call(capsys, "run", scenario, "-p", "sip", "-o", out, *extra)[0] == 0
        with open_trace(out) as trace:
            digests.add((trace.content_digest(), trace.provenance["scenario_digest"]))
    assert len(digests) == 1


@pytest.mark.parametrize(
    "command",
    [
        ("run", TINY, "-p", "sip"),
        ("compare", TINY),
        ("plan", TINY),
        ("plan", TINY, "--sensitivity", "cost.on_demand_multiplier=1:2:2"),
        ("demand", TINY),
        ("fel", TINY),
        ("train", TINY, "-p", "fedsac"),
        ("spacing", TINY),
        ("rates", TINY),
        ("scenario", "check", TINY),
    ],
)
def test_every_command_checks_them_like_the_file(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = call(capsys, *command, "--set", "demand.levls=4")
    assert code == 2
    assert "tiny.toml with demand.levls = 4: demand.levls: unknown key; did you mean" in err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("demand=4", "write TABLE.KEY=VALUE"),
        ("demand.levels", "write TABLE.KEY=VALUE"),
        (".levels=4", "write TABLE.KEY=VALUE"),
        ("demand.levels=[4", "neither TOML nor plain text"),
        ("demand.levels=0", "with demand.levels = 0: demand.levels"),
        ("demand.levels=four", "with demand.levels = 'four': demand.levels"),
        ("policy.name=evf", "policy is a list: give the place of a table in it"),
        ("policy.9.name=evf", "policy has 4 entries"),
        ("run.seed.x=1", "run.seed.x: run.seed is"),
        ("nothing.x=1", "unknown key"),
        ("network.topology=none.csv", "none.csv"),
    ],
)
def test_wrong_values_are_said(text: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = call(capsys, "plan", TINY, "--set", text)
    assert code == 2
    assert said in err
    assert "Traceback" not in err


def test_values_are_toml_or_plain_text(capsys: pytest.CaptureFixture[str]) -> None:
    found = data(
        capsys,
        *("plan", TINY, "--no-information", "--set", "demand.probabilities=[0.1, 0.1, 0.8]"),
        *("--set", "planning.risk={cvar = 0.5, weight = 0.5}", "--set", "policy.0.label=first"),
        *("--policy", "first"),
    )
    assert found["policy"] == "first"
    assert found["cvar"] > 0
    twice = ("--set", "run.seed=1", "--set", "run.seed=2")
    code, _, err = call(capsys, "plan", TINY, *twice)
    assert code == 2
    assert "run.seed is given twice" in err


def test_they_go_with_a_scenario_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "t.h5")
    assert call(capsys, "run", TINY, "-p", "sip", "-o", out)[0] == 0
    code, _, err = call(capsys, "compare", out, "--set", "run.seed=2")
    assert code == 2
    assert "--set goes with a scenario" in err
    (tmp_path / "net.csv").write_text("source,target,length_km\na,b,100\n")
    code, _, err = call(capsys, "rates", str(tmp_path / "net.csv"), "--set", "run.seed=2")
    assert code == 2
    assert "net.csv is a topology here" in err


def test_a_name_of_both_is_a_scenario_where_keys_of_it_are_given(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, out, err = call(capsys, "rates", "nsfnet")
    assert (code, "model 'mdi_qkd'" in out) == (0, True)
    assert err.startswith("nsfnet is the topology here, with decoy-state MDI-QKD; the scenario")
    code, out, err = call(capsys, "rates", "nsfnet", "--set", "network.key_rate_bps=2345")
    assert (code, err, "model 'constant'" in out) == (0, "", True)
    assert "2,345" in out


def test_a_file_of_the_current_folder_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.csv").write_text("source,target,length_km\na,b,100\nb,c,900\n")
    found = data(capsys, "plan", "tiny", "--no-information", "--set", "network.topology=mine.csv")
    assert found["objective"] > data(capsys, "plan", "tiny", "--no-information")["objective"]


def test_demand_files_take_them_for_their_network(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = "".join(f"{slot},a,c,{900 * (slot % 3)}\n" for slot in range(8))
    demand = tmp_path / "d.csv"
    demand.write_text("slot,source,target,rate\n" + rows)
    out = str(tmp_path / "t.h5")
    command = ("replay", str(demand), "--scenario", TINY, "--rate-unit", "bps", "--slot-s", "1")
    code, shown, err = call(
        capsys, *command, "-p", "sip", "-o", out, "--set", "network.key_rate_bps=2000", "--json"
    )
    assert code == 0, err
    assert json.loads(shown)["schema"]
    with open_trace(out) as trace:
        assert trace.provenance["scenario"]["network"]["key_rate_bps"] == 2000


def test_an_output_of_the_wrong_kind_has_one_status(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("kept")
    inside = str(tmp_path / "file" / "x.h5")
    for command in (
        ("run", TINY, "-p", "sip", "-o", str(tmp_path)),
        ("run", TINY, "-p", "sip", "-o", inside),
        ("plan", TINY, "-o", inside),
        ("plan", TINY, "--model", str(tmp_path / "file" / "x.lp")),
        ("demand", TINY, "-o", inside),
        ("demand", TINY, "-o", inside.replace("h5", "csv")),
        ("compare", TINY, "-o", str(tmp_path / "file")),
        ("rates", "nsfnet", "-o", str(tmp_path)),
        ("reproduce", "fig4", "-o", str(tmp_path / "file")),
        ("run", TINY, "-p", "sip:", "-o", "x.h5"),
    ):
        code, _, err = call(capsys, *command)
        assert code == 2, (command, err)
        assert "Traceback" not in err
    assert (tmp_path / "file").read_text() == "kept"


def test_one_value_by_key_and_by_option_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "t.h5")
    given = ("--slots", "3", "--set", "run.slots=4")
    code, _, err = call(capsys, "run", TINY, "-p", "sip", "-o", out, *given)
    assert code == 2
    assert "run.slots is given twice: as --slots and as the key; give one of them" in err
