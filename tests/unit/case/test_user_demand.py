"""A user's own demand: rows become requests, and bad rows are named."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from qnetsim.analysis import run_metrics
from qnetsim.case import load, open_case
from qnetsim.errors import ScenarioError, SettingError
from qnetsim.replay.record import record_world
from qnetsim.replay.replay import replay
from qnetsim.replay.verify import verify
from qnetsim.runs.simulate import simulate
from qnetsim.scenario import PolicyTable
from qnetsim.trace import open_trace
from tests.support import ROOT

SIP = PolicyTable(name="sip")
HEAD = "slot,source,target,rate\n"
ROWS = "0,1,2,1000\n0,2,1,2500\n1,5,1,1\n2,1,2,0\n3,1,5,4000\n3,2,1,999.5\n"


def scenario(
    folder: Path, rows: str = ROWS, keys: str = 'rate_unit = "bps"\nslot_s = 1.0', more: str = ""
) -> Path:
    (folder / "demand.csv").write_text(rows if rows.startswith("#") else HEAD + rows)
    path = folder / "s.toml"
    path.write_text(
        f'{more}\n[network]\ntopology = "nsfnet"\n[recording]\nfile = "demand.csv"\n{keys}\n'
    )
    return path


def test_rows_become_requests_and_levels(tmp_path: Path) -> None:
    spec = load(scenario(tmp_path))
    # two rows of one pair in one slot are two requests; an end may stand on either side
    assert spec.demand.pairs == (("1", "2"), ("1", "5"), ("1", "2"))
    assert (spec.run.slots, spec.run.replications, spec.demand.levels) == (4, 1, 5)
    path = simulate(spec, SIP, tmp_path / "t.h5")
    with open_trace(path) as trace:
        levels = trace.column("world/levels")
        assert levels.tolist() == [[1, 0, 3], [0, 1, 0], [0, 0, 0], [1, 4, 0]]
        assert trace.provenance["scenario"]["recording"]["file"] == "demand.csv"
        assert run_metrics(trace).served == 12
        assert trace.column("slots/reservation_consumed_bits").any()
    (tmp_path / "demand.csv").unlink()
    again = replay(path, None, tmp_path / "again.h5")
    with open_trace(path) as a, open_trace(again) as b:
        assert a.attribute("content_digest") == b.attribute("content_digest")
    assert not verify(again).failed


@pytest.mark.parametrize(
    ("unit", "rates"),
    [("bps", "2000"), ("kbps", "2"), ("Mbps", "0.002"), ("level", "2"), ("bps", "1000.5")],
)
def test_units(unit: str, rates: str, tmp_path: Path) -> None:
    keys = f'rate_unit = "{unit}"\nslot_s = 1.0'
    spec = load(scenario(tmp_path, f"0,1,2,{rates}\n", keys))
    path = simulate(spec, SIP, tmp_path / "t.h5")
    with open_trace(path) as trace:
        assert trace.column("world/levels").tolist() == [[2]]


def test_the_time_base_stretches_slots(tmp_path: Path) -> None:
    path = scenario(tmp_path, keys='rate_unit = "bps"\nslot_s = 3.0', more="[run]\nslot_s = 1.5")
    case = open_case(load(path))
    chunk = next(case.realisation(0).chunks())
    # a slot of 3 s is two of 1.5 s, and a rate is a rate
    assert chunk.levels.tolist()[:4] == [[1, 0, 3], [1, 0, 3], [0, 1, 0], [0, 1, 0]]


def test_the_first_slots_make_the_forecast(tmp_path: Path) -> None:
    path = scenario(tmp_path, keys='rate_unit = "bps"\nslot_s = 1.0\nforecast_slots = 2')
    spec = load(path)
    assert spec.run.slots == 2
    # levels 1 0 3 and 0 1 0 came before
    assert spec.demand.probabilities == pytest.approx((3 / 6, 2 / 6, 0, 1 / 6, 0))
    assert next(open_case(spec).realisation(0).chunks()).levels.tolist() == [[0, 0, 0], [1, 4, 0]]


def test_replications_are_windows(tmp_path: Path) -> None:
    spec = load(scenario(tmp_path, more="[run]\nreplications = 2"))
    assert spec.run.slots == 2
    case = open_case(spec)
    assert next(case.realisation(1).chunks()).levels.tolist() == [[0, 0, 0], [1, 4, 0]]
    with pytest.raises(SettingError, match="4 slots to simulate, and replication 2"):
        case.realisation(2)
    with pytest.raises(ScenarioError, match=r"s\.toml:3: run\.slots: the recording has 4 slots"):
        load(scenario(tmp_path, more="[run]\nreplications = 2\nslots = 3"))


BAD = {
    "x,1,2,5": "demand.csv:3: slot 'x' is not a number",
    "-1,1,2,5": "demand.csv:3: slot '-1' is not a slot",
    "1.5,1,2,5": "demand.csv:3: slot '1.5' is not a slot",
    "1,1,99,5": "demand.csv:3: target '99' is not a node of nsfnet; allowed: 1, 2",
    "1,1,1,5": "demand.csv:3: joins node '1' to itself",
    "1,1,2,many": "demand.csv:3: rate 'many' is not a number",
    "1,1,2,-5": "demand.csv:3: rate '-5' is not a rate",
    "1,1,2,nan": "demand.csv:3: rate 'nan' is not a rate",
    "1,1,2,1e9": "demand.csv:3: rate '1e9' is level 1000000; allowed: levels below 1000",
    "1,1,2": "demand.csv:3: has 3 cells; give 4",
}


@pytest.mark.parametrize("row", BAD)
def test_bad_rows_are_named(row: str, tmp_path: Path) -> None:
    with pytest.raises(ScenarioError) as caught:
        load(scenario(tmp_path, f"0,1,2,1000\n{row}\n0,1,2,3\n"))
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].startswith(f"{tmp_path}/s.toml:5: recording.file: ")
    assert BAD[row] in caught.value.problems[0]


def test_all_bad_rows_are_named_at_once(tmp_path: Path) -> None:
    rows = "".join(f"{i},1,{90 + i},5\n" for i in range(40))
    with pytest.raises(ScenarioError) as caught:
        load(scenario(tmp_path, rows))
    assert len(caught.value.problems) == 21
    assert "and 20 bad rows more" in caught.value.problems[-1]


WRONG = {
    "": "has no row",
    "#\nslot,source,rate\n": "the header is 'slot,source,rate'",
    "#": "is empty; give the header",
}


@pytest.mark.parametrize("text", WRONG)
def test_wrong_files(text: str, tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"recording\.file") as caught:
        load(scenario(tmp_path, text))
    assert WRONG[text] in str(caught.value)


@pytest.mark.parametrize(
    ("keys", "more", "word"),
    [
        ("slot_s = 1.0", "", "recording.rate_unit: missing"),
        ('rate_unit = "bps"', "", "recording.slot_s: missing"),
        ('rate_unit = "furlong"\nslot_s = 1.0', "", "recording.rate_unit: "),
        ('rate_unit = "bps"\nslot_s = 2.5', "", "2.5 s is no whole multiple of a slot of 1.0 s"),
        ('rate_unit = "bps"\nslot_s = 1.0\nforecast_slots = 4', "", "leave at least one"),
        ('rate_unit = "bps"\nslot_s = 1.0', "[demand]\nrequests = 3", "demand.requests: is given"),
        ('rate_unit = "bps"\nslot_s = 1.0', '[demand]\npairs = "all"', "demand.pairs: is given"),
        ('rate_unit = "bps"\nslot_s = 1.0', "[demand]\nlevels = 3", "asks for level 4"),
        (
            'rate_unit = "bps"\nslot_s = 1.0\nforecast_slots = 1',
            "[demand]\nmean = 3",
            "demand.mean: is given beside recording.forecast_slots",
        ),
        ('rate_unit = "bps"\nslot_s = 1.0\nsha256 = "' + "0" * 64 + '"', "", "has changed"),
    ],
)
def test_wrong_settings(keys: str, more: str, word: str, tmp_path: Path) -> None:
    with pytest.raises(ScenarioError) as caught:
        load(scenario(tmp_path, keys=keys, more=more))
    assert word in str(caught.value)


def test_hdf5_demand(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "demand.h5", "w") as file:
        file["slot"] = np.array([0, 1, 1])
        file["source"] = ["1", "2", "1"]
        file["target"] = np.array([2, 5, 2])
        file["rate"] = np.array([1000.0, 2000.0, 500.0])
    path = scenario(tmp_path)
    path.write_text(path.read_text().replace("demand.csv", "demand.h5"))
    spec = load(path)
    assert spec.demand.pairs == (("1", "2"), ("2", "5"))
    assert next(open_case(spec).realisation(0).chunks()).levels.tolist() == [[1, 0], [1, 2]]
    with h5py.File(tmp_path / "demand.h5", "r+") as file:
        file["rate"][1] = -1
    with pytest.raises(ScenarioError, match=r"demand\.h5: row 1: rate '-1\.0' is not a rate"):
        load(path)
    with h5py.File(tmp_path / "demand.h5", "r+") as file:
        del file["rate"]
    with pytest.raises(ScenarioError, match="no one-dimensional dataset 'rate'"):
        load(path)


def test_a_recorded_csv_is_read_again(tmp_path: Path) -> None:
    path = scenario(tmp_path)
    case = open_case(load(path))
    record_world(case, tmp_path / "out.csv")
    path.write_text(path.read_text().replace("demand.csv", "out.csv"))
    again = open_case(load(path))
    assert again.forecast.pairs == case.forecast.pairs
    both = [next(c.realisation(0).chunks()).levels.tolist() for c in (case, again)]
    assert both[0] == both[1]


def test_names_that_a_spreadsheet_would_run_are_written_with_an_apostrophe(tmp_path: Path) -> None:
    names = ["=1+1", "-x", "@y", "'z"]
    rows = [f"{a},{b},100" for a, b in zip(names, names[1:] + names[:1], strict=True)]
    (tmp_path / "net.csv").write_text("source,target,length_km\n" + "\n".join(rows) + "\n")
    own = tmp_path / "own.toml"
    own.write_text('[run]\nslots = 4\n[network]\ntopology = "net.csv"\n[demand]\npairs = "all"\n')
    case = open_case(load(own))
    record_world(case, tmp_path / "out.csv")
    cells = [cell for row in (tmp_path / "out.csv").read_text().split() for cell in row.split(",")]
    assert {"'=1+1", "'-x", "'@y", "''z"} < set(cells)
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]
    back = tmp_path / "back.toml"
    back.write_text(
        '[network]\ntopology = "net.csv"\n[recording]\nfile = "out.csv"\nrate_unit = "bps"\n'
        "slot_s = 1.0\n"
    )
    again = open_case(load(back))
    assert again.forecast.pairs == case.forecast.pairs
    levels = next(case.realisation(0).chunks()).levels[:, case.forecast.group]
    assert next(again.realisation(0).chunks()).levels.tolist() == levels.tolist()


def test_a_changed_file_is_noticed(tmp_path: Path) -> None:
    spec = load(scenario(tmp_path))
    (tmp_path / "demand.csv").write_text(HEAD + "0,1,2,7000\n")
    with pytest.raises(SettingError, match="has changed: its SHA-256"):
        simulate(spec, SIP, tmp_path / "t.h5")


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--rate-unit", "bps", "--slot-s", "0.5"], "no whole multiple of a slot of 1 s"),
        (["--rate-unit", "bps", "--slot-s", "0"], "--slot-s must be > 0"),
        (["--rate-unit", "bps"], "give --slot-s too"),
        (["--rate-unit", "bps", "--slot-s", "1", "--from-slot", "2"], "no decisions to follow"),
    ],
)
def test_a_demand_file_on_the_command_line(
    options: list[str], word: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from qnetsim.cli import _run

    (tmp_path / "demand.csv").write_text(HEAD + ROWS)
    net = ROOT / "scenarios" / "nsfnet.toml"
    call = ["replay", str(tmp_path / "demand.csv"), "--scenario", str(net), "--policy", "sip"]
    call += ["--out", str(tmp_path / "t.h5")]
    assert _run([*call, *options]) == 2
    assert word in capsys.readouterr().err
    if "--from-slot" not in options:
        return
    assert _run([*call, *options[:4], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["slots"] == 4
    (tmp_path / "demand.csv").write_text(HEAD + "0,1,77,5\n")
    assert _run([*call, *options[:4], "--force"]) == 2
    assert "demand.csv:2: target '77' is not a node" in capsys.readouterr().err
