"""CPU seconds until a learner is within 5 % of C*, seed by seed: shipped and faster settings.

``python -m tests.benchmarks.cost_to_reach``: a table of training.md. The scenario is
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
        said += [f"`{key} = {value}`" for key, value in self.learning.items()]
        return ", ".join(said) or "as shipped"


#: DecPPO's and MAPPO's: few slots in many worlds, and mini-batches of nearly a whole epoch.
SIDE_BY_SIDE = {
    "slots_per_epoch": 5,
    "updates_per_epoch": 20,
    "batch": 200,
    "hidden_units": 16,
    "policy_rate": 0.005,
    "q_rate": 0.003,
}
#: The scenario's settings, as far as they are used, and faster ones. A short replay does not serve
#: MASAC.
PAIRS = {
    "fedsac": (
        Settings(),
        Settings(
            {
                "slots_per_epoch": 1,
                "updates_per_epoch": 10,
                "batch": 32,
                "hidden_units": 32,
                "policy_rate": 0.003,
                "q_rate": 0.006,
            },
            20,
        ),
    ),
    "decsac": (
        Settings(),
        Settings(
            {
                "slots_per_epoch": 5,
                "updates_per_epoch": 25,
                "batch": 128,
                "hidden_units": 32,
                "hidden_layers": 1,
                "q_rate": 0.01,
                "replay": 1000,
            },
            50,
        ),
    ),
    "decppo": (Settings(), Settings(SIDE_BY_SIDE, 50)),
    "masac": (
        Settings({"replay": 20_000}),
        Settings(
            {
                "slots_per_epoch": 4,
                "updates_per_epoch": 50,
                "policy_rate": 0.0005,
                "q_rate": 0.004,
                "replay": 4000,
            },
            100,
        ),
    ),
    "mappo": (Settings(), Settings(SIDE_BY_SIDE, 50)),
}


class Reached(NamedTuple):
    """CPU seconds of one training until it is there, infinite if it is not, and what is printed."""

    cpu_s: float
    said: str


def reached(algorithm: str, settings: Settings, seed: int) -> Reached:
    """CPU seconds and epoch of one training, or the cost where it ends."""
    changes = {("learning", key): value for key, value in settings.learning.items()}
    case = open_case(load(shipped_scenarios()["nsfnet"], changes=changes))
    options = TrainingOptions(worlds=settings.worlds)
    curve = Training(case, algorithm, [seed], options=options).run()
    costs = np.array(curve.stochastic)
    epoch = converged(costs)[0]
    if np.isinf(epoch):
        return Reached(np.inf, f"{costs[-1, 0]:.3f} after {curve.cpu_s[-1]:.1f}")
    cpu_s = curve.cpu_s[int(epoch)]
    return Reached(cpu_s, f"{cpu_s:.2f} ({int(epoch)})")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    # the faster settings were chosen with the seeds 0 to 2
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(10, 15)))
    parser.add_argument("--only", choices=list(PAIRS), nargs="+", default=list(PAIRS))
    given = parser.parse_args()
    limit_threads(1)
    print("| | with | median (range) | CPU seconds (epoch) of each seed, or the cost at its end |")
    print("|---|---|---|---|")
    for algorithm in given.only:
        for settings in PAIRS[algorithm]:
            found = [reached(algorithm, settings, seed) for seed in given.seeds]
            cpu_s = sorted(one.cpu_s for one in found)
            middle = f"{np.median(cpu_s):.2f} ({cpu_s[0]:.2f} … {cpu_s[-1]:.2f})"
            each = ", ".join(one.said for one in found)
            middle = middle.replace("inf", "never")
            print(f"| {algorithm} | {settings} | {middle} | {each} |", flush=True)


if __name__ == "__main__":
    main()
