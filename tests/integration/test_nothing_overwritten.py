"""No command writes over a file that it reads, by whatever name; nothing is half there."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

import qnetsim
from qnetsim.errors import UsageError
from qnetsim.input_files import inputs_noted, read_input
from qnetsim.runs.simulate import simulate
from qnetsim.scenario import PolicyTable
from qnetsim.trace import open_trace
from tests.support import ROOT
from tests.support.commands import call
from tests.support.helpers import nsfnet

SCENARIO = """
[run]
slots = 4
replications = 1
[network]
topology = "net.csv"
span_km = 100
key_rate = "table"
rate_table = "rates.csv"
rate_table_pulse_rate_hz = 1e9
[recording]
file = "rate.csv"
rate_unit = "bps"
slot_s = 1.0
[[policy]]
name = "sip"
"""
PLAIN = """
[run]
slots = 4
replications = 1
[network]
topology = "net.csv"
span_km = 100
key_rate_bps = 1000
[demand]
pairs = [["a", "b"], ["a", "c"]]
[[policy]]
name = "sip"
[[policy]]
name = "fedsac"
model = "mine.safetensors"
"""

#: Names by which a file is written over: its own, another spelling, a link, a hard link.
SPELLINGS: dict[str, Callable[[Path, Path], Path]] = {
    "itself": lambda there, out: there,
    "spelt": lambda there, out: there.parent / "sub" / ".." / there.name,
    "link": lambda there, out: _linked(Path.symlink_to, there, out),
    "hard link": lambda there, out: _linked(Path.hardlink_to, there, out),
}


def _linked(link: Callable[[Path, Path], None], there: Path, out: Path) -> Path:
    out.unlink(missing_ok=True)
    link(out, there)
    return out


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    (tmp_path / "net.csv").write_text("source,target,length_km\na,b,100\nb,c,200\n")
    (tmp_path / "rates.csv").write_text("distance_km,rate_bps\n10,9000\n100,1000\n")
    rows = "".join(f"{slot},a,c,{900 * (slot % 3)}\n" for slot in range(8))
    (tmp_path / "rate.csv").write_text("slot,source,target,rate\n" + rows)
    (tmp_path / "s.toml").write_text(SCENARIO)
    (tmp_path / "plain.toml").write_text(PLAIN)
    (tmp_path / "mine.safetensors").write_bytes(
        (ROOT / "models" / "fedsac-nsfnet.safetensors").read_bytes()
    )
    return tmp_path


#: Command, and the files that it reads or its scenario names.
COMMANDS = {
    "run": (("run", "s.toml", "-p", "sip"), ("s.toml", "net.csv", "rates.csv", "rate.csv")),
    "run weights": (("run", "plain.toml", "-p", "sip"), ("mine.safetensors",)),
    "plan": (("plan", "s.toml", "--no-information"), ("s.toml", "net.csv", "rates.csv")),
    "demand": (("demand", "s.toml"), ("s.toml", "net.csv", "rates.csv", "rate.csv")),
    "replay": (
        (
            "replay",
            "rate.csv",
            "--scenario",
            "plain.toml",
            "--rate-unit",
            "bps",
            "--slot-s",
            "1",
            "-p",
            "sip",
        ),
        ("rate.csv", "plain.toml", "net.csv", "mine.safetensors"),
    ),
}
CASES = [(name, read) for name, (_, files) in COMMANDS.items() for read in files]


@pytest.mark.parametrize(("name", "read"), CASES)
def test_no_command_writes_over_what_it_reads(
    name: str, read: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = COMMANDS[name][0]
    before = (place / read).read_bytes()
    for spelling in SPELLINGS.values():
        out = spelling(place / read, place / f"out{Path(read).suffix}")
        code, _, err = call(capsys, *command, "--force", "--out", str(out))
        assert code == 2, err
        assert "is read by this command; give another --out" in err
        assert (place / read).read_bytes() == before


@pytest.mark.parametrize("read", ["net.csv", "mine.safetensors", "plain.toml"])
def test_a_comparison_keeps_the_files_that_lie_in_its_folder(
    read: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "out").mkdir()
    os.link(place / read, place / "out" / "sip-r000.h5")
    before = (place / read).read_bytes()
    code, _, err = call(
        capsys, "compare", "plain.toml", "-p", "sip", "--force", "--out", str(place / "out")
    )
    assert code == 2
    assert "sip-r000.h5: is read by this command" in err
    assert (place / read).read_bytes() == before


def test_models_plans_figures_and_keys_are_kept(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("net.lp", "net.png"):
        os.link(place / "net.csv", place / name)
    before = (place / "net.csv").read_bytes()
    plan = ("plan", "plain.toml", "--no-information", "--force")
    sweep = ("--sensitivity", "cost.on_demand_multiplier=2:3:2", "--figure", "net.png")
    for more in (("--model", "net.lp"), sweep):
        code, _, err = call(capsys, *plan, *more)
        assert code == 2, err
        assert "is read by this command" in err
    code, _, err = call(capsys, "rates", "net.csv", "--out", "net.png", "--force")
    assert code == 2
    assert "is read by this command" in err
    assert (place / "net.csv").read_bytes() == before
    assert call(capsys, *plan, "--out", "p.h5")[0] == 0
    code, _, err = call(capsys, "run", "plain.toml", "--plan", "p.h5", "-o", "p.h5", "--force")
    assert code == 2
    assert "p.h5: is read by this command" in err


def test_a_trace_is_not_replayed_over_itself(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(capsys, "run", "plain.toml", "-p", "sip", "-o", "t.h5")[0] == 0
    before = (place / "t.h5").read_bytes()
    (place / "u.h5").symlink_to(place / "t.h5")
    for out in ("t.h5", "u.h5"):
        for option in ("--force", "--resume"):
            code, _, err = call(capsys, "replay", "t.h5", "-p", "evf", "-o", out, option)
            assert code == 2
            assert "is read by this command" in err
    assert (place / "t.h5").read_bytes() == before


def test_links_out_of_the_folder_are_not_followed(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "out").mkdir()
    (place / "precious").mkdir()
    (place / "out" / "figures").symlink_to(place / "precious")
    compare = ("compare", "plain.toml", "-p", "sip", "--out", "out", "--force")
    code, _, err = call(capsys, *compare)
    assert code == 2
    assert "figures: is a link to another folder" in err
    assert not list((place / "precious").iterdir())
    (place / "gone.h5").symlink_to(place / "nowhere" / "x.h5")
    code, _, err = call(capsys, "run", "plain.toml", "-p", "sip", "-o", "gone.h5")
    assert code == 2
    assert "exists already" in err
    # by --force the link is replaced, and what it leads to is left alone
    (place / "kept.h5").write_bytes(b"kept")
    (place / "link.h5").symlink_to(place / "kept.h5")
    assert call(capsys, "run", "plain.toml", "-p", "sip", "-o", "link.h5", "--force")[0] == 0
    assert (place / "kept.h5").read_bytes() == b"kept"
    assert not (place / "link.h5").is_symlink()


def test_a_model_file_leaves_its_neighbours_alone(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "part-m.lp").write_text("mine")
    plan = ("plan", "plain.toml", "--no-information", "--model")
    assert call(capsys, *plan, "m.lp")[0] == 0
    assert (place / "part-m.lp").read_text() == "mine"
    code, _, err = call(capsys, *plan, "m.txt")
    assert code == 2
    assert "ends in .lp or .mps, not in '.txt'" in err


def test_python_keeps_the_files_of_its_scenario(place: Path) -> None:
    spec = nsfnet(run__slots="4", network__topology=f'"{place / "net.csv"}"')
    before = (place / "net.csv").read_bytes()
    with pytest.raises(UsageError, match="is read by this command"):
        simulate(spec, PolicyTable(name="sip"), place / "net.csv", force=True)
    assert (place / "net.csv").read_bytes() == before
    # what another call read may be replaced
    out = simulate(nsfnet(run__slots="4"), PolicyTable(name="sip"), place / "t.h5")
    open_trace(out).close()
    simulate(nsfnet(run__slots="4"), PolicyTable(name="sip"), place / "t.h5", force=True)


def test_calls_keep_the_files_that_they_are_given(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(place)
    code = "import qnetsim\n\n\nclass Mine(qnetsim.Policy):\n    def decide(self, observation):\n"
    code += "        raise RuntimeError\n"
    (place / "mine_policy.py").write_text(code)
    mine = importlib.import_module("mine_policy").Mine
    spec = qnetsim.load(place / "plain.toml")
    before = {path: path.read_bytes() for path in place.iterdir() if path.is_file()}
    for call_it in (
        lambda: qnetsim.run("plain.toml", "sip", "plain.toml", force=True),
        lambda: qnetsim.run(spec, "sip", "net.csv", force=True),
        lambda: qnetsim.run(spec, "sip", "plain.toml", force=True),
        lambda: qnetsim.record_world(spec, "plain.toml", force=True),
        lambda: qnetsim.run(spec.with_run(seed=5), "sip", "plain.toml", force=True),
        lambda: qnetsim.run(spec.with_changes({"run.seed": 5}), "sip", "plain.toml", force=True),
        lambda: qnetsim.plan(spec.with_changes({"run.seed": 5}), "sip", "plain.toml", force=True),
        lambda: qnetsim.run(spec, mine, "mine_policy.py", force=True),
        lambda: qnetsim.run(spec, mine(), "mine_policy.py", force=True),
        lambda: qnetsim.run(spec, "mine_policy:Mine", "mine_policy.py", force=True),
        lambda: qnetsim.run(spec, "mine_policy.py:Mine", "mine_policy.py", force=True),
        lambda: qnetsim.plan("plain.toml", "sip", "plain.toml", force=True),
        lambda: qnetsim.plan(spec, "sip", "net.csv", force=True),
        lambda: qnetsim.record_world("plain.toml", "plain.toml", force=True),
        lambda: qnetsim.record_world(spec, "net.csv", force=True),
    ):
        with pytest.raises(UsageError, match="is read by this command"):
            call_it()
    assert {path: path.read_bytes() for path in place.iterdir() if path.is_file()} == before
    with pytest.raises(UsageError, match="give a Scenario, not str"):
        qnetsim.open_case("plain.toml")  # type: ignore[arg-type]


@pytest.mark.parametrize("key", ["rate_table", "means", "weights"])
def test_tables_beside_a_scenario_are_kept(place: Path, key: str) -> None:
    (place / "table.csv").write_text(
        {
            "rate_table": "distance_km,rate_bps\n10,9000\n300,1000\n",
            "means": "source,target,mean\na,c,2\n",
            "weights": "node,weight\na,1\nb,2\nc,3\n",
        }[key]
    )
    text = "[run]\nslots = 4\n[network]\ntopology = 'net.csv'\n"
    text += {
        "rate_table": "key_rate = 'table'\nrate_table = 'table.csv'\n"
        "rate_table_pulse_rate_hz = 1e9\n[demand]\npairs = 'all'\n",
        "means": "[demand]\nmeans = 'table.csv'\n",
        "weights": "[demand]\ngravity = {weights = 'table.csv', total_rate_bps = 3e3}\n",
    }[key]
    (place / "own.toml").write_text(text)
    spec = qnetsim.load(place / "own.toml")
    before = (place / "table.csv").read_bytes()
    for known in (spec, spec.with_changes({"run.seed": 5})):
        with pytest.raises(UsageError, match="is read by this command"):
            qnetsim.run(known, "sip", "table.csv", force=True)
    assert (place / "table.csv").read_bytes() == before


def test_a_report_in_python_keeps_the_figures_that_are_there(tmp_path: Path) -> None:
    compared = qnetsim.compare("tiny", ["level:level=1"], replications=1)
    mine = tmp_path / "figures" / "costs.png"
    mine.parent.mkdir()
    mine.write_text("precious")
    with pytest.raises(UsageError, match=r"figures: exists already; .* or force=True"):
        compared.report(tmp_path)
    with pytest.raises(UsageError, match="figures: exists already"):
        qnetsim.write_report(compared.comparison, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["figures"]
    assert mine.read_text() == "precious"


def test_files_are_noted_within_one_command_only(place: Path) -> None:
    with inputs_noted():
        read_input(place / "net.csv")
        with inputs_noted([place / "s.toml"]), pytest.raises(UsageError):
            simulate(nsfnet(), PolicyTable(name="sip"), place / "net.csv", force=True)
        with pytest.raises(UsageError):
            simulate(nsfnet(), PolicyTable(name="sip"), place / "s.toml", force=True)
    simulate(nsfnet(run__slots="4"), PolicyTable(name="sip"), place / "s.toml", force=True)
