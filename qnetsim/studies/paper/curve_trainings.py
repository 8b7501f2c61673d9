"""Trainings of Fig. 9: one file for each policy, seed, topology and setting.

Seeds of a policy are trained a few at a time, which costs a third less than one by one and gives
the same numbers. What is there is verified and kept, so that the same call goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from qnetsim.case import open_case
from qnetsim.errors import UsageError, argument
from qnetsim.runs.workers import run_in_workers
from qnetsim.scenario import Scenario
from qnetsim.studies.paper.cost_figure import Changes
from qnetsim.studies.paper.curve_settings import SETTINGS, CurveSetting
from qnetsim.trace.files.curve_file import CurveRecord, read_curve, write_curve
from qnetsim.trace.hdf5.files import refuse_linked_folder

#: Seeds that are trained side by side.
TOGETHER = 4


@dataclass(frozen=True)
class CurveTraining:
    """A policy in a setting on a topology, trained with some seeds; picklable, for a worker.

    Attributes
    ----------
    folder : Path
    topology : str
    setting : str
        Of ``SETTINGS``.
    algorithm : str
    seeds : tuple of int
    most_epochs : int or None
        At most so many.
    common : mapping
        Values of keys that are the same in all settings.
    """

    folder: Path
    topology: str
    setting: str
    algorithm: str
    seeds: tuple[int, ...]
    most_epochs: int | None = None
    common: Changes = field(default_factory=dict, hash=False)

    @property
    def scenario(self) -> Scenario:
        """What is trained in."""
        return self.of.scenario(self.topology, self.most_epochs, self.common)

    @property
    def of(self) -> CurveSetting:
        """Its setting."""
        return SETTINGS[self.setting]

    def path(self, seed: int) -> Path:
        """File of a seed."""
        name = f"{self.topology}-{self.of.slug}-{self.algorithm}-seed-{seed:03d}.h5"
        return self.folder / name

    @property
    def out(self) -> Path:
        """File of the first seed."""
        return self.path(self.seeds[0])

    @property
    def epochs(self) -> int:
        """Epochs of all seeds together."""
        return len(self.seeds) * self.scenario.learning.epochs

    @property
    def about(self) -> dict[str, object]:
        """What a file says of its training, beside the scenario and the seed."""
        return {"policy": self.algorithm, "setting": self.setting}

    def read(self) -> dict[int, CurveRecord]:
        """Curves of the seeds that are there.

        Raises
        ------
        UsageError
            That of another training is: hours of work, which are not overwritten.
        """
        digest = self.scenario.digest()
        found = {}
        for seed in self.seeds:
            path = self.path(seed)
            if not path.exists():
                continue
            record = found[seed] = read_curve(path)
            told = {**record.provenance, "seeds": record.columns["curve/seed"].tolist()}
            wanted = self.about | {"scenario_digest": digest, "seeds": [seed]}
            if not wanted.items() <= told.items():
                raise UsageError(
                    f"{path}: is the curve of another training; give another {argument('out')}"
                )
        return found

    def parts(self) -> Iterator[CurveTraining]:
        """Trainings of the seeds that are not there, a few seeds each, about as many in each."""
        there = self.read()
        missing = [seed for seed in self.seeds if seed not in there]
        if missing:
            for part in np.array_split(missing, -(-len(missing) // TOGETHER)):
                yield replace(self, seeds=tuple(part.tolist()))


def train(training: CurveTraining, progress: Callable[[int], None] = lambda done: None) -> None:
    """Train the seeds side by side, and write a file for each.

    Parameters
    ----------
    training : CurveTraining
    progress : callable
        Told of epochs that are done, those of all seeds together.
    """
    from qnetsim.learning.train import Training, limit_threads
    from qnetsim.learning.training_record import training_record
    from qnetsim.studies.paper.shared_moments import share_moments

    limit_threads(1)
    case = open_case(training.scenario)
    learning = Training(case, training.algorithm, training.seeds)
    if training.of.shared_moments:
        share_moments(learning)
    learning.run(done=lambda now: progress(len(training.seeds) if now.epoch else 0))
    record = training_record(learning)
    told = {**record.provenance, "setting": training.setting}
    record = replace(record, provenance=told)
    for place, seed in enumerate(training.seeds):
        write_curve(training.path(seed), _of_one(record, place))


def _of_one(record: CurveRecord, place: int) -> CurveRecord:
    """Curve of one seed, with its share of the time."""
    columns = dict(record.columns)
    count = len(columns["curve/seed"])
    for name in ("curve/stochastic", "curve/deterministic"):
        columns[name] = columns[name][:, place : place + 1]
    columns["curve/seed"] = columns["curve/seed"][place : place + 1]
    columns["curve/cpu_s"] = columns["curve/cpu_s"] / count
    return replace(record, columns=columns)


def train_all(
    trainings: Sequence[CurveTraining],
    workers: int,
    progress: Callable[[int], None] = lambda done: None,
) -> None:
    """Train what is not there yet.

    Parameters
    ----------
    trainings : sequence of CurveTraining
    workers : int
        Processes; the curves are the same for any number.
    progress : callable
        Told of epochs that are done, those of all seeds together.
    """
    for folder in {training.folder for training in trainings}:
        refuse_linked_folder(folder)
    parts = [part for training in trainings for part in training.parts()]
    # the longest first, so that no worker is left alone with one at the end
    parts.sort(key=lambda part: -part.epochs)
    progress(sum(t.epochs for t in trainings) - sum(part.epochs for part in parts))
    if workers <= 1 or len(parts) <= 1:
        for part in parts:
            train(part, progress)
        return
    pending = set(parts)

    def done() -> None:
        for part in [part for part in pending if part.out.exists()]:
            pending.remove(part)
            progress(part.epochs)

    run_in_workers(train, parts, workers, done)
