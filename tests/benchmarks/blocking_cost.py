"""What play and evaluation cost where requests may be blocked: in the kernel, and as arrays.

``python -m tests.benchmarks.blocking_cost fedsac decppo``: CPU seconds of learners in the scenario
``fel-rounds-stores``, with the settings of the table of policies; and of ten slots of NSFNET in
which many requests are tried one by one.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable
from unittest import mock

import numpy as np

from qnetsim.case import Case, load, open_case
from qnetsim.cli.set_option import changes_of
from qnetsim.learning import evaluate, train
from qnetsim.learning.blocking_environment import BlockingEnvironment
from qnetsim.learning.kernel_environment import KernelEnvironment
from qnetsim.learning.options import TrainingOptions
from qnetsim.learning.train import Training
from qnetsim.scenario import parse_scenario
from qnetsim.shipped import shipped_scenarios
from tests.support.table_learners import LEARNERS, ON_POLICY, TRAININGS

SCENARIO = "fel-rounds-stores"
#: Of which the quickest counts.
TRIES = 3
KINDS = (KernelEnvironment, BlockingEnvironment)
#: Requests, QKD wavelengths and worlds.
CROWDS = ((40, 30, 16), (1_000, 300, 16), (10_000, 3_000, 4))
CROWDED = """
[network]
topology = "nsfnet"
qkd_wavelengths = {wavelengths}
[cost]
blocking_cost = 1000.0
[demand]
requests = {requests}
coupling = "independent"
[learning]
reward_cost = "realised"
"""


def cpu_seconds(work: Callable[[], object]) -> float:
    """CPU seconds of a piece of work."""
    started = time.process_time()
    work()
    return time.process_time() - started


def case_of(learner: str) -> Case:
    """The scenario with the settings of a learner."""
    given = TRAININGS[SCENARIO]
    keys = {**given.learning, **given.by_learner[learner]}
    changes = changes_of([f"learning.{key}={value}" for key, value in keys.items()])
    return open_case(load(shipped_scenarios()[SCENARIO], changes=changes))


def costs(learner: str, kind: type[BlockingEnvironment | KernelEnvironment]) -> dict[str, float]:
    """CPU seconds by what they go into."""
    given = TRAININGS[SCENARIO]
    worlds = given.worlds_on_policy if learner in ON_POLICY else given.worlds
    with (
        mock.patch.object(train, "new_environment", kind),
        mock.patch.object(evaluate, "new_environment", kind),
    ):
        training = Training(case_of(learner), learner, [0], options=TrainingOptions(worlds=worlds))
    found: dict[str, list[float]] = {}
    for _ in range(TRIES):
        found.setdefault("play", []).append(cpu_seconds(training._play))
        learning = cpu_seconds(lambda: training.learner.iterate(training.epoch))
        found.setdefault("learning", []).append(learning)
        training.epoch += 1
    evaluation = training.evaluation
    found["first evaluation"] = [cpu_seconds(lambda: evaluation.cost(training.learner, 0))]
    found["next evaluation"] = [cpu_seconds(lambda: evaluation.cost(training.learner, 1))]
    return {part: min(seconds) for part, seconds in found.items()}


def crowded(
    kind: type[BlockingEnvironment | KernelEnvironment],
    requests: int,
    wavelengths: int,
    worlds: int,
) -> float:
    """CPU seconds of ten slots in which most that is asked for must be lit on demand."""
    text = CROWDED.format(requests=requests, wavelengths=wavelengths)
    environment = kind(open_case(parse_scenario(text)), list(range(worlds)), "test", slots=10)
    action = np.full((worlds, environment.units.count, 2), -0.9)

    epochs = itertools.count(1)

    def play() -> None:
        # runs of worlds that were not drawn before
        environment.begin(next(epochs))
        for _ in range(10):
            environment.step(action)

    return min(cpu_seconds(play) for _ in range(TRIES))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("learners", choices=LEARNERS, nargs="+")
    print("| learner | | in the kernel | as arrays |")
    print("|---|---|---|---|")
    for learner in parser.parse_args().learners:
        both = [costs(learner, kind) for kind in KINDS]
        for part in both[0]:
            print(f"| {learner} | {part} | {both[0][part]:.2f} | {both[1][part]:.2f} |")
    for crowd in CROWDS:
        what = "{} requests, {} QKD wavelengths, {} worlds".format(*crowd)
        kernel, arrays = (crowded(kind, *crowd) for kind in KINDS)
        print(f"| {what} | ten slots | {kernel:.2f} | {arrays:.2f} |")


if __name__ == "__main__":
    main()
