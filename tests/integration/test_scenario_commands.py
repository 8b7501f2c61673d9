"""``qnetsim scenario list`` and ``new``, and shipped scenarios by name in every command."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import SCENARIOS
from tests.support.commands import call, data


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_copy_says_in_json_what_was_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = data(capsys, "scenario", "new", "tiny", "--out", str(tmp_path / "own.toml"))
    assert found["schema"] == "qnetsim.scenario/1"
    assert Path(found["scenario"]).read_text("utf-8").startswith("#")
    assert [Path(path).name for path in found["reads"]] == ["tiny.csv"]


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    found = data(capsys, "scenario", "list")
    assert found["schema"] == "qnetsim.scenarios/1"
    assert [item["name"] for item in found["scenarios"]] == sorted(
        path.stem for path in SCENARIOS.glob("*.toml")
    )
    assert all(Path(item["file"]).is_file() for item in found["scenarios"])
    code, out, _ = call(capsys, "scenario", "list")
    assert code == 0
    for item in found["scenarios"]:
        assert item["name"] in out
        assert item["summary"].split(":")[0] in out


def test_new(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, _ = call(capsys, "scenario", "new", "tiny")
    assert code == 0
    assert out == "scenario      tiny.toml\nwhich reads   tiny.csv\n"
    assert data(capsys, "scenario", "check", "tiny.toml")["files"][0]["problems"] == []
    code, _, err = call(capsys, "scenario", "new", "tiny")
    assert code == 2
    assert "tiny.toml: exists, and is not overwritten" in err
    code, out, _ = call(capsys, "scenario", "new", "tiny", "--out", "own.toml")
    assert (code, out) == (0, "scenario      own.toml\n")
    code, _, err = call(capsys, "scenario", "new", "tny")
    assert code == 2
    assert "did you mean 'tiny'?" in err


#: Every command that takes a scenario, and what goes with it.
TAKE_A_SCENARIO = (
    "compare NAME --replications 1 --slots 5 --policy evf",
    "demand NAME --slots 5 --out world.h5",
    "fel NAME --task 1 --budget",
    "plan NAME --no-information",
    "plan NAME --sensitivity network.span_km=80:160:2",
    "rates NAME",
    "replay demand.csv --scenario NAME --rate-unit bps --slot-s 1 --policy evf",
    "run NAME --policy evf --slots 5 --out run.h5",
    "scenario check NAME",
    "spacing NAME",
    "train NAME --policy fedsac --epochs 1 --out weights.safetensors",
)


@pytest.mark.parametrize("line", TAKE_A_SCENARIO)
def test_a_name_that_is_none(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("demand.csv").write_text("slot,source,target,rate\n0,1,2,1000\n")
    code, _, err = call(capsys, *line.replace("NAME", "fels.toml").split())
    assert code == 2
    assert err.count("\n") == 1
    assert "fels.toml: no such scenario file; did you mean 'fel'? shipped scenarios: " in err


@pytest.mark.parametrize("line", [one for one in TAKE_A_SCENARIO if not one.startswith("train")])
def test_a_shipped_name(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("demand.csv").write_text("slot,source,target,rate\n0,1,2,1000\n1,1,2,1000\n")
    name = "tiny" if line.startswith("compare") else "fel"
    code, out, err = call(capsys, *line.replace("NAME", name).split())
    assert code == 0, err
    assert out
