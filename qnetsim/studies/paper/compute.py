"""Compute figures of the paper into one record of results."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from qnetsim.studies.paper import fig4, fig5, fig6, fig7, fig8, fig9
from qnetsim.studies.paper.cost_figure import (
    FULL,
    QUICK,
    TOPOLOGIES,
    Budget,
    Changes,
    CostFigure,
    refuse_own_keys,
)
from qnetsim.studies.paper.cost_rows import CostStudy, cost_rows, total_slots
from qnetsim.studies.paper.curve_settings import SETTINGS, refuse_curve_changes
from qnetsim.studies.paper.fig9 import AlgorithmCurve, CurveStudy
from qnetsim.studies.paper.loss_points import LossPoint
from qnetsim.studies.paper.openings import OpeningRow, opening_rows, openings, reading_keys
from qnetsim.studies.paper.paper_results import PaperResults
from qnetsim.studies.paper.point_trainings import train_points
from qnetsim.studies.paper.risk_rows import RiskRow, risk_rows
from qnetsim.studies.paper.risk_rows import total_slots as risk_slots

COST_FIGURES: dict[str, CostFigure] = {
    figure.name: figure for figure in (fig5.FIGURE, fig6.FIGURE, fig7.FIGURE, fig8.FIGURE)
}
FIGURES = ("fig4", *COST_FIGURES, "fig9")
#: Opens a progress bar of a name and a number of steps; what it yields advances it.
Bar = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]


@dataclass(frozen=True)
class Reproduction:
    """What is to be computed.

    Attributes
    ----------
    figures : sequence of str
        Of ``FIGURES``.
    folder : Path
        Of traces and learning curves; what is there is verified and kept.
    budget : Budget
        Of the simulated costs; its seed is that of Fig. 4's orders too.
    topologies : sequence of str
        Of Figs. 5 to 9.
    orders : int
        Orders of the features in Fig. 4.
    seeds : int
        Trainings of each algorithm in Fig. 9.
    epochs : int or None
        At most so many in Fig. 9.
    settings : sequence of str
        Of ``SETTINGS`` of Fig. 9.
    trained : bool
        Show the trainings of Fig. 9 that are there, and make no more.
    anew : bool
        FedSAC is trained anew at the points of Figs. 7 and 8 that its shipped weights do not fit.
    common : mapping
        Values of keys of the scenarios, the same everywhere in Figs. 5 to 9.
    workers : int
        Processes for simulations and trainings.
    """

    figures: Sequence[str]
    folder: Path
    budget: Budget = FULL
    topologies: Sequence[str] = TOPOLOGIES
    orders: int = 10
    seeds: int = 5
    epochs: int | None = None
    settings: Sequence[str] = tuple(SETTINGS)
    trained: bool = False
    anew: bool = False
    common: Changes = field(default_factory=dict)
    workers: int = 1


def refuse_changes(figures: Sequence[str], changes: Changes) -> None:
    """Refuse values of keys that one of the figures sets itself, or the mode.

    Raises
    ------
    UsageError
    """
    for name in figures:
        if name in COST_FIGURES:
            COST_FIGURES[name].refuse_changes(changes)
    if "fig9" in figures:
        refuse_curve_changes(changes)
    if set(COST_FIGURES) <= set(figures):
        refuse_own_keys(changes, reading_keys(), "the table of readings")
        risk = {key for key in changes if key[:2] == ("planning", "risk")}
        refuse_own_keys(changes, risk, "the risk-averse world")


@dataclass(frozen=True)
class Mode:
    """What a mode spends where nothing else is asked for."""

    budget: Budget
    orders: int
    seeds: int
    epochs: int | None
    settings: Sequence[str]
    anew: bool = False


MODES = {
    False: Mode(FULL, orders=10, seeds=5, epochs=None, settings=tuple(SETTINGS), anew=True),
    True: Mode(
        QUICK,
        orders=2,
        seeds=1,
        epochs=10,
        settings=("tuned", "tuned, less demand", "tuned, 20 channels"),
    ),
}


@dataclass(frozen=True)
class Computed:
    """Results, and the whole curves of Fig. 9, which are drawn."""

    results: PaperResults
    curves: tuple[AlgorithmCurve, ...]


def compute(request: Reproduction, bar: Bar) -> Computed:
    """Compute the figures that are asked for, in their order."""
    losses: tuple[LossPoint, ...] = ()
    if "fig4" in request.figures:
        with bar("fig4", fig4.total_trainings(request.orders)) as advance:
            found = fig4.compute(
                request.budget.seed,
                request.orders,
                progress=advance,
                folder=request.folder / "fig4",
            )
            losses = tuple(found)
    costs = {}
    study = CostStudy(request.folder / "traces", request.budget, request.common, request.workers)
    for name, figure in COST_FIGURES.items():
        if name in request.figures:
            cells = list(figure.cells(request.topologies, request.anew))
            trainings = study.trainings(cells)
            if trainings:
                with bar(f"{name}, FedSAC", len(trainings)) as advance:
                    train_points(trainings, study.workers, advance)
            with bar(name, total_slots(study, cells)) as advance:
                costs[name] = tuple(cost_rows(study, cells, advance))
    curves = tuple(_curves(request, bar)) if "fig9" in request.figures else ()
    read: tuple[OpeningRow, ...] = ()
    risk: tuple[RiskRow, ...] = ()
    if len(costs) == len(COST_FIGURES):
        with bar("risk", risk_slots(request.budget)) as advance:
            risk = risk_rows(study, advance)
        with bar("readings", len(openings())) as advance:
            read = tuple(opening_rows(request.common, advance))
    summaries = tuple(curve.summary for curve in curves)
    changes = {".".join(map(str, key)): value for key, value in request.common.items()}
    results = PaperResults(request.budget, costs, losses, summaries, read, risk, changes)
    return Computed(results, curves)


def _curves(request: Reproduction, bar: Bar) -> Iterator[AlgorithmCurve]:
    study = CurveStudy(
        folder=request.folder / "fig9",
        seeds=request.seeds,
        epochs=request.epochs,
        topologies=request.topologies,
        settings=request.settings,
        trained=request.trained,
        workers=request.workers,
        common=request.common,
    )
    with bar("fig9", study.total_epochs) as advance:
        yield from fig9.compute(study, advance)
