"""``qnetsim demand import``: what it writes, says and refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from qnetsim.case import load, open_case
from tests.support import traffic as samples
from tests.support.commands import call, data

SCENARIO = """
[network]
topology = "net.csv"
[recording]
file = "demand.csv"
rate_unit = "bps"
slot_s = 300.0
[run]
slot_s = 300.0
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.csv").write_text("source,target,length_km\na,b,100\nb,c,200\n")
    (tmp_path / "times.csv").write_text(samples.TIMES)
    (tmp_path / "s.toml").write_text(SCENARIO)
    return tmp_path


IMPORT = ("demand", "import", "times.csv", "--column", "rate=bytes", "--rate-unit", "bytes")


def test_what_is_imported_is_a_recording(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = call(capsys, *IMPORT, "--slot-s", "300", "-o", "demand.csv")
    assert (code, err) == (0, "")
    assert "slots         0 to 1" in out
    assert "slot 0        2004-03-01T00:00:00Z" in out
    assert "rows          3 used, 0 left out" in out
    assert "columns that are not used: site" in out
    assert '[recording]\nfile = "demand.csv"\nrate_unit = "bps"\nslot_s = 300.0' in out
    assert (place / "demand.csv").read_text() == (
        "slot,source,target,rate\n0,a,b,80\n1,a,b,160\n1,b,c,20\n"
    )
    chunk = next(open_case(load("s.toml")).realisation(0).chunks())
    assert chunk.levels.tolist() == [[1, 0], [1, 1]]


def test_its_json(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = data(capsys, *IMPORT, "--slot-s", "300", "-o", "d.csv")
    assert found == {
        "schema": "qnetsim.demand-import/1",
        "file": "times.csv",
        "kind": "list of rates by time",
        "first_slot": 0,
        "last_slot": 1,
        "slot_0": "2004-03-01T00:00:00Z",
        "slot_s": 300.0,
        "rate_unit": "bps",
        "rows": 3,
        "rows_used": 3,
        "rows_left_out": 0,
        "nodes": 3,
        "pairs": 2,
        "notes": ["columns that are not used: site"],
        "means": False,
        "out": "d.csv",
    }


def test_means_are_over_all_slots(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, *IMPORT, "--slot-s", "300", "--means", "-o", "m.csv")
    assert code == 0
    assert 'means = "m.csv"' in out
    assert (place / "m.csv").read_text() == "source,target,mean_rate_bps\na,b,120\nb,c,10\n"
    (place / "m.toml").write_text(
        '[network]\ntopology = "net.csv"\nkey_rate_bps = 100\n[demand]\nmeans = "m.csv"\n'
    )
    forecast = open_case(load("m.toml")).forecast
    means = [forecast.distributions[kind].mean for kind in forecast.kinds]
    assert means == pytest.approx([1.2, 0.1], rel=1e-4)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of topohub
def test_topohub_and_its_options(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = data(
        capsys, *("demand", "import", "topohub:sndlib/polska", "--rate-unit", "Mbps"),
        *("--rate-factor", "1e-6", "--untimed", "2", "-o", "p.csv"),
    )  # fmt: skip
    assert (found["pairs"], found["last_slot"]) == (66, 1)
    assert (place / "p.csv").read_text().startswith("slot,source,target,rate\n0,0,1,195\n")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "has times, and no length of a slot; give --slot-s 300 (the least step)"),
        (("--slot-s", "0"), "--slot-s: give a number > 0"),
        (("--column", "x=y"), "--column 'x=y': write KEY=NAME, with a key of slot, time"),
        (("--column", "rate=zzz"), "--column 'rate=zzz': rate is given twice"),
        (("--column", "target=zzz"), "times.csv:2: has no column 'zzz'; it has 'Timestamp', 'src'"),
        (("--slot-s", "300", "--first-slot", "3"), "has times; leave --first-slot out"),
        (("--slot-s", "300", "--first-time", "2005-01-01"), "all of its rows are ahead of 2005-01"),
        (("--slot-s", "300", "--first-time", "noon"), "--first-time: 'noon' is not a time"),
        (("--untimed", "0"), "--untimed '0': give a number of slots, 1 .. 100000000, or in_turn"),
        (("--slot-s", "300", "--means", "--directions", "keep"), "mean is that of both directions"),
        (("--slot-s", "300", "--untimed", "3"), "has times; leave --untimed out"),
        (("--slot-s", "300", "--out", "d.h5"), "d.h5: demand is written as .csv"),
        (("--slot-s", "300", "--out", "net.csv"), "exists"),
        (("--slot-s", "300", "--out", "times.csv", "--force"), "is read by this command"),
    ],
)
def test_what_it_refuses(
    options: tuple[str, ...], said: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(place.iterdir())
    out = () if "--out" in options else ("--out", "d.csv")
    code, printed, err = call(capsys, *IMPORT, *options, *out)
    assert (code, printed) == (2, "")
    assert said in err
    assert sorted(place.iterdir()) == before
    assert (place / "times.csv").read_text() == samples.TIMES


def test_a_scenario_is_recorded_as_before(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, "demand", "tiny", "-o", "a.csv")[0] == 0
    assert call(capsys, "demand", "record", "tiny", "-o", "b.csv")[0] == 0
    assert call(capsys, "demand", "--out", "c.csv", "tiny")[0] == 0
    texts = {(place / name).read_bytes() for name in ("a.csv", "b.csv", "c.csv")}
    assert len(texts) == 1
    code, out, _ = call(capsys, "demand", "--help")
    assert code == 0
    assert "qnetsim demand import FILE" in out


def test_commands_say_which_rows_they_use(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "demand.csv").write_text(
        "slot,source,target,rate,site\n" + "".join(f"{slot},a,b,900,x\n" for slot in range(5))
    )
    said = (
        "demand.csv: 5 rows in slots 0 to 4, where slot 0 is slot 0 of the file; 3 rows simulated "
        "(slots 0 to 2); 2 rows left out; columns that are not used: site"
    )
    for words in (
        ("run", "s.toml", "-p", "evf", "--slots", "3", "-o", "t.h5"),
        ("plan", "s.toml", "-p", "evf", "--set", "run.slots=3"),
        ("compare", "s.toml", "-p", "evf", "--slots", "3", "-o", "c"),
        ("demand", "s.toml", "--slots", "3", "-o", "w.h5"),
        ("scenario", "check", "s.toml", "--set", "run.slots=3"),
    ):
        code, _, err = call(capsys, *words)
        assert code == 0, err
        assert said in err, words
    found = data(capsys, "scenario", "check", "s.toml")["files"][0]["recording"]
    assert (found["first_slot"], found["last_slot"], found["simulated"], found["after"]) == (
        *(0, 4, 5, 0),
    )


def test_a_world_without_demand_is_refused(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "demand.csv").write_text("slot,source,target,rate\n3604000,a,b,900\n3604001,a,b,1\n")
    code, _, err = call(capsys, "run", "s.toml", "-p", "evf", "--slots", "2", "-o", "t.h5")
    assert code == 2
    assert "recording.first_slot = 3604000" in err
    assert not (place / "t.h5").exists()
