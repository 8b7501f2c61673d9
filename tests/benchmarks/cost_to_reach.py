"""CPU seconds until a learner is within 5 % of C*, seed by seed: shipped and faster settings.

``python -m tests.benchmarks.cost_to_reach``: a table of learning.md. The scenario is
``nsfnet``, one training after another, on one thread; evaluation is not counted.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from qnetsim.analysis.learning_curves import converged
from qnetsim.case import load, open_case
from qnetsim.learning.options import TrainingOptions
from qnetsim.learning.train import Training, limit_threads
from qnetsim.shipped import shipped_scenarios


class Settings(NamedTuple):
    """What differs from the scenario, and worlds side by side."""

    learning: Mapping[str, object] = {}
    worlds: int = 1

    def __str__(self) -> str:
        said = [f"`--worlds {self.worlds}`"] if self.worlds > 1 else []
        return ", ".join([*said, *(f"`{key} = {value}`" for key, value in self.learning.items())])


SMALL = {"hidden_units": 32, "batch": 32}
#: Fewer updates, from more worlds, with larger rates.
FEWER = {"slots_per_epoch": 10, "updates_per_epoch": 25, "policy_rate": 0.008, "q_rate": 0.01}
#: Epochs of FedSAC are cut short: it is there within the first one.
SHORT = {"slots_per_epoch": 20, "updates_per_epoch": 20}
#: The scenario's settings, as far as they are used, and faster ones.
PAIRS = {
    "fedsac": (
        Settings(SHORT),
        Settings(
            {"slots_per_epoch": 1, "updates_per_epoch": 10, "policy_rate": 0.004, **SMALL}, 20
        ),
    ),
    "decsac": (Settings(), Settings(SMALL)),
    "decppo": (Settings(), Settings(FEWER, 10)),
    "masac": (Settings({"replay": 20_000}), Settings({"replay": 20_000, **SMALL})),
    "mappo": (Settings(), Settings(FEWER, 10)),
}


def reached(algorithm: str, settings: Settings, seed: int) -> str:
    """CPU seconds and epochs of one training, or where it ends."""
    changes = {("learning", key): value for key, value in settings.learning.items()}
    case = open_case(load(shipped_scenarios()["nsfnet"], changes=changes))
    options = TrainingOptions(worlds=settings.worlds)
    curve = Training(case, algorithm, [seed], options=options).run()
    costs = np.array(curve.stochastic)[:, 0]
    epoch = converged(costs[:, None])[0]
    if np.isinf(epoch):
        return f"{costs[-1]:.3f} after {curve.cpu_s[-1]:.1f}"
    return f"{curve.cpu_s[int(epoch)]:.2f} ({int(epoch)})"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", choices=list(PAIRS), nargs="*", default=list(PAIRS))
    given = parser.parse_args()
    limit_threads(1)
    print("| | with | CPU seconds (epoch) of each seed, or the cost where it ends |\n|---|---|---|")
    for algorithm in given.only:
        for settings in PAIRS[algorithm]:
            found = [reached(algorithm, settings, seed) for seed in range(given.seeds)]
            said = str(settings) or "as shipped"
            print(f"| {algorithm} | {said} | {', '.join(found)} |", flush=True)


if __name__ == "__main__":
    main()
