"""FedSAC trained anew at points of Figs. 7 and 8, where its shipped weights do not fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from qnetsim.case import open_case
from qnetsim.errors import UsageError, argument
from qnetsim.runs.workers import run_in_workers
from qnetsim.scenario import Scenario
from qnetsim.studies.paper.cost_figure import Budget, Changes, Point
from qnetsim.trace import make_folder

ALGORITHM = "fedsac"
#: Ten CPU seconds on NSFNET; with less demand (Fig. 9) it is within 5 % of the optimum by then.
EPOCHS = 10


@dataclass(frozen=True)
class PointTraining:
    """One training at a point; picklable, for a worker.

    Attributes
    ----------
    folder : Path
        Of the models.
    point : Point
    budget : Budget
        As in the runs: its seed draws the node pairs.
    common : mapping
        Values of keys that are the same at all points.
    """

    folder: Path
    point: Point
    budget: Budget
    common: Changes

    @property
    def out(self) -> Path:
        """The weights."""
        name = f"{self.point.name}-seed-{self.budget.seed}-{ALGORITHM}.safetensors"
        return self.folder / name

    @property
    def scenario(self) -> Scenario:
        """The point's scenario with as many epochs."""
        found = self.point.scenario(self.budget, self.common)
        learning = found.learning.model_copy(update={"epochs": EPOCHS})
        return found.model_copy(update={"learning": learning})

    def refuse_other(self) -> None:
        """Refuse weights of another training, or damaged ones.

        Raises
        ------
        UsageError
        """
        from qnetsim.policies.learned.weights import read_weights

        if read_weights(self.out).card.get("scenario_digest") != self.scenario.digest():
            raise UsageError(
                f"{self.out}: are the weights of another training; give another {argument('out')}"
            )

    @property
    def done(self) -> bool:
        """Whether the weights are there, and are those of this training."""
        if not self.out.exists():
            return False
        self.refuse_other()
        return True


def train_point(training: PointTraining) -> None:
    """Train one seed, and write the weights."""
    from qnetsim.learning.checkpoint import weights_of, write_weights
    from qnetsim.learning.train import Training, limit_threads

    limit_threads(1)
    learning = Training(open_case(training.scenario), ALGORITHM, (0,))
    learning.run()
    write_weights(training.out, weights_of(learning))


def train_points(
    trainings: Sequence[PointTraining], workers: int, progress: Callable[[int], None]
) -> None:
    """Train what is not there yet.

    Parameters
    ----------
    trainings : sequence of PointTraining
    workers : int
        Processes.
    progress : callable
        Told of trainings that are done.
    """
    missing = [training for training in trainings if not training.done]
    progress(len(trainings) - len(missing))
    for folder in {training.folder for training in missing}:
        make_folder(folder)
    if workers > 1 and len(missing) > 1:
        run_in_workers(train_point, missing, workers, lambda: progress(1))
        return
    for training in missing:
        train_point(training)
        progress(1)
