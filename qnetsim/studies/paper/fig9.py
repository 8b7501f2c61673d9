"""Fig. 9: how fast the learning policies come near the optimum, on both topologies.

Three settings: the paper's with the whole network's cost as the reward, Eq (21); the paper's with
that of the own fibres; and the tuned ones of the shipped scenarios. Beside them stands a control
with less demand: in the paper's default the middle of the range of actions is nearly the best one,
so that an untrained mean action is near the optimum, and there it is not. A seed has converged at
the first epoch from which the cost of drawn actions stays within 5 % of sip's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from qnetsim.analysis.figures.policy_marks import marked_line, policy_colour
from qnetsim.analysis.figures.style import SCREEN, Style, hide_frame, styled
from qnetsim.analysis.learning_curves import bootstrap, converged, interquartile_mean
from qnetsim.arrays import FloatArray
from qnetsim.case import load, open_case
from qnetsim.errors import UsageError, argument
from qnetsim.scenario import LearningTable, Scenario
from qnetsim.shipped import shipped_scenarios
from qnetsim.studies.paper.paper_claims import epochs_claimed
from qnetsim.trace.files.curve_file import read_curve, write_curve
from qnetsim.trace.hdf5.files import refuse_linked_folder

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TOPOLOGIES = ("nsfnet", "usnet")
ALGORITHMS = ("fedsac", "decsac", "decppo")
#: Epochs to convergence that the paper reads off its figure.
CLAIMS = {
    topology: {name: epochs_claimed(topology, name).details["epochs"] for name in ALGORITHMS}
    for topology in TOPOLOGIES
}
#: No reading of the paper: the best level lies off the middle of the range of actions.
CONTROL = "tuned, off centre"
#: Settings with the parameters that the paper states.
STATED = ("paper, network reward", "paper, own reward")
SETTINGS = (*STATED, "tuned", CONTROL)
#: Mean of the demand there; the best level is 2 of 0 … 9.
CONTROL_MEAN = 1.0


@dataclass(frozen=True)
class AlgorithmCurve:
    """One algorithm in one setting on one topology.

    Attributes
    ----------
    topology, setting, algorithm : str
    stochastic, deterministic : ndarray of float64, shape (epochs + 1, seeds)
        Cost over C* of drawn actions and of mean actions.
    cpu_s : float
        CPU seconds of the training.
    """

    topology: str
    setting: str
    algorithm: str
    stochastic: FloatArray
    deterministic: FloatArray
    cpu_s: float

    @property
    def converged_at(self) -> FloatArray:
        """Epoch of convergence of each seed; infinite for one that did not converge."""
        return converged(self.stochastic)

    @property
    def verdict(self) -> str:
        """Where the median epoch of convergence lies beside the paper's number."""
        if self.setting == CONTROL:
            return "control"
        median = float(np.median(self.converged_at))
        low, high = epochs_claimed(self.topology, self.algorithm).size
        if np.isinf(median):
            return "does not converge"
        if median < low:
            return "faster than claimed"
        return "as claimed" if median <= high else "slower than claimed"

    @property
    def summary(self) -> CurveSummary:
        """Its numbers, without the curve."""
        drawn, mean = interquartile_mean(self.stochastic), interquartile_mean(self.deterministic)
        return CurveSummary(
            topology=self.topology,
            setting=self.setting,
            algorithm=self.algorithm,
            epochs=len(self.stochastic) - 1,
            converged_at=tuple(None if np.isinf(x) else int(x) for x in self.converged_at),
            first_drawn=float(drawn[0]),
            last_drawn=float(drawn[-1]),
            first_mean=float(mean[0]),
            last_mean=float(mean[-1]),
            cpu_s=self.cpu_s,
        )


@dataclass(frozen=True)
class CurveSummary:
    """The numbers of a curve: interquartile means over the seeds.

    Attributes
    ----------
    topology, setting, algorithm : str
    epochs : int
    converged_at : tuple of (int or None)
        Epoch of convergence of each seed; None for one that did not converge.
    first_drawn, last_drawn, first_mean, last_mean : float
        Cost over C* of drawn and of mean actions, ahead of the training and at its end.
    cpu_s : float
        CPU seconds of the training.
    """

    topology: str
    setting: str
    algorithm: str
    epochs: int
    converged_at: tuple[int | None, ...]
    first_drawn: float
    last_drawn: float
    first_mean: float
    last_mean: float
    cpu_s: float

    @property
    def median(self) -> float:
        """Median epoch of convergence; infinite where half of the seeds did not converge."""
        return float(np.median([np.inf if x is None else x for x in self.converged_at]))


def scenario_of(topology: str, setting: str, epochs: int | None) -> Scenario:
    """Shipped scenario of a topology, with the learning of one of the ``SETTINGS``."""
    found = load(shipped_scenarios()[topology])
    if setting == "paper, network reward":
        learning = LearningTable()
    elif setting == "paper, own reward":
        learning = LearningTable(reward_scope="own")
    else:
        learning = found.learning
    if setting == CONTROL:
        demand = found.demand.model_copy(update={"mean": CONTROL_MEAN})
        found = found.model_copy(update={"demand": demand})
    if epochs is not None:
        learning = learning.model_copy(update={"epochs": min(epochs, learning.epochs)})
    return found.model_copy(update={"learning": learning})


def compute(
    folder: Path,
    seeds: int,
    epochs: int | None = None,
    topologies: Sequence[str] = TOPOLOGIES,
    progress: Callable[[int], None] = lambda done: None,
    settings: Sequence[str] = SETTINGS,
) -> Iterator[AlgorithmCurve]:
    """Train everything, one curve after the other; those that are in the folder are read.

    Parameters
    ----------
    folder : Path
        Keeps one file for each curve.
    seeds : int
        Trainings of each algorithm, side by side.
    epochs : int, optional
        At most so many.
    topologies : sequence of str
    progress : callable
        Told of every epoch that is done, for all seeds.
    settings : sequence of str
        Of ``SETTINGS``.
    """
    from qnetsim.learning.train import Training, limit_threads
    from qnetsim.learning.training_record import training_record

    refuse_linked_folder(folder)
    limit_threads(1)
    for topology in topologies:
        for setting in settings:
            scenario = scenario_of(topology, setting, epochs)
            for algorithm in ALGORITHMS:
                name = f"{topology}-{setting.replace(', ', '-').replace(' ', '-')}-{algorithm}.h5"
                path = folder / name
                if not _is_done(path, scenario, seeds):
                    training = Training(open_case(scenario), algorithm, range(seeds))
                    training.run(done=lambda now: progress(1 if now.epoch else 0))
                    write_curve(path, training_record(training))
                else:
                    progress(scenario.learning.epochs)
                yield _read_curve(path, topology, setting, algorithm)


def total_epochs(
    epochs: int | None, topologies: Sequence[str], settings: Sequence[str] = SETTINGS
) -> int:
    """Epochs of all curves together."""
    each = (
        scenario_of(topology, setting, epochs).learning.epochs
        for topology in topologies
        for setting in settings
    )
    return len(ALGORITHMS) * sum(each)


def _is_done(path: Path, scenario: Scenario, seeds: int) -> bool:
    """Whether the curve is there.

    Raises
    ------
    UsageError
        The curve of another training is: hours of work, which are not overwritten.
    """
    if not path.exists():
        return False
    record = read_curve(path)
    same = record.provenance.get("scenario_digest") == scenario.digest()
    if not same or len(record.columns["curve/seed"]) != seeds:
        raise UsageError(
            f"{path}: is the curve of a training with other settings or another number of seeds; "
            f"give another {argument('out')}"
        )
    return True


def _read_curve(path: Path, topology: str, setting: str, algorithm: str) -> AlgorithmCurve:
    columns = read_curve(path).columns
    return AlgorithmCurve(
        topology=topology,
        setting=setting,
        algorithm=algorithm,
        stochastic=columns["curve/stochastic"],
        deterministic=columns["curve/deterministic"],
        cpu_s=float(columns["curve/cpu_s"][-1]),
    )


@styled
def figure(lines: list[AlgorithmCurve], *, style: Style = SCREEN) -> Figure:
    """Interquartile mean over the seeds against epochs, with bootstrap intervals."""
    topologies = list(dict.fromkeys(line.topology for line in lines))
    settings = list(dict.fromkeys(line.setting for line in lines))
    drawn = style.canvas(3.6 * len(settings), 3 * len(topologies))
    axes = drawn.subplots(len(topologies), len(settings), sharey=True, squeeze=False)
    # some learn worse ones first, and the control begins further off
    top = max(1.6, *(1.02 * float(interquartile_mean(line.stochastic).max()) for line in lines))
    names = {"fedsac": "FedSAC", "decsac": "DecSAC", "decppo": "DecPPO"}
    for line in lines:
        place = axes[topologies.index(line.topology), settings.index(line.setting)]
        epochs = np.arange(len(line.stochastic))
        number = ALGORITHMS.index(line.algorithm)
        colour = policy_colour(number)
        look = marked_line(number, style)
        middle = interquartile_mean(line.stochastic)
        low, high = bootstrap(line.stochastic)
        place.plot(epochs, middle, label=names[line.algorithm], **look)
        place.fill_between(epochs, low, high, color=colour, alpha=0.2, linewidth=0)
        mean = interquartile_mean(line.deterministic)
        place.plot(epochs, mean, **(look | {"lw": 0.8 * style.line, "marker": None}))
        claim = CLAIMS[line.topology][line.algorithm]
        if claim <= epochs[-1] and line.setting != CONTROL:
            mark: dict[str, Any] = {"marker": look["marker"], "color": colour, "mfc": "white"}
            place.plot([claim], [0.985], clip_on=False, ms=6 * style.line, **mark)
    for row, topology in enumerate(topologies):
        for column, setting in enumerate(settings):
            place = axes[row, column]
            place.set_title(f"{topology}: {setting}", fontsize=style.font_pt)
            place.set_ylim(0.98, top)
            place.axhline(1.05, color="#888888", linewidth=0.8, linestyle="--")
            hide_frame(place)
            place.set_xlabel("epoch")
        axes[row, 0].set_ylabel("cost / C*")
    axes[0, 0].legend(handlelength=2.8)
    return drawn
