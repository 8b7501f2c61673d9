"""Points of Fig. 4 as files: kept, verified, gone on with."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from qnetsim.errors import UsageError
from qnetsim.studies.paper import fig4, loss_points
from qnetsim.studies.paper.loss_points import KeptLosses, LossPoint, loss_csv

POINT = LossPoint("wine", 2, (0.33, 0.31), (0.92, 0.88), 1200)


@pytest.fixture
def kept(tmp_path: Path) -> KeptLosses:
    found = KeptLosses(tmp_path / "fig4", seed=1, orders=2, rounds=30)
    found.write(POINT)
    return found


def test_a_point_is_read_as_it_was_written(kept: KeptLosses) -> None:
    assert kept.read("wine", 2) == POINT
    assert kept.read("wine", 3) is None


def test_a_point_of_an_earlier_version_is_trained_again(kept: KeptLosses) -> None:
    """It had one accuracy for all orders."""
    path = kept.path("wine", 2)
    stored = json.loads(path.read_text("utf-8"))
    del stored["point"]["accuracies"]
    stored["point"]["accuracy"] = 0.9
    stored["sha256"] = loss_points._digest(stored["trainings"], stored["point"])
    path.write_text(json.dumps(stored), "utf-8")
    assert kept.read("wine", 2) is None
    path.write_text(json.dumps(stored).replace("0.33", "0.34"), "utf-8")
    with pytest.raises(UsageError, match="was changed or damaged"):
        kept.read("wine", 2)


def test_a_point_of_other_trainings_is_refused(kept: KeptLosses) -> None:
    other = replace(kept, seed=2)
    with pytest.raises(UsageError, match="is that of other trainings; give another out"):
        other.read("wine", 2)
    kept.path("wine", 2).replace(kept.path("digits", 2))
    with pytest.raises(UsageError, match="other trainings"):
        kept.read("digits", 2)


@pytest.mark.parametrize(
    ("old", "new"), [("0.33", "0.34"), ('"workers"', '"people"'), ("{", "["), ("30", "31")]
)
def test_a_point_that_was_changed_is_refused(kept: KeptLosses, old: str, new: str) -> None:
    path = kept.path("wine", 2)
    path.write_text(path.read_text("utf-8").replace(old, new), "utf-8")
    with pytest.raises(UsageError, match="was changed or damaged; remove it"):
        kept.read("wine", 2)


def test_fig4_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[int] = []

    def points() -> list[LossPoint]:
        return fig4.compute(1, 1, 1, ("wine",), told.append, tmp_path)

    first = points()
    assert first == fig4.compute(1, 1, 1, ("wine",))
    gone = tmp_path / "wine-workers-2-orders-1.json"
    gone.unlink()
    train = fig4._train
    trained: list[int] = []
    monkeypatch.setattr(fig4, "_train", lambda *given: trained.append(given[1]) or train(*given))
    assert points() == first
    assert trained == [2]
    assert sum(told) == 2 * len(first)


def test_points_as_csv() -> None:
    (line,) = csv.DictReader(io.StringIO(loss_csv([POINT])))
    assert (line["dataset"], line["workers"], line["orders"]) == ("wine", "2", "2")
    assert float(line["loss"]) == pytest.approx(0.32)
    assert float(line["low"]) == POINT.loss.low and float(line["high"]) == POINT.loss.high
    assert float(line["accuracy"]) == pytest.approx(0.9)
    ends = (float(line["accuracy_low"]), float(line["accuracy_high"]))
    assert ends == (POINT.accuracy.low, POINT.accuracy.high) and ends[0] < 0.9 < ends[1]
