"""Points of Fig. 4, and the files that keep them."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from qnetsim.analysis.paired import ConfidenceInterval
from qnetsim.errors import UsageError, argument
from qnetsim.input_files import read_input
from qnetsim.trace.hdf5.files import make_folder, refuse_linked_folder, write_whole

#: Keys of a point that a version kept which had no accuracy of each order.
EARLIER = {"dataset", "workers", "losses", "accuracy", "key_bytes"}


@dataclass(frozen=True)
class LossPoint:
    """Training with one number of workers.

    Attributes
    ----------
    dataset : str
    workers : int
        Also the key rate, in units of K_L.
    losses : tuple of float
        Final training loss, mean over the classes, for each order of the features.
    accuracies : tuple of float
        Final training accuracy, for each order of the features.
    key_bytes : int
        Keys of a round.
    """

    dataset: str
    workers: int
    losses: tuple[float, ...]
    accuracies: tuple[float, ...]
    key_bytes: int

    @property
    def mean(self) -> float:
        """Mean loss over the orders."""
        return float(np.mean(self.losses))

    @property
    def loss(self) -> ConfidenceInterval:
        """Mean loss over the orders, with the 95 % t interval over them."""
        return ConfidenceInterval.of_mean(np.array(self.losses))

    @property
    def accuracy(self) -> ConfidenceInterval:
        """Mean accuracy over the orders, with the 95 % t interval over them."""
        return ConfidenceInterval.of_mean(np.array(self.accuracies))

    @property
    def spread(self) -> float:
        """Standard deviation over the orders; zero for a single one."""
        return float(np.std(self.losses, ddof=1)) if len(self.losses) > 1 else 0.0


@dataclass(frozen=True)
class KeptLosses:
    """A folder of points that are trained in one way.

    Attributes
    ----------
    folder : Path
    seed, orders, rounds : int
        Of the trainings.
    """

    folder: Path
    seed: int
    orders: int
    rounds: int

    def path(self, dataset: str, workers: int) -> Path:
        """File of a point."""
        return self.folder / f"{dataset}-workers-{workers}-orders-{self.orders}.json"

    def read(self, dataset: str, workers: int) -> LossPoint | None:
        """The point, where it is there; one that an earlier version kept is trained again.

        Raises
        ------
        UsageError
            It is that of other trainings, or was changed.
        """
        path = self.path(dataset, workers)
        if not path.exists():
            return None
        refuse_linked_folder(self.folder)
        data = read_input(path)
        try:
            stored = json.loads(data)
            told, kept = stored["point"], stored["sha256"]
            same = kept == _digest(stored["trainings"], told)
            if same and set(told) == EARLIER:
                return None
            lists = {key: tuple(told[key]) for key in ("losses", "accuracies")}
            point = LossPoint(**{**told, **lists})
        except (ValueError, KeyError, TypeError):
            same = False
        if not same:
            raise UsageError(f"{path}: was changed or damaged; remove it, and give the same again")
        if stored["trainings"] != self._trainings or point.dataset != dataset:
            raise UsageError(f"{path}: is that of other trainings; give another {argument('out')}")
        return point

    def write(self, point: LossPoint) -> None:
        """Keep a point."""
        told = json.loads(json.dumps(asdict(point)))
        content = {
            "trainings": self._trainings,
            "point": told,
            "sha256": _digest(self._trainings, told),
        }
        make_folder(self.folder)
        refuse_linked_folder(self.folder)
        text = json.dumps(content, indent=1) + "\n"
        write_whole(self.path(point.dataset, point.workers), text)

    @property
    def _trainings(self) -> dict[str, int]:
        return {"seed": self.seed, "orders": self.orders, "rounds": self.rounds}


def _digest(trainings: dict[str, int], point: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps([trainings, point], sort_keys=True).encode()).hexdigest()


def loss_csv(points: Sequence[LossPoint]) -> str:
    """Points as CSV."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    head = ("dataset", "workers", "orders", "loss", "low", "high")
    more = ("loss_sd", "accuracy", "accuracy_low", "accuracy_high", "key_bytes_a_round")
    writer.writerow((*head, *more))
    for point in points:
        ends = (point.loss.low, point.loss.high)
        accuracy = point.accuracy
        right = (accuracy.estimate, accuracy.low, accuracy.high)
        told = (point.mean, *ends, point.spread, *right, point.key_bytes)
        writer.writerow((point.dataset, point.workers, len(point.losses), *told))
    return out.getvalue()
