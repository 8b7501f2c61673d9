"""Data sets as the workers hold them: features in fixed point, split into blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Literal, get_args

import numpy as np

from qnetsim import seeds
from qnetsim.arrays import IntArray, frozen
from qnetsim.errors import UsageError

DatasetName = Literal["breast_cancer", "digits", "iris", "wine"]
DATASET_NAMES: tuple[DatasetName, ...] = get_args(DatasetName)
#: Features of a block; one block is one worker.
BLOCK_FEATURES = 6
#: Fractional bits of a feature.
FEATURE_BITS = 12


@dataclass(frozen=True)
class Dataset:
    """A classification task.

    Attributes
    ----------
    name : str
    features : ndarray of int64, shape (samples, features)
        Each feature scaled to 0 … 2**FEATURE_BITS over its own range, which its owner knows.
    labels : ndarray of int64, shape (samples, classes)
        ±1, one column for each one-vs-rest problem; one column only for two classes.
    """

    name: str
    features: IntArray
    labels: IntArray

    @property
    def samples(self) -> int:
        """Number of samples S."""
        return len(self.features)

    @property
    def classes(self) -> int:
        """Number of one-vs-rest problems."""
        return int(self.labels.shape[1])

    def blocks(self, seed: int, order: int) -> tuple[IntArray, ...]:
        """Split the features at random into blocks of ``BLOCK_FEATURES``, the last one smaller.

        Parameters
        ----------
        seed : int
        order : int
            Number of the random order of the features.

        Returns
        -------
        tuple of ndarray of int64
            Columns of each block.
        """
        count = self.features.shape[1]
        words = seeds.words(seeds.stream(seed, "fel", "blocks", self.name, order), count)
        columns = np.argsort(words, kind="stable").astype(np.int64)
        return tuple(columns[at : at + BLOCK_FEATURES] for at in range(0, count, BLOCK_FEATURES))


@dataclass(frozen=True)
class WorkerRecords:
    """The records that one worker holds, in an order of its own.

    Attributes
    ----------
    records : tuple of str
        Identifiers, each once.
    samples : ndarray of int64, shape (records,)
        Row of the data set for each; −1 for records that no other worker has.
    """

    records: tuple[str, ...]
    samples: IntArray

    @staticmethod
    def of(dataset: Dataset) -> WorkerRecords:
        """All samples of a data set, in its order."""
        return WorkerRecords(
            tuple(f"{dataset.name}/{i}" for i in range(dataset.samples)),
            frozen(np.arange(dataset.samples), np.int64),
        )

    def rows_of(self, records: Sequence[str]) -> IntArray:
        """Rows of the data set of some of the records, in their order."""
        place = {record: i for i, record in enumerate(self.records)}
        return self.samples[[place[record] for record in records]]


def draw_worker_records(
    dataset: Dataset, overlap: float, seed: int, *name: str | int
) -> WorkerRecords:
    """All samples of a data set, shuffled among records that no other worker has.

    Parameters
    ----------
    dataset : Dataset
    overlap : float
        Share of the worker's records that all others hold too, above 0 and at most 1.
    seed : int
    *name : str or int
        Names the stream, and the records that only this worker has.
    """
    extra = round(dataset.samples / overlap) - dataset.samples
    own = tuple("/".join(map(str, ("only", *name, i))) for i in range(extra))
    shared = WorkerRecords.of(dataset)
    records = shared.records + own
    samples = [*shared.samples.tolist(), *[-1] * extra]
    words = seeds.words(seeds.stream(seed, "fel", "records", *name), len(records))
    order = np.argsort(words, kind="stable").tolist()
    return WorkerRecords(
        tuple(records[i] for i in order), frozen([samples[i] for i in order], np.int64)
    )


def load_dataset(name: str) -> Dataset:
    """Load one of the bundled data sets, which are scikit-learn's.

    Raises
    ------
    UsageError
        There is none of this name.
    """
    if name not in DATASET_NAMES:
        raise UsageError(f"unknown data set {name!r}; allowed: {', '.join(DATASET_NAMES)}")
    text = (resources.files("qnetsim") / "data" / "datasets" / f"{name}.csv").read_text("utf-8")
    table = np.loadtxt(text.splitlines(), delimiter=",")
    return make_dataset(name, table[:, :-1], table[:, -1].astype(int).tolist())


def make_dataset(name: str, raw: object, target: Sequence[object]) -> Dataset:
    """Make a data set from arrays: scale the features, encode the classes as ±1.

    Parameters
    ----------
    name : str
    raw : array_like of float, shape (samples, features)
    target : sequence, shape (samples,)
        Class of each sample; at least two classes.

    Raises
    ------
    UsageError
        There is one class only, a number is not finite, or lengths differ.
    """
    values = np.asarray(raw, dtype=np.float64)
    if values.ndim != 2 or len(values) != len(target) or not np.isfinite(values).all():
        raise UsageError(
            f"data set {name!r}: needs finite numbers of shape (samples, features), and one class "
            "for each sample"
        )
    classes = sorted(set(target), key=repr)
    if len(classes) < 2:
        raise UsageError(f"data set {name!r}: has {len(classes)} class; at least two are needed")
    lowest = values.min(axis=0)
    width = np.ptp(values, axis=0)
    # a constant feature becomes 0
    share = (values - lowest) / np.where(width > 0, width, 1.0)
    features = np.floor(share * 2**FEATURE_BITS + 0.5)
    wanted = classes[1:] if len(classes) == 2 else classes
    labels = [[1 if got == one else -1 for one in wanted] for got in target]
    return Dataset(name, frozen(features, np.int64), frozen(labels, np.int64))
