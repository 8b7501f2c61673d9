"""The commands, as a user meets them."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import qnetsim.cli.plan as commands_plan
from qnetsim.optimize import Plan
from qnetsim.policies import Policy, Setting, load_policy
from qnetsim.trace.files.planned_traces import traces_of
from tests.support import ROOT
from tests.support.commands import call, data

Planning = Callable[[Policy, Setting], Plan | None]
TINY = str(ROOT / "scenarios" / "tiny.toml")
NSFNET = str(ROOT / "scenarios" / "nsfnet.toml")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_plan_json(capsys: pytest.CaptureFixture[str]) -> None:
    plan = data(capsys, "plan", NSFNET, "--policy", "sip")
    assert plan["schema"] == "qnetsim.plan/1"
    keys = "objective bound gap status solver first_stage_cost second_stage_cost fibres"
    assert set(keys.split()) <= plan.keys()
    fibre = plan["fibres"][0]
    assert {"source", "target", "qkd_channels", "km_wavelengths"} <= fibre.keys()
    assert isinstance(fibre["qkd_channels"], int)
    assert plan["first_stage_cost"] + plan["second_stage_cost"] == pytest.approx(plan["objective"])
    for view in ("fibres", "requests"):
        total = sum(item["cost"] for item in plan[view])
        assert total == pytest.approx(plan["objective"], rel=1e-12)
    assert plan["evpi"] == pytest.approx(plan["objective"] - plan["perfect_information"])
    assert plan["vss"] == pytest.approx(plan["expected_value"] - plan["objective"])
    assert plan["evpi"] > 0 < plan["vss"]
    labels = [c["component"] for c in plan["components"]]
    assert labels == ["QT", "QR", "LKM", "SI", "MUX/DEMUX", "wavelength-km"]


def test_plan_prints_components_that_sum_up(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "plan", TINY)
    assert code == 0
    for word in ("QT", "MUX/DEMUX", "per fibre", "per request", "optimal", "a–b"):
        assert word in out
    # N = 1 and 2; level 1 is reserved for both requests: by hand in docs/tutorials/tiny.md
    assert "50,410.00" in out


def test_a_plan_is_shown_before_what_knowing_more_is_worth(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shown: list[str] = []

    def slow(*_: object) -> None:
        shown.append(capsys.readouterr().out)
        assert (tmp_path / "plan.h5").is_file()
        raise KeyboardInterrupt  # somebody who has seen enough

    monkeypatch.setattr(commands_plan, "information_values", slow)
    call(capsys, "plan", TINY, "--out", "plan.h5")
    assert "50,410.00" in shown[0]
    assert "per request" in shown[0]
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    code, out, _ = call(capsys, "plan", TINY)
    assert code == 0
    assert out.index("per request") < out.index("EVPI")
    assert out.index("EVPI") < out.index("VSS")


def test_information_is_worked_out_only_where_it_is_shown(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    full = data(capsys, "plan", TINY)
    made: list[str] = []
    for name in ("sip", "evf", "perfect", "level"):
        policy = load_policy(name)

        def counted(
            self: Policy, setting: Setting, name: str = name, plan: Planning = policy.plan
        ) -> Plan | None:
            made.append(name)
            return plan(self, setting)

        monkeypatch.setattr(policy, "plan", counted)
    bare = data(capsys, "plan", TINY, "--no-information")
    assert made == ["sip"]
    information = {"perfect_information", "expected_value", "evpi", "vss"}
    assert full.keys() - bare.keys() == information | {"wavelength_values", "wavelength_note"}
    assert full["wavelength_values"] == [] and "not limited" in full["wavelength_note"]
    assert bare["objective"] == full["objective"]
    code, out, _ = call(capsys, "plan", TINY, "--no-information")
    assert (code, "EVPI" in out) == (0, False)
    made.clear()
    data(capsys, "run", TINY, "--policy", "sip", "--out", "sip.h5")
    assert made == ["sip"]
    made.clear()
    data(capsys, "compare", TINY, "--policy", "sip", "--policy", "level:level=1", "--out", "both")
    assert made == ["sip", "level"]


def test_limits_of_the_search_are_options_of_plan(capsys: pytest.CaptureFixture[str]) -> None:
    plan = data(capsys, "plan", TINY, "--gap", "0.5", "--round-limit", "3", "--node-limit", "7")
    assert plan["status"] == "optimal"  # the closed form needs no search
    for option, value, allowed in (
        ("--gap", "2", "a number 1e-9 .. 1"),
        ("--round-limit", "0", "an integer >= 1"),
        ("--node-limit", "-1", "an integer >= 1"),
    ):
        code, _, err = call(capsys, "plan", TINY, option, value)
        assert (code, f"{allowed}" in err) == (2, True)


def test_run_inspect_and_compare(capsys: pytest.CaptureFixture[str]) -> None:
    first = data(capsys, "run", TINY, "--policy", "sip", "--out", "a/sip.h5")
    second = data(capsys, "run", TINY, "--policy", "level:level=2", "--out", "a/level.h5")
    assert first["world_digest"] == second["world_digest"]
    assert (first["served"], first["blocked"], first["slots"]) == (1.0, 0.0, 12)
    inspected = data(capsys, "inspect", "a/sip.h5")
    assert inspected["metrics"]["cost_per_slot"] == first["cost_per_slot"]
    code, out, _ = call(capsys, "inspect", "a/level.h5")
    assert code == 0
    assert "slots/on_demand_channels" in out
    compared = data(capsys, "compare", "a/sip.h5", "a/level.h5", "--out", "b")
    assert [p["name"] for p in compared["policies"]] == ["sip", "level-level2"]
    assert Path("b/report.html").exists()


def test_compare_json_and_table(capsys: pytest.CaptureFixture[str]) -> None:
    compared = data(capsys, "compare", TINY, "--out", "out")
    assert compared["schema"] == "qnetsim.compare/1"
    keys = "name cost_per_slot ratio ratio_low ratio_high served blocked on_demand_share trace"
    for policy in compared["policies"]:
        assert set(keys.split()) <= policy.keys()
        assert Path(policy["trace"]).is_file()
        assert len(policy["traces"]) == 10
    assert {"world_digest", "replications", "slots"} <= compared.keys()
    code, _, err = call(capsys, "compare", TINY, "--out", "out")
    assert (code, "--force" in err) == (2, True)
    code, out, _ = call(capsys, "compare", TINY, "--out", "out", "--force", "--policy", "evf")
    assert code == 0
    assert "ratio to evf" in out
    assert "world digest  " + compared["world_digest"] in out
    assert out.strip().endswith("report.html")


def test_lists(capsys: pytest.CaptureFixture[str]) -> None:
    names = [p["name"] for p in data(capsys, "policies")["policies"]]
    assert {"sip", "evf", "random", "perfect", "level", "empirical"} <= set(names)
    sizes = {t["name"]: t["fibres"] for t in data(capsys, "topologies")["topologies"]}
    assert sizes == {
        "nsfnet": 21,
        "usnet": 43,
        "nsfnet-22": 22,
        "cambridge-2019": 3,
        "madqci-2024": 9,
        "secoqc-2008": 8,
        "tokyo-2010": 6,
    }
    shown = data(capsys, "topologies", "nsfnet", "--span-km", "100")
    assert shown["fibres"][0] == {
        "source": "1",
        "target": "2",
        "length_km": 1100.0,
        "segments": 11,
    }
    for command in (["policies"], ["topologies"], ["topologies", "usnet"]):
        assert call(capsys, *command)[0] == 0


def test_scenario_check_and_schema(capsys: pytest.CaptureFixture[str]) -> None:
    Path("bad.toml").write_text('[network]\ntopology = "nsfnet"\nspan = 3\n')
    code, out, err = call(capsys, "scenario", "check", NSFNET, "bad.toml")
    assert code == 2
    assert out == f"{NSFNET}: ok\n"
    assert err.splitlines()[0].startswith("bad.toml:1: demand: neither requests nor pairs")
    assert "bad.toml:3: network.span: unknown key; did you mean 'span_km'?" in err
    code, out, _ = call(capsys, "scenario", "check", NSFNET, "bad.toml", "--json")
    assert code == 2
    assert [len(f["problems"]) for f in json.loads(out)["files"]] == [0, 2]
    code, out, _ = call(capsys, "scenario", "schema")
    schema = json.loads(out)
    assert schema["properties"]["run"]
    code, out, _ = call(capsys, "scenario", "schema", "--json")
    assert json.loads(out) == {"schema": "qnetsim.scenario-schema/1", "json_schema": schema}


def test_a_folder_is_read_in_the_order_of_its_comparison(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Not by the alphabet, in which the scenario's first policy would be the last."""
    run = ("compare", TINY, "-p", "sip", "-p", "evf", "-p", "empirical", "--slots", "5")
    call(capsys, *run, "--replications", "2", "--out", "c", "--no-report")
    call(capsys, "run", TINY, "-p", "deterministic:level=1,label=a", "--slots", "5", "-o", "c/a.h5")
    listed = [p.name for p in traces_of([Path("c")])]
    runs = [f"{name}-r00{r}.h5" for name in ("sip", "evf", "empirical") for r in (0, 1)]
    assert listed == [*runs, "a.h5"]
    Path("c/a.h5").unlink()
    assert call(capsys, "report", "c", "--out", "r", "--formats", "svg")[0] == 0
    page = Path("r/report.html").read_text("utf-8")
    rows = re.findall(r"<tr><td[^>]*>(\w+)", page.split("Cost per slot</caption>")[1])
    assert rows[:3] == ["sip", "evf", "empirical"]


FAILURES = [
    (["plan", "none.toml"], 2, "no such scenario"),
    (["run", TINY], 2, "--policy"),
    (["run", TINY, "--policy", "nobody"], 2, "unknown policy 'nobody'"),
    (["run", TINY, "--policy", "sip", "--slots", "0"], 2, "--slots 0"),
    (["run", TINY, "--policy", "sip", "--seed", "-1"], 2, "--seed -1"),
    (["run", TINY, "--policy", "sip", "--slots", "many"], 2, "'many' is not a valid integer"),
    (["inspect", "none.h5"], 2, "no such trace"),
    (["inspect", TINY], 3, "not an HDF5 file"),
    (["compare", TINY, NSFNET], 2, "one scenario"),
    (["compare", "a.h5", "--slots", "5"], 2, "goes with a scenario"),
    (["topologies", "atlantis"], 2, "is not a topology"),
    (["frobnicate"], 2, "No such command"),
    ([], 2, "Usage"),
]


@pytest.mark.parametrize(("arguments", "code", "word"), FAILURES)
def test_failures_are_one_clear_error(
    capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, word: str
) -> None:
    found, out, err = call(capsys, *arguments)
    assert found == code
    assert word in out + err
    assert "Traceback" not in err


def test_names_are_shown_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    """No markup, no emoji, no mathematics: names come from users' files."""
    rows = "source,target,length_km\n[red]a,:smile:,100\n:smile:,[/x]$c$,100\n"
    Path("n.csv").write_text(rows)
    text = Path(TINY).read_text().replace("tiny.csv", "n.csv")
    pairs = '[["[red]a", ":smile:"], ["[red]a", "[/x]$c$"]]'
    Path("n.toml").write_text(text.replace('[["a", "b"], ["a", "c"]]', pairs))
    for command in (["topologies", "n.csv"], ["plan", "n.toml"]):
        code, out, err = call(capsys, *command)
        assert code == 0, err
        for name in ("[red]a", ":smile:", "[/x]$c$"):
            assert name in out
    assert call(capsys, "compare", "n.toml", "--out", "o")[0] == 0


def test_free_worlds_have_no_ratio(capsys: pytest.CaptureFixture[str]) -> None:
    names = "transmitter receiver key_manager security_infrastructure mux_demux channel_km"
    free = "".join(f"{n} = 0\n" for n in names.split())
    text = Path(TINY).read_text() + f"[cost.reserved]\n{free}[cost.on_demand]\n{free}"
    Path("free.toml").write_text(text)
    (Path("tiny.csv")).write_text((ROOT / "scenarios" / "tiny.csv").read_text())
    compared = data(capsys, "compare", "free.toml", "--out", "o", "--replications", "3")
    assert [p["ratio"] for p in compared["policies"]] == [None] * 4


def test_nothing_is_overwritten_unasked(capsys: pytest.CaptureFixture[str]) -> None:
    Path("d").mkdir()
    Path("d/report.html").write_text("precious")
    code, _, err = call(capsys, "compare", TINY, "--out", "d")
    assert (code, "report.html: exists already" in err) == (2, True)
    assert Path("d/report.html").read_text() == "precious"
    Path("f.h5").write_text("precious")
    for out in ("f.h5", "f.h5/x.h5", "d", "/dev/null", "x" * 300):
        code, _, err = call(capsys, "run", TINY, "--policy", "sip", "--out", out)
        assert code in {2, 3}
        assert "Traceback" not in err
        assert "error: " in err
    assert Path("f.h5").read_text() == "precious"


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_a_terminal_without_our_signs(encoding: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": encoding}
    command = [sys.executable, "-m", "qnetsim", "plan", TINY]
    done = subprocess.run(command, capture_output=True, env=environment, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_full_output_is_one_error() -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "qnetsim", "policies", "--json"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, env=environment, check=False
        )
    assert done.returncode == 3
    assert done.stderr.startswith(b"error: the output cannot be written")
    assert b"Traceback" not in done.stderr


def test_a_file_that_fails_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not called the output, whatever it is."""

    def fails(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, "Input/output error", "some.dat")

    monkeypatch.setattr("qnetsim.cli.listing.read_topology", fails)
    code, out, err = call(capsys, "topologies", "usnet")
    assert (code, out, err) == (3, "", "error: some.dat: Input/output error\n")


def test_help_is_quick_and_imports_nothing_heavy() -> None:
    script = (
        "import sys\nfrom qnetsim.cli import _run\n"
        "assert _run(['--help']) == 0\n"
        "heavy = {'numpy', 'scipy', 'simpy', 'h5py', 'matplotlib', 'networkx', 'pydantic',"
        " 'highspy', 'torch', 'rich'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stderr.strip() == "[]"
    for command in ("compare", "plan", "run", "inspect", "scenario"):
        assert command in done.stdout


def test_opening_a_trace_loads_no_simulator() -> None:
    script = (
        "import sys, qnetsim\nqnetsim.open_trace\n"
        "print(sorted({'simpy', 'highspy', 'torch', 'gurobipy'} & set(sys.modules)))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("typed", "offered"), [("qnetsim comp", "compare"), ("qnetsim compare --pol", "--policy")]
)
def test_the_shell_completes_commands_and_options(typed: str, offered: str) -> None:
    asks = {"_QNETSIM_COMPLETE": "bash_complete", "COMP_WORDS": typed}
    asks["COMP_CWORD"] = str(len(typed.split()) - 1)
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; sys.argv = ['qnetsim']; import qnetsim.__main__ as m; m.main()",
        ],
        env=os.environ | asks,
        capture_output=True,
        text=True,
    )
    assert f"plain,{offered}" in done.stdout.splitlines()
