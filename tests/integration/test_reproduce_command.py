"""``qnetsim reproduce`` as users meet it; fig4 and fig9 alone are tested with their own rooms."""

from __future__ import annotations

import csv
import json
import warnings
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from qnetsim.cli import _warn_once
from qnetsim.studies.paper import compute as computing
from qnetsim.studies.paper import fig4, fig6, fig8, openings
from qnetsim.studies.paper.compute import FIGURES, Mode
from qnetsim.studies.paper.cost_figure import Budget
from tests.support.commands import call


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the quick mode quicker still."""
    mode = Mode(Budget(2, 10), orders=1, seeds=1, epochs=1, settings=("tuned",))
    monkeypatch.setitem(computing.MODES, True, mode)
    monkeypatch.setattr(fig4, "ROUNDS", 1)


@pytest.mark.usefixtures("brief")
@pytest.mark.parametrize("figure", ["fig5", "fig7"])
def test_a_cost_figure(figure: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ("reproduce", figure, "--quick", "--topology", "nsfnet", "--out", str(tmp_path))
    code, out, err = call(capsys, *command)
    assert code == 0, err
    assert "simulated costs agree" in out
    assert "does not follow" in out or "in order but not in size" in out
    for suffix in ("png", "csv", "html"):
        assert (tmp_path / f"{figure}.{suffix}").stat().st_size > 500
    page = (tmp_path / f"{figure}.html").read_text("utf-8")
    assert page.count("<svg") == 1 and "VI-" in page
    code, _, err = call(capsys, *command)
    assert code == 2 and "exists already" in err
    traces = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.h5")}
    code, out, err = call(capsys, *command, "--force", "--json")
    assert code == 0, err
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.h5")} == traces
    found = json.loads(out)
    assert found["figure"] == figure and all(row["agrees"] for row in found["rows"])
    with (tmp_path / f"{figure}.csv").open(encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    totals = [float(t["analytic"]) for t in table if figure == "fig7" or t["scheme"] == "total"]
    assert totals == [row["analytic"] for row in found["rows"]]
    assert {claim["verdict"] for claim in found["claims"]} > {"holds"}


@pytest.mark.usefixtures("brief")
def test_a_file_that_is_damaged_names_no_option_that_is_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ("reproduce", "fig5", "--quick", "--topology", "nsfnet", "--out", str(tmp_path))
    assert call(capsys, *command)[0] == 0
    path = next(tmp_path.rglob("level-3-r000.h5"))
    whole = path.read_bytes()
    for damaged in (b"", whole[: len(whole) // 2], b"no trace"):
        path.write_bytes(damaged)
        code, _, err = call(capsys, *command, "--force")
        assert code == 3
        assert "level-3-r000.h5" in err and "move or remove this file first" in err
        assert "--resume" not in err
    path.write_bytes(whole)
    assert call(capsys, *command, "--force")[0] == 0


@pytest.mark.usefixtures("brief")
def test_a_price_changes_the_figure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def rows(*more: str) -> list[float]:
        command = ("reproduce", "fig5", "--quick", "--topology", "nsfnet", "--json", *more)
        code, out, err = call(capsys, *command)
        assert code == 0, err
        return [row["analytic"] for row in json.loads(out)["rows"]]

    before = rows("--out", str(tmp_path / "a"))
    after = rows("--out", str(tmp_path / "b"), "--set", "cost.on_demand.receiver=1000")
    # what is never bought on demand costs what it did
    assert [a != b for a, b in zip(before, after, strict=True)] == [True] * 9 + [False] * 2


def test_a_warning_is_said_once_in_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    """At each point of a figure the same weights meet the same prices that they do not know."""
    with warnings.catch_warnings():
        warnings.showwarning = _warn_once(set())
        for text in ("far off", "far off", "further off"):
            # Python shows it again once its filters have changed
            warnings.simplefilter("always")
            warnings.warn(text, stacklevel=1)
    told = capsys.readouterr().err.splitlines()
    assert told == ["warning: far off", "warning: further off"]


@pytest.fixture
def few(brief: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave little of all figures: one data set, a few points of NSFNET."""
    values = {
        "fig5": (3, 4),
        "fig6": (80, 100),
        "fig7": (5, 10),
        "fig8": (0.5, 1.0),
    }
    figures = {
        name: replace(figure, values={"nsfnet": values[name], "usnet": ()})
        for name, figure in computing.COST_FIGURES.items()
    }
    monkeypatch.setattr(computing, "COST_FIGURES", figures)
    monkeypatch.setattr(fig4, "compute", partial(fig4.compute, names=("iris",)))
    one_opening(monkeypatch)


def one_opening(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave one question of the paper in the table of its readings."""
    some = openings.openings()[:1]
    monkeypatch.setattr(openings, "openings", lambda: some)
    monkeypatch.setattr(computing, "openings", lambda: some)


@pytest.mark.slow
@pytest.mark.usefixtures("few")
@pytest.mark.filterwarnings("ignore:.*not trained for")
def test_a_price_changes_all_figures_but_the_fourth(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch")
    found = []
    for name, more in (("a", ()), ("b", ("--set", "cost.on_demand.receiver=1000"))):
        place = ("--topology", "nsfnet", "--out", str(tmp_path / name))
        code, _, err = call(capsys, "reproduce", "all", "--quick", *place, *more)
        assert code == 0, err
        found.append(json.loads((tmp_path / name / "results.json").read_text("utf-8")))
        page = (tmp_path / name / "reproduction.html").read_text("utf-8")
        assert ("Changed: cost.on_demand.receiver = 1000" in page) == bool(more)
    before, after = found
    assert before["losses"] == after["losses"]
    for name in ("fig5", "fig6", "fig7", "fig8"):
        for one, other in zip(before["costs"][name], after["costs"][name], strict=True):
            assert one["analytic"] != other["analytic"], one
    assert before["openings"][0]["cost"] != after["openings"][0]["cost"]
    assert all(a["mean"] != b["mean"] for a, b in zip(before["risk"], after["risk"], strict=True))
    for one, other in zip(before["curves"], after["curves"], strict=True):
        assert one["first_drawn"] != other["first_drawn"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("fig5", "--orders", "3"), "--orders goes with fig4, not with fig5"),
        (("fig4", "--epochs", "3"), "--epochs goes with fig9"),
        (("fig4", "--topology", "nsfnet"), "--topology goes with fig5"),
        (("fig5", "--trained"), "--trained goes with fig9"),
        (("fig5", "--setting", "tuned"), "--setting goes with fig9, not with fig5"),
        (("fig9", "--setting", "tuend"), "'paper-network-reward'"),
        (("fig9", "--trained"), "fig9: holds no training to show; leave --trained out"),
        (("fig4", "--workers", "2"), "--workers goes with fig5"),
        (("fig4", "--set", "cost.reserved.receiver=9"), "--set goes with fig5, fig6"),
        (("all", "--set", "demand.mean=2"), "is what fig7 varies"),
        (("all", "--set", "network.qkd_wavelengths=500"), "the table of readings varies"),
        (("all", "--set", "planning.risk.cvar=0.8"), "the risk-averse world varies"),
        (("all", "--set", "learning.batch=8"), "is what fig9 varies"),
        (("fig9", "--set", "demand.mean=2"), "is what fig9 varies"),
        (("fig9", "--set", "run.slots=5"), "is what the mode sets"),
        (("fig6", "--set", "demand.requests=7"), "is what fig6 varies"),
        (("fig7", "--set", "demand.mean=2"), "is what fig7 varies"),
        (("fig5", "--set", "demand.nonsense=2"), "demand.nonsense"),
        (("fig5", "--set", "run.slots=5"), "is what the mode sets"),
        (("fig8", "--set", "run.seed=5"), "give --seed"),
        (("fig6", "--set", "demand.coupling=independent"), "'comonotone' demand alone"),
        (("fig5", "--topology", "mars"), "mars"),
        (("fig10",), "fig10"),
    ],
)
def test_what_does_not_go_together(
    arguments: tuple[str, ...], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new"
    code, _, err = call(capsys, "reproduce", *arguments, "--quick", "--out", str(out))
    assert code == 2
    assert told in err and "Traceback" not in err
    assert not out.exists()


@pytest.mark.slow
@pytest.mark.usefixtures("brief")
def test_all_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch")
    code, _, err = call(capsys, "reproduce", "all", "--quick", "--out", str(tmp_path))
    assert code == 0, err
    page = (tmp_path / "reproduction.html").read_text("utf-8")
    assert page.count("<svg") == len(FIGURES)
    assert all((tmp_path / f"{name}.csv").stat().st_size > 200 for name in FIGURES)
    assert (tmp_path / "reproduction.md").read_text("utf-8").startswith("# Reproduction")
    assert json.loads((tmp_path / "results.json").read_text("utf-8"))["curves"]


@pytest.mark.usefixtures("brief")
def test_without_torch_all_leaves_fig9_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qnetsim.extras._is_there", lambda package: package != "torch")
    # one scenario, whose traces the second figure reads again
    values = {"nsfnet": (100,), "usnet": ()}
    eighth = replace(fig8.FIGURE, values=values, defaults={"nsfnet": 100})
    two = {"fig6": replace(fig6.FIGURE, values=values), "fig8": eighth}
    monkeypatch.setattr(computing, "COST_FIGURES", two)
    compute = fig4.compute
    monkeypatch.setattr(fig4, "compute", partial(compute, names=("iris",)))
    one_opening(monkeypatch)
    command = ("reproduce", "all", "--quick", "--out", str(tmp_path))
    code, _, err = call(capsys, *command)
    assert code == 4
    assert "fig9 is left out" in err and "learn" in err
    assert not (tmp_path / "fig9.png").exists()
    assert (tmp_path / "fig8.csv").exists()
    assert (tmp_path / "reproduction.md").exists()
