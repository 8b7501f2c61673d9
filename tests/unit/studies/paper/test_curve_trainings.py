"""Trainings of Fig. 9 and of points of Figs. 7 and 8: a file each, kept, verified and resumed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from qnetsim.errors import QnetsimError, UsageError
from qnetsim.policies.learned.weights import read_weights
from qnetsim.studies.paper import fig7, fig8, point_trainings
from qnetsim.studies.paper.cost_figure import FEDSAC, Budget, Point
from qnetsim.studies.paper.cost_rows import CostStudy, cost_rows
from qnetsim.studies.paper.curve_settings import SETTINGS, CurveSetting
from qnetsim.studies.paper.curve_trainings import CurveTraining, train, train_all
from qnetsim.studies.paper.fig9 import CurveStudy, compute
from qnetsim.studies.paper.paper_tables import learning_note
from qnetsim.studies.paper.point_trainings import PointTraining, train_points

pytest.importorskip("torch")

BRIEF = {
    "epochs": 2,
    "slots_per_epoch": 5,
    "updates_per_epoch": 3,
    "batch": 4,
    "hidden_units": 8,
}
MOMENTS = "paper, network reward, shared moments"


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make all trainings short."""
    for setting in list(SETTINGS.values()):
        short = replace(setting, learning={**setting.learning, **BRIEF})
        monkeypatch.setitem(SETTINGS, setting.name, short)


def one(folder: Path, setting: str = "paper, own reward", *seeds: int) -> CurveTraining:
    folder.mkdir(exist_ok=True)
    return CurveTraining(folder, "nsfnet", setting, "fedsac", seeds or (0,))


def test_seeds_side_by_side_come_out_as_alone(tmp_path: Path) -> None:
    together = one(tmp_path / "a", MOMENTS, 0, 1, 2)
    train(together)
    alone = one(tmp_path / "b", MOMENTS, 1)
    train(alone)
    found = together.read()
    assert list(found) == [0, 1, 2]
    assert found[1].digest() == alone.read()[1].digest()
    assert len({record.digest() for record in found.values()}) == 3
    assert found[1].columns["curve/stochastic"].shape == (3, 1)


def test_moments_that_are_shared_are_another_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    curves = []
    for name in ("paper, network reward", MOMENTS):
        # steps that are large enough to be seen in whole channels
        learning = {**SETTINGS[name].learning, "policy_rate": 0.01, "updates_per_epoch": 20}
        monkeypatch.setitem(SETTINGS, name, replace(SETTINGS[name], learning=learning))
        training = one(tmp_path, name)
        train(training)
        curves.append(training.read()[0].columns["curve/stochastic"][:, 0])
    own, shared = curves
    assert own[0] == shared[0]
    assert not np.array_equal(own, shared)


def test_what_is_there_is_kept_and_the_rest_is_trained(tmp_path: Path) -> None:
    told: list[int] = []
    training = one(tmp_path, "tuned", 0, 1, 2, 3, 4)
    assert [part.seeds for part in training.parts()] == [(0, 1, 2), (3, 4)]
    train(replace(training, seeds=(1,)))
    kept = training.path(1).stat().st_mtime_ns
    assert [part.seeds for part in training.parts()] == [(0, 2, 3, 4)]
    train_all([training], 1, told.append)
    assert training.path(1).stat().st_mtime_ns == kept
    assert sum(told) == training.epochs == 10
    assert not list(training.parts())


def test_workers_train_the_same_curves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # processes that are not forked from this one know the settings as they are
    monkeypatch.undo()
    told: list[int] = []
    names = ("tuned", MOMENTS)
    here = [replace(one(tmp_path / "a", name, 0, 1), most_epochs=1) for name in names]
    there = [replace(training, folder=tmp_path / "b") for training in here]
    (tmp_path / "b").mkdir()
    train_all(here, 1)
    train_all(there, 2, told.append)
    assert sum(told) == 4
    for mine, theirs in zip(here, there, strict=True):
        found = theirs.read()
        assert {s: r.digest() for s, r in mine.read().items()} == {
            s: r.digest() for s, r in found.items()
        }


def test_a_price_that_is_changed_is_trained_with(tmp_path: Path) -> None:
    common = {("cost", "on_demand", "receiver"): 1000.0}
    study = CurveStudy(tmp_path, 1, common=common)
    assert len({training.scenario.digest() for training in study.trainings()}) > 1
    for training in study.trainings():
        assert training.scenario.cost.on_demand.receiver == 1000.0
        plain = replace(training, common={})
        assert plain.scenario.digest() != training.scenario.digest()
        assert hash(plain) == hash(training) and plain != training


def test_the_curve_of_another_training_is_refused(tmp_path: Path) -> None:
    training = one(tmp_path)
    train(training)
    for other in (
        replace(training, most_epochs=1),
        replace(training, setting="tuned"),
        replace(training, algorithm="decsac"),
        replace(training, seeds=(1,)),
    ):
        training.path(0).replace(other.out)
        with pytest.raises(UsageError, match=r"is the curve of another training; give another out"):
            other.read()
        other.out.replace(training.path(0))
    # two readings of one scenario
    plain = replace(training, setting="paper, network reward")
    train(plain)
    plain.out.replace(replace(plain, setting=MOMENTS).out)
    with pytest.raises(UsageError, match="another training"):
        replace(plain, setting=MOMENTS).read()


def test_a_damaged_curve_is_refused(tmp_path: Path) -> None:
    training = one(tmp_path)
    train(training)
    with h5py.File(training.out, "r+") as file:
        file["curve/stochastic"][1] = 1.0
    with pytest.raises(QnetsimError, match="seed-000"):
        list(training.parts())


def test_what_is_trained_is_shown_alone(tmp_path: Path) -> None:
    study = CurveStudy(tmp_path, 3, topologies=("nsfnet",), settings=("tuned",), trained=True)
    assert not list(compute(study))
    train(one(tmp_path, "tuned", 0, 2))
    (curve,) = compute(study)
    assert curve.algorithm == "fedsac" and curve.stochastic.shape == (3, 2)
    assert curve.summary.seeds == 2
    assert curve.summary.second_drawn == pytest.approx(float(curve.stochastic[1].mean()))
    assert study.total_epochs == 18


def test_settings_are_what_they_say() -> None:
    for name, setting in SETTINGS.items():
        assert isinstance(setting, CurveSetting) and name == setting.name
        assert setting.stated == name.startswith("paper") and not (
            setting.stated and setting.control
        )
    assert len({setting.slug for setting in SETTINGS.values()}) == len(SETTINGS)
    wide = SETTINGS["tuned, 20 channels"].scenario("usnet")
    assert wide.learning.most_channels == 20 and wide.network.topology == "usnet"
    assert SETTINGS["tuned, less demand"].scenario("nsfnet").demand.mean == 1.0
    paper = SETTINGS["paper, network reward"].scenario("nsfnet", 1).learning
    rates = paper.q_rate, paper.policy_rate, paper.temperature, paper.discount, paper.replay
    assert rates == (0.003, 0.0001, 0.01, 0.95, 20_000) and paper.epochs == 1


def test_fedsac_is_trained_anew_where_its_weights_do_not_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(point_trainings, "EPOCHS", 1)
    figure = replace(fig7.FIGURE, values={"nsfnet": (5, 10)})
    study = CostStudy(tmp_path / "traces", Budget(2, 20), {})
    told: list[int] = []
    cells = list(figure.cells(("nsfnet",), anew=True))
    (training,) = study.trainings(cells)
    assert dict(training.point.changes) == {("demand", "levels"): 5, ("demand", "mean"): 1}
    train_points([training], 1, told.append)
    train_points([training], 1, told.append)
    assert told == [0, 1, 1]
    assert read_weights(training.out).card["epochs"] == 1
    rows = list(cost_rows(study, cells))
    assert [row.value for row in rows if row.scheme == FEDSAC.name] == [5, 10]
    assert all(row.agrees for row in rows)
    assert "trained anew" in learning_note(figure, rows)
    alone = [row for row in rows if row.value == 10 or row.scheme != FEDSAC.name]
    assert "stands at the default alone" in learning_note(figure, alone)
    assert not learning_note(fig8.FIGURE.__class__("f", "", "", "", {}), rows)


def test_weights_of_another_point_are_refused(tmp_path: Path) -> None:
    point = Point("nsfnet", ((("cost", "on_demand_multiplier"), 2.0),))
    training = PointTraining(tmp_path, point, Budget(2, 20), {})
    assert not training.done
    shipped = Path(__file__).parents[4] / "models" / "fedsac-nsfnet.safetensors"
    training.out.write_bytes(shipped.read_bytes())
    with pytest.raises(UsageError, match="are the weights of another training; give another out"):
        assert training.done
