"""What a task hides beyond the paper's protocol: scores from the label holder, labels from all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.random import BitGenerator

from qnetsim import seeds
from qnetsim.arrays import IntArray, frozen

#: Whether the label holder has sums of scores decrypted, or works with their ciphertexts.
Scores = Literal["opened", "encrypted"]


@dataclass(frozen=True)
class TaskPrivacy:
    """What the parties of a task hide from each other.

    Attributes
    ----------
    scores : {"opened", "encrypted"}
    labels : ndarray of int64, shape (samples, classes), or None
        Labels that their holder learns from, in place of the true ones.
    """

    scores: Scores = "opened"
    labels: IntArray | None = None


#: The paper's protocol.
AS_IN_THE_PAPER = TaskPrivacy()


def randomised_response(labels: IntArray, epsilon: float, bits: BitGenerator) -> IntArray:
    """Labels of which each is another one with a probability that hides it.

    With K classes a label stays with probability e^ε / (e^ε + K − 1), and is else one of the
    others, each as likely. So what comes out makes no label more than e^ε times likelier than
    another, nor does anything that anybody works out from it: ε-differential privacy of labels.

    Parameters
    ----------
    labels : ndarray of int64, shape (samples, classes)
        ±1, one column for two classes.
    epsilon : float
    bits : BitGenerator

    Returns
    -------
    ndarray of int64, shape (samples, classes)
    """
    samples, columns = labels.shape
    classes = max(columns, 2)
    stays = 1 / (1 + (classes - 1) * float(np.exp(-epsilon)))
    moved = seeds.uniform(bits, samples) >= stays
    steps = 1 + np.floor(seeds.uniform(bits, samples) * (classes - 1)).astype(np.int64)
    if columns == 1:
        return frozen(np.where(moved[:, None], -labels, labels), np.int64)
    held = np.argmax(labels, axis=1)
    now = np.where(moved, (held + steps) % classes, held)
    return frozen(np.where(np.arange(classes) == now[:, None], 1, -1), np.int64)
