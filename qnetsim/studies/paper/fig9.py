"""Fig. 9: how fast the learning policies come near the optimum, on both topologies.

The paper's settings are trained under each reading of what it leaves open, beside tuned ones and
controls. In the paper's default the middle of the range of actions is nearly the best one, so that
an untrained mean action is near the optimum; in the controls it is not. A seed has converged at the
first epoch from which the cost of drawn actions stays within 5 % of sip's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from qnetsim.analysis.figures.policy_marks import marked_line, policy_colour
from qnetsim.analysis.figures.style import SCREEN, Style, hide_frame, styled
from qnetsim.analysis.learning_curves import bootstrap, converged, interquartile_mean
from qnetsim.arrays import FloatArray
from qnetsim.studies.paper.cost_drawing import TITLES
from qnetsim.studies.paper.cost_figure import TOPOLOGIES, Changes
from qnetsim.studies.paper.curve_settings import ALGORITHMS, SETTINGS
from qnetsim.studies.paper.curve_trainings import CurveTraining, train_all
from qnetsim.studies.paper.paper_claims import epochs_claimed
from qnetsim.trace.files.curve_file import CurveRecord

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Epochs to convergence that the paper reads off its figure.
CLAIMS = {
    topology: {name: epochs_claimed(topology, name).details["epochs"] for name in ALGORITHMS}
    for topology in TOPOLOGIES
}
NAMES = {"fedsac": "FedSAC", "decsac": "DecSAC", "decppo": "DecPPO"}
#: Settings that are drawn; the others stand in the table.
DRAWN = (
    "paper, network reward",
    "paper, own reward",
    "tuned",
    "tuned, less demand",
    "tuned, 20 channels",
)


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
        setting = SETTINGS[self.setting]
        if not setting.stated:
            return "control" if setting.control else "not the paper's settings"
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
        low, high = bootstrap(self.stochastic[-1:])
        return CurveSummary(
            topology=self.topology,
            setting=self.setting,
            algorithm=self.algorithm,
            epochs=len(self.stochastic) - 1,
            converged_at=_told(self.converged_at),
            mean_at=_told(converged(self.deterministic)),
            first_drawn=float(drawn[0]),
            second_drawn=float(drawn[1]),
            last_drawn=float(drawn[-1]),
            last_drawn_range=(float(low[0]), float(high[0])),
            first_mean=float(mean[0]),
            second_mean=float(mean[1]),
            last_mean=float(mean[-1]),
            worst_mean=float(self.deterministic[-1].max()),
            cpu_s=self.cpu_s,
        )


def _told(epochs: FloatArray) -> tuple[int | None, ...]:
    return tuple(None if np.isinf(x) else int(x) for x in epochs)


@dataclass(frozen=True)
class CurveSummary:
    """The numbers of a curve: interquartile means over the seeds.

    Attributes
    ----------
    topology, setting, algorithm : str
    epochs : int
    converged_at, mean_at : tuple of (int or None)
        Epoch of convergence of each seed, of drawn and of mean actions; None for one that did not
        converge.
    first_drawn, second_drawn, last_drawn : float
        Cost over C* of drawn actions: ahead of the training, after one epoch, and at its end.
    last_drawn_range : (float, float)
        95 % bootstrap interval of the last.
    first_mean, second_mean, last_mean : float
        The same of mean actions.
    worst_mean : float
        Of the seed whose mean actions cost most at the end.
    cpu_s : float
        CPU seconds of the training.
    """

    topology: str
    setting: str
    algorithm: str
    epochs: int
    converged_at: tuple[int | None, ...]
    mean_at: tuple[int | None, ...]
    first_drawn: float
    second_drawn: float
    last_drawn: float
    last_drawn_range: tuple[float, float]
    first_mean: float
    second_mean: float
    last_mean: float
    worst_mean: float
    cpu_s: float

    @property
    def seeds(self) -> int:
        """How many seeds it was trained with."""
        return len(self.converged_at)

    @property
    def median(self) -> float:
        """Median epoch of convergence of drawn actions; infinite where half did not converge."""
        return median_epoch(self.converged_at)


def median_epoch(epochs: Sequence[int | None]) -> float:
    """Median of epochs of convergence; None counts as infinite."""
    return float(np.median([np.inf if x is None else x for x in epochs]))


@dataclass(frozen=True)
class CurveStudy:
    """Which curves are wanted.

    Attributes
    ----------
    folder : Path
        Keeps one file for each training.
    seeds : int
        Trainings of each policy.
    epochs : int or None
        At most so many.
    topologies, settings : sequence of str
    trained : bool
        Show the trainings that are in the folder, and make no more.
    workers : int
        Processes.
    common : mapping
        Values of keys that are the same in all settings.
    """

    folder: Path
    seeds: int
    epochs: int | None = None
    topologies: Sequence[str] = TOPOLOGIES
    settings: Sequence[str] = tuple(SETTINGS)
    trained: bool = False
    workers: int = 1
    common: Changes = field(default_factory=dict)

    def trainings(self) -> list[CurveTraining]:
        """All of them, done or not."""
        return [
            CurveTraining(
                folder=self.folder,
                topology=topology,
                setting=setting,
                algorithm=algorithm,
                seeds=tuple(range(self.seeds)),
                most_epochs=self.epochs,
                common=self.common,
            )
            for topology in self.topologies
            for setting in self.settings
            for algorithm in SETTINGS[setting].algorithms
        ]

    @property
    def total_epochs(self) -> int:
        """Epochs of all trainings together."""
        return sum(training.epochs for training in self.trainings())


def compute(
    study: CurveStudy, progress: Callable[[int], None] = lambda done: None
) -> Iterator[AlgorithmCurve]:
    """Train what is not there, and read all curves; one without a seed is left out.

    Parameters
    ----------
    study : CurveStudy
    progress : callable
        Told of epochs that are done, each seed's counted.
    """
    trainings = study.trainings()
    if not study.trained:
        train_all(trainings, study.workers, progress)
    for training in trainings:
        records = training.read()
        if records:
            yield _curve(training, records)


def _curve(training: CurveTraining, records: Mapping[int, CurveRecord]) -> AlgorithmCurve:
    def stacked(name: str) -> FloatArray:
        return np.concatenate([record.columns[f"curve/{name}"] for record in records.values()], 1)

    return AlgorithmCurve(
        topology=training.topology,
        setting=training.setting,
        algorithm=training.algorithm,
        stochastic=stacked("stochastic"),
        deterministic=stacked("deterministic"),
        cpu_s=float(sum(record.columns["curve/cpu_s"][-1] for record in records.values())),
    )


@styled
def figure(lines: Sequence[AlgorithmCurve], *, style: Style = SCREEN) -> Figure:
    """Interquartile mean over the seeds against epochs, with bootstrap intervals."""
    shown = [line for line in lines if line.setting in DRAWN] or list(lines)
    topologies = list(dict.fromkeys(line.topology for line in shown))
    settings = [s for s in SETTINGS if any(line.setting == s for line in shown)]
    drawn = style.canvas(3.8 * len(topologies), 2.3 * len(settings))
    axes = drawn.subplots(len(settings), len(topologies), sharey="row", squeeze=False)
    for line in shown:
        place = axes[settings.index(line.setting), topologies.index(line.topology)]
        _draw(place, line, style)
    for row, setting in enumerate(settings):
        mine = [line for line in shown if line.setting == setting]
        # some learn worse ones first, and controls begin further off
        top = max(1.6, *(1.02 * float(interquartile_mean(line.stochastic).max()) for line in mine))
        for column, topology in enumerate(topologies):
            place = axes[row, column]
            place.set_title(f"{TITLES[topology]}: {setting}", fontsize=style.font_pt)
            if not any(line.topology == topology for line in mine):
                place.set_axis_off()
                place.text(0.5, 0.5, "not trained", ha="center", transform=place.transAxes)
                continue
            place.set_ylim(0.98, top)
            place.axhline(1.05, color="#888888", linewidth=0.8, linestyle="--")
            hide_frame(place)
            place.set_ylabel("cost / C*" if place is _first(axes[row]) else "")
            place.set_xlabel("epoch" if place is _first(axes[::-1, column]) else "")
    axes[0, 0].legend(handlelength=2.8)
    return drawn


def _first(places: Iterable[Axes]) -> Axes | None:
    """The first of these places where something is drawn."""
    return next((place for place in places if place.lines), None)


def _draw(place: Axes, line: AlgorithmCurve, style: Style) -> None:
    """A policy's drawn actions with their interval, its mean actions, and the paper's number."""
    epochs = np.arange(len(line.stochastic))
    number = ALGORITHMS.index(line.algorithm)
    colour = policy_colour(number)
    look = marked_line(number, style)
    low, high = bootstrap(line.stochastic)
    place.plot(epochs, interquartile_mean(line.stochastic), label=NAMES[line.algorithm], **look)
    place.fill_between(epochs, low, high, color=colour, alpha=0.2, linewidth=0)
    mean = interquartile_mean(line.deterministic)
    place.plot(epochs, mean, **(look | {"lw": 0.8 * style.line, "marker": None}))
    claim = CLAIMS[line.topology][line.algorithm]
    if claim <= epochs[-1] and SETTINGS[line.setting].stated:
        mark: dict[str, Any] = {"marker": look["marker"], "color": colour, "mfc": "white"}
        place.plot([claim], [0.985], clip_on=False, ms=6 * style.line, **mark)
