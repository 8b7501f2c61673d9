"""What decides the ends of Fig. 4's curves: step, scale of the features, or the loss itself.

In floating point, 30 rounds, means of five orders: ``python tests/benchmarks/fig4_reasons.py``.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from qnetsim.fel.arithmetic import ClassBalance
from qnetsim.fel.datasets import Dataset, load_dataset
from qnetsim.studies.paper.fig4 import ROUNDS

ORDERS = 5
SCALES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "0 … 1 (here)": lambda x: x,
    "0 … 1 and intercept": lambda x: np.column_stack([x, np.ones(len(x))]),
    "-1 … 1": lambda x: 2 * x - 1,
}
#: Steps as multiples of one over a curvature; None for the minimum itself.
STEPS = {"bound (here)": ("trace", 1.0), "eigenvalue": ("eigen", 1.0), "1.9 of it": ("eigen", 1.9)}


def loss(data: Dataset, features: np.ndarray, step: tuple[str, float] | None) -> float:
    """Class-balanced loss after training, or its minimum."""
    balance = ClassBalance(data.labels)
    weights = balance.weights / balance.scales
    found = []
    for c in range(data.classes):
        weighted = (features * weights[:, [c]]).T
        curvature, slope = weighted @ features / 4, weighted @ data.labels[:, c] / 2
        parameters = np.zeros(features.shape[1])
        if step is None:
            parameters = np.linalg.lstsq(curvature, slope, rcond=None)[0]
        else:
            largest = np.linalg.eigvalsh(curvature)[-1]
            rate = step[1] / (largest if step[0] == "eigen" else np.trace(curvature))
            for _ in range(ROUNDS):
                parameters -= rate * (curvature @ parameters - slope)
        found.append(math.log(2) - slope @ parameters + parameters @ curvature @ parameters / 2)
    return float(np.mean(found))


def main() -> None:
    """Print a table for digits."""
    data = load_dataset("digits")
    features = data.features / data.features.max()
    blocks = [data.blocks(1, order) for order in range(ORDERS)]
    for name, scale in SCALES.items():
        for title, step in {**STEPS, "minimum": None}.items():
            row = [
                np.mean(
                    [loss(data, scale(features[:, np.concatenate(b[:n])]), step) for b in blocks]
                )
                for n in (1, 2, 5, len(blocks[0]))
            ]
            print(f"{name:22}{title:14}", *(f"{value:.3f}" for value in row))


if __name__ == "__main__":
    main()
