"""Data sets as the workers hold them: features in fixed point, split into blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Literal, get_args

import numpy as np

from qnetsim import seeds
from qnetsim.arrays import BoolArray, IntArray, frozen
from qnetsim.errors import UsageError
from qnetsim.fel.preparation import (
    Preparation,
    checked_classes,
    checked_numbers,
    held_out,
    scaled,
)
from qnetsim.plain_text import counted

DatasetName = Literal["breast_cancer", "digits", "iris", "wine"]
DATASET_NAMES: tuple[DatasetName, ...] = get_args(DatasetName)
#: Features of a block; one block is one worker.
BLOCK_FEATURES = 6


@dataclass(frozen=True)
class Dataset:
    """A classification task.

    Attributes
    ----------
    name : str
    features : ndarray of int64, shape (samples, features)
        Each feature scaled to 0 … 2**FEATURE_BITS over its own range, which its owner knows, or
        standardised.
    labels : ndarray of int64, shape (samples, classes)
        ±1, one column for each one-vs-rest problem; one column only for two classes.
    test : ndarray of bool, shape (samples,)
        Samples that are held out of training; shape (0,) where none are.
    intercept : int or None
        Column of the constant feature; None without one.
    records : tuple of str
        Identifiers of the samples; their numbers where it is empty.
    given_blocks : tuple of ndarray of int64
        Columns of each worker, where it is said which it has.
    """

    name: str
    features: IntArray
    labels: IntArray
    test: BoolArray = field(default_factory=lambda: np.zeros(0, dtype=bool))
    intercept: int | None = None
    records: tuple[str, ...] = ()
    given_blocks: tuple[IntArray, ...] = ()

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

        Where it is said which features a worker has, these are the blocks. The constant feature
        is in none of them.

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
        if self.given_blocks:
            return self.given_blocks
        count = self.features.shape[1] - (self.intercept is not None)
        words = seeds.words(seeds.stream(seed, "fel", "blocks", self.name, order), count)
        columns = np.argsort(words, kind="stable").astype(np.int64)
        return tuple(columns[at : at + BLOCK_FEATURES] for at in range(0, count, BLOCK_FEATURES))

    def worker_blocks(self, seed: int, order: int, workers: int) -> tuple[IntArray, ...]:
        """Columns of each worker; the last one, who holds the labels, has the constant feature."""
        found = self.blocks(seed, order)[:workers]
        if self.intercept is None:
            return found
        return (*found[:-1], np.append(found[-1], self.intercept))


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
            dataset.records or _numbered(dataset.name, dataset.samples),
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


def _numbered(name: str, samples: int) -> tuple[str, ...]:
    """Identifiers of samples that have none of their own."""
    return tuple(f"{name}/{i}" for i in range(samples))


def load_dataset(name: str, preparation: Preparation | None = None, seed: int = 0) -> Dataset:
    """Load one of the bundled data sets, which are scikit-learn's.

    Parameters
    ----------
    name : str
    preparation : Preparation, optional
        Features in 0 … 1 and nothing else, as in the paper, unless given.
    seed : int
        Draws the records that are held out.

    Raises
    ------
    UsageError
        There is none of this name.
    """
    if name not in DATASET_NAMES:
        raise UsageError(f"unknown data set {name!r}; allowed: {', '.join(DATASET_NAMES)}")
    text = (resources.files("qnetsim") / "data" / "datasets" / f"{name}.csv").read_text("utf-8")
    table = np.loadtxt(text.splitlines(), delimiter=",")
    target = table[:, -1].astype(int).tolist()
    return make_dataset(name, table[:, :-1], target, preparation=preparation, seed=seed)


def make_dataset(
    name: str,
    raw: object,
    target: object,
    *,
    records: Sequence[str] = (),
    groups: Sequence[IntArray] = (),
    preparation: Preparation | None = None,
    seed: int = 0,
) -> Dataset:
    """Make a data set from arrays: scale the features, encode the classes as ±1.

    Parameters
    ----------
    name : str
    raw : array_like of float, shape (samples, features)
        Truth values count as 0 and 1; text is refused.
    target : sequence, shape (samples,)
        Class of each sample, as text or number; at least two classes.
    records : sequence of str, optional
        Identifiers of the samples.
    groups : sequence of ndarray of int64, optional
        Columns of each worker; drawn at random unless given.
    preparation : Preparation, optional
        Features in 0 … 1 and nothing else, as in the paper, unless given.
    seed : int
        Draws the records that are held out.

    Raises
    ------
    UsageError
        There is one class only, or a value is none that can be learned from; it is named.
    """
    how = preparation or Preparation()
    values = checked_numbers(name, raw)
    samples = len(values)
    found = checked_classes(name, target, samples)
    classes = sorted(set(found), key=repr)
    if len(classes) < 2:
        raise UsageError(
            f"data set {name!r}: has {counted(len(classes), 'class', 'classes')}; at least two are "
            "needed"
        )
    test = np.zeros(0, dtype=bool)
    if how.test_share:
        test = held_out(records or _numbered(name, samples), how.test_share, seed, name)
    training = ~test if len(test) else np.ones(samples, dtype=bool)
    features = scaled(values, training, standardise=how.standardise)
    intercept = None
    if how.intercept:
        intercept = features.shape[1]
        features = np.column_stack([features, np.full(samples, how.one)])
    wanted = classes[1:] if len(classes) == 2 else classes
    labels = [[1 if got == one else -1 for one in wanted] for got in found]
    return Dataset(
        name,
        frozen(features, np.int64),
        frozen(labels, np.int64),
        test=frozen(test, np.bool_),
        intercept=intercept,
        records=tuple(records),
        given_blocks=tuple(groups),
    )
