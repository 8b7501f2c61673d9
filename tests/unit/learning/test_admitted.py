"""Scenarios that no policy can be trained on are refused before anything is played."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

pytest.importorskip("torch")

from qnetsim.case import Case, load, open_case
from qnetsim.errors import SettingError
from qnetsim.learning import admitted
from qnetsim.learning.offline import OfflineTraining, read_for
from qnetsim.learning.train import ALGORITHMS, Training
from qnetsim.runs.simulate import simulate
from qnetsim.scenario import PolicyTable
from qnetsim.shipped import shipped_scenarios
from tests.support import ROOT
from tests.support.commands import call
from tests.support.helpers import scenario

TEXT = """
[run]
slots = 4
[network]
topology = "nsfnet"
[demand]
requests = 5
{demand}
[learning]
epochs = 1
slots_per_epoch = 2
updates_per_epoch = 1
batch = 2
[cost]
{cost}
"""
NO_MULTIPLIER = "on_demand_multiplier = 0"
FREE_KM = "reserved = {key_manager = 0, security_infrastructure = 0, mux_demux = 0, channel_km = 0}"


def case_of(cost: str, demand: str = "") -> Case:
    return open_case(scenario(TEXT.format(cost=cost, demand=demand)))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize(
    ("cost", "demand", "key"),
    [
        (NO_MULTIPLIER, "", ("cost", "on_demand_multiplier")),
        (FREE_KM, "mean = 0.0", ("cost",)),
    ],
)
def test_demand_that_costs_nothing_is_refused(
    algorithm: str, cost: str, demand: str, key: tuple[str, ...]
) -> None:
    with pytest.raises(SettingError) as caught:
        Training(case_of(cost, demand), algorithm, [0])
    ((where, text),) = caught.value.problems
    assert where == key
    assert "C*, the expected cost of `sip`, is 0" in text


def test_traces_of_demand_that_costs_nothing_are_refused(tmp_path: Path) -> None:
    case = case_of(NO_MULTIPLIER)
    path = simulate(case.scenario, PolicyTable(name="random"), tmp_path / "run.h5")
    with pytest.raises(SettingError, match="a training tells costs over"):
        OfflineTraining(case, "decsac", [0], read_for(case, "decsac", [path]))


def test_demand_of_level_0_is_trained_on() -> None:
    """A request takes a KM wavelength whatever its level, so C* is above 0."""
    training = Training(case_of("", "mean = 0.0"), "decppo", [0])
    training.run()
    assert float(training.curve.stochastic[-1][0]) > 1


@pytest.mark.filterwarnings("error")
def test_commands_refuse_demand_that_costs_nothing_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "s.toml"
    path.write_text(TEXT.format(cost="", demand=""))
    change = ("--set", "cost.on_demand_multiplier=0")
    out = tmp_path / "w.safetensors"
    for command in (
        ("train", str(path), "-p", "fedsac", "-o", str(out)),
        ("reproduce", "fig9", "-o", str(tmp_path / "fig9"), "--epochs", "1"),
    ):
        code, _, err = call(capsys, *command, *change)
        assert code == 2
        said = [line for line in err.splitlines() if "on_demand_multiplier" in line]
        assert len(said) == 1
        assert "is 0, so C*, the expected cost of `sip`, is 0" in said[0]
        assert "Traceback" not in err
    assert not out.exists()


def test_the_page_lists_what_needs_realised_costs() -> None:
    page = (ROOT / "docs" / "background" / "training.md").read_text("utf-8")
    listed = page.split("### Realised costs")[1].split("\n## ")[0]
    names = re.findall(r'^ +"([a-zA-Z ]+)": ', inspect.getsource(admitted), re.M)
    assert "noise" in names and "sessions" in names
    for name in ("regimes", "jobs", "key stores", *names):
        assert name in " ".join(listed.split()), name


# topohub leaves a file open
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_the_page_says_which_shipped_scenarios_open_as_they_are() -> None:
    pytest.importorskip("topohub", reason="topohub is not installed")
    found: dict[str, list[str]] = {"": [], "reward_cost": [], "recording": []}
    for name in shipped_scenarios():
        try:
            admitted.refuse_unsupported(load(name))
        except SettingError as error:
            found[error.problems[0][0][-1]].append(name)
        else:
            found[""].append(name)
    page = (ROOT / "docs" / "tutorials" / "other-learners.md").read_text("utf-8")
    text = " ".join(page.split())
    for start, end, key in (
        ("Of the shipped scenarios, ", " open as they are.", ""),
        ("Realised costs open ", ": `", "reward_cost"),
        ("Recorded demand, as that of ", ", is refused", "recording"),
    ):
        named = text.split(start)[1].split(end)[0]
        assert re.findall(r"`([^`]+)`", named) == found[key]
