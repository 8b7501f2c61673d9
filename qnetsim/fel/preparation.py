"""What is done to raw features ahead of training: checks, scaling, records that are held out."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from qnetsim import seeds
from qnetsim.arrays import BoolArray, FloatArray, IntArray
from qnetsim.errors import UsageError
from qnetsim.plain_text import counted

#: Fractional bits of a feature.
FEATURE_BITS = 12
#: Largest raw number, in absolute value: sums and squares of such numbers stay finite.
LARGEST = 1e100
#: Standard deviations that count as 1 where features are standardised, and beyond which they are
#: cut off: so a feature stays within ±1, as the slots of the encryption need it.
SPAN_DEVIATIONS = 8
#: Most that a feature of a held-out record may lie beyond the range of the training records.
MOST_BEYOND = 8


@dataclass(frozen=True)
class Preparation:
    """What a task does to its data ahead of training.

    Attributes
    ----------
    standardise : bool
        Features have mean 0 and deviation 1 over the training records, in units of
        ``SPAN_DEVIATIONS``; else they lie in 0 … 1 over their range.
    intercept : bool
        Give the label holder a constant feature, which no penalty applies to.
    test_share : float
        Share of the records that is held out of training.
    """

    standardise: bool = False
    intercept: bool = False
    test_share: float = 0.0

    @property
    def one(self) -> int:
        """The constant feature in fixed point."""
        unit = 1 << FEATURE_BITS
        return unit // SPAN_DEVIATIONS if self.standardise else unit


def held_out(records: Sequence[str], share: float, seed: int, *name: str | int) -> BoolArray:
    """Draw the records that are held out, by their identifiers.

    Who knows the salt and the records finds the same ones, in whatever order it has them: the
    workers need no message for it.

    Parameters
    ----------
    records : sequence of str
    share : float
        Of the records, rounded to a whole number of them.
    seed : int
    *name : str or int
        Names the stream of the salt.

    Returns
    -------
    ndarray of bool, shape (records,)

    Raises
    ------
    UsageError
        None would be held out, or none be left.
    """
    count = round(share * len(records))
    if not 0 < count < len(records):
        raise UsageError(
            f"a share of {share:g} of {len(records):,} records holds {count:,} out; at least one "
            "must be held out, and one be left for training"
        )
    salt = seeds.bits(seeds.stream(seed, "fel", "held out", *name), 256).to_bytes(32, "big")
    hashes = [hashlib.sha256(salt + record.encode()).digest() for record in records]
    chosen = sorted(range(len(records)), key=lambda i: (hashes[i], i))[:count]
    found = np.zeros(len(records), dtype=bool)
    found[chosen] = True
    return found


def checked_numbers(name: str, raw: object) -> FloatArray:
    """Raw features as numbers, shape (samples, features).

    Raises
    ------
    UsageError
        Naming the first value that is no number, or too large, and where it stands.
    """
    try:
        given = np.asarray(raw)
    except ValueError as error:
        raise UsageError(f"data set {name!r}: the rows are not of one length ({error})") from None
    if given.ndim != 2:
        shape = "×".join(map(str, given.shape)) or "a single value"
        raise UsageError(
            f"data set {name!r}: the features are of shape {shape}; allowed: two dimensions, "
            "(samples, features)"
        )
    if not given.size:
        raise UsageError(
            f"data set {name!r}: is empty (shape {given.shape[0]}×{given.shape[1]}); allowed: at "
            "least two samples and one feature"
        )
    if given.dtype.kind in "biuf":
        values = given.astype(np.float64)
    else:
        values = np.array([[_number(cell) for cell in row] for row in given.tolist()])
    wrong = ~(np.abs(values) <= LARGEST)
    if wrong.any():
        row, column = np.argwhere(wrong)[0].tolist()
        shown = repr(given[row, column].item() if given.dtype != object else given[row, column])
        shown = shown if len(shown) <= 60 else f"{shown[:57]}…"
        raise UsageError(
            f"data set {name!r}: sample {row}, feature {column}: {shown} is not allowed; allowed: "
            f"finite numbers of at most {LARGEST:g} in absolute value"
        )
    return values


def _number(cell: object) -> float:
    """A cell of an array of objects; not a number where it is none."""
    # text is no number, whatever it says: who means a number converts it
    if isinstance(cell, bool | int | float | np.number):
        try:
            return float(cell)
        except OverflowError:
            pass
    return float("nan")


def checked_classes(name: str, target: object, samples: int) -> list[object]:
    """Class of each sample.

    Raises
    ------
    UsageError
        It is no sequence with one class for each, or a class is missing.
    """
    if isinstance(target, str | bytes) or not hasattr(target, "__len__"):
        raise UsageError(
            f"data set {name!r}: the classes are {type(target).__name__}; allowed: a sequence with "
            "one for each sample"
        )
    if isinstance(target, np.ndarray) and target.ndim != 1:
        raise UsageError(
            f"data set {name!r}: the classes are of shape {'×'.join(map(str, target.shape))}; "
            "allowed: one dimension, a class for each sample (one-hot classes are turned by "
            "`argmax(axis=1)`)"
        )
    found: list[object] = list(target)  # type: ignore[call-overload]
    if len(found) != samples:
        raise UsageError(
            f"data set {name!r}: has {counted(samples, 'sample')} and "
            f"{counted(len(found), 'class', 'classes')}; one class for each sample is needed"
        )
    for i, one in enumerate(found):
        if isinstance(one, np.generic):
            found[i] = one = one.item()
        if one is None or one != one or not isinstance(one, str | bool | int | float):
            raise UsageError(
                f"data set {name!r}: sample {i}: {one!r} is no class; allowed: text, a whole "
                "number, or a number"
            )
    return found


def scaled(values: FloatArray, training: BoolArray, *, standardise: bool) -> IntArray:
    """Features in fixed point, each by what its training records say of it.

    Every feature lies with one worker, so that nothing has to be pooled for it. A feature that is
    constant over the training records becomes 0.

    Parameters
    ----------
    values : ndarray of float64, shape (samples, features)
    training : ndarray of bool, shape (samples,)
    standardise : bool

    Returns
    -------
    ndarray of int64, shape (samples, features)
    """
    known = values[training]
    if standardise:
        middle = known.mean(axis=0)
        width = known.std(axis=0) * SPAN_DEVIATIONS
        share = (values - middle) / np.where(width > 0, width, 1.0)
        share = np.clip(np.where(width > 0, share, 0.0), -1.0, 1.0)
    else:
        lowest = known.min(axis=0)
        width = np.ptp(known, axis=0)
        # a constant feature becomes 0
        share = (values - lowest) / np.where(width > 0, width, 1.0)
        if not training.all():
            share = np.clip(np.where(width > 0, share, 0.0), -MOST_BEYOND, MOST_BEYOND)
    found: npt.NDArray[np.float64] = np.floor(share * 2**FEATURE_BITS + 0.5)
    return found.astype(np.int64)
