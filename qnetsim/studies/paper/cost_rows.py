"""The values of Figs. 5 to 8: analytic beside simulated, and whether they agree."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np

from qnetsim.analysis.paired import ConfidenceInterval, half_width, paired_ratio
from qnetsim.arrays import FloatArray
from qnetsim.case import Case, open_case
from qnetsim.errors import UsageError
from qnetsim.input_files import forget_input
from qnetsim.optimize import Plan
from qnetsim.optimize.stage import Stage
from qnetsim.plans.make import planned
from qnetsim.policies.chosen import ChosenPolicy, choose
from qnetsim.runs.batch import run_policies
from qnetsim.scenario import PolicyTable, Scenario
from qnetsim.studies.paper.cost_figure import SIP, Budget, Changes, FigureValue, Point
from qnetsim.studies.paper.level_costs import LevelCosts, costs_of_plan, level_costs
from qnetsim.studies.paper.point_trainings import ALGORITHM, PointTraining
from qnetsim.trace import Trace, open_trace

#: Relative difference of costs that is rounding.
ROUNDING = 1e-9
#: Chance that agreement is denied to any of a figure's values though there is one.
FALSE_ALARM = 0.001


class StageCosts(NamedTuple):
    """Cost per slot: first stage, second stage, and both together."""

    first: float
    second: float

    @property
    def total(self) -> float:
        """Both stages."""
        return self.first + self.second


@dataclass(frozen=True)
class CostRow:
    """One value of a figure.

    Attributes
    ----------
    topology : str
    value : float
        Of the figure's factor.
    scheme : str
    analytic : StageCosts
        Exact expectation.
    first, second, total : ConfidenceInterval
        Simulated, over the replications.
    given_levels : float
        Expected cost given the levels that the worlds drew.
    off : float
        Mean of simulated less ``given_levels``, over the latter.
    off_limit : float
        What ``off`` may be: rounding, or for a policy that draws what chance allows it.
    chance_limit : float
        What chance allows ``given_levels`` and the analytic cost to differ by, over the latter.
    ratio : float or None
        Analytic cost over that of sip at the same point; None where sip is not there.
    simulated_ratio : ConfidenceInterval or None
        The same, simulated; paired.
    """

    topology: str
    value: float
    scheme: str
    analytic: StageCosts
    first: ConfidenceInterval
    second: ConfidenceInterval
    total: ConfidenceInterval
    given_levels: float
    off: float
    off_limit: float
    chance_limit: float
    ratio: float | None = None
    simulated_ratio: ConfidenceInterval | None = None

    @property
    def agrees(self) -> bool:
        """Whether simulated and analytic cost are the same, but for chance."""
        away = abs(self.given_levels / self.analytic.total - 1.0)
        return abs(self.off) <= self.off_limit and away <= self.chance_limit


@dataclass(frozen=True)
class CostStudy:
    """How a figure is computed.

    Attributes
    ----------
    folder : Path
        Of the traces; complete ones that are there are verified and kept. Models lie beside it.
    budget : Budget
    common : mapping
        Values of keys of the scenario that are the same at every point.
    workers : int
        Processes.
    """

    folder: Path
    budget: Budget
    common: Changes
    workers: int = 1

    def training(self, point: Point) -> PointTraining:
        """FedSAC trained anew at a point."""
        return PointTraining(self.folder.parent / "models", point, self.budget, self.common)

    def trainings(self, cells: Iterable[FigureValue]) -> list[PointTraining]:
        """What has to be trained ahead of these cells."""
        return [self.training(cell.point) for cell in cells if cell.anew]


def cost_rows(
    study: CostStudy,
    cells: Sequence[FigureValue],
    progress: Callable[[int], None] = lambda slots: None,
) -> Iterator[CostRow]:
    """Plan and simulate the cells, scenario by scenario.

    Parameters
    ----------
    study : CostStudy
    cells : sequence of FigureValue
    progress : callable
        Told of slots that are simulated.
    """
    for point, group in groupby(cells, key=lambda cell: cell.point):
        yield from _point_rows(study, point, list(group), len(cells), progress)


def total_slots(study: CostStudy, cells: Iterable[FigureValue]) -> int:
    """Slots that ``cost_rows`` tells of."""
    return sum(1 for _ in cells) * study.budget.replications * study.budget.slots


def _point_rows(
    study: CostStudy,
    point: Point,
    cells: Sequence[FigureValue],
    family: int,
    progress: Callable[[int], None],
) -> list[CostRow]:
    budget = study.budget
    scenario = point.scenario(budget, study.common)
    case = open_case(scenario)
    if not case.forecast.comonotone:
        raise UsageError(
            "demand.coupling: expected costs of fig5 to fig8 are worked out for 'comonotone' "
            f"demand alone (got {case.forecast.coupling!r}); leave it out, and run other scenarios"
        )
    chosen = [_policy(study, cell, scenario) for cell in cells]
    plans = [planned(policy.fresh(), policy.title, case) for policy in chosen]
    size = f"{budget.replications}x{budget.slots}-seed-{budget.seed}"
    paths = run_policies(
        case,
        chosen,
        study.folder / f"{point.name}-{size}",
        plans=plans,
        workers=study.workers,
        resume=True,
        progress=progress,
    )
    each = [paths[i : i + budget.replications] for i in range(0, len(paths), budget.replications)]
    runs = [[_run_costs(path, case) for path in mine] for mine in each]
    rows = []
    for cell, policy, plan, mine, files in zip(cells, chosen, plans, runs, each, strict=True):
        costs = _level_costs(case, policy, plan, files[0])
        rows.append(_row(cell, case, costs, mine, family))
    # what was read is the study's own: the next figure may go on with it
    for path in paths:
        forget_input(path)
    return _with_ratios(rows, runs)


def _policy(study: CostStudy, cell: FigureValue, scenario: Scenario) -> ChosenPolicy:
    if not cell.anew:
        return choose(cell.scheme.policy, scenario.policy)
    training = study.training(cell.point)
    training.refuse_other()
    return choose(PolicyTable.model_validate({"name": ALGORITHM, "model": str(training.out)}))


class RunCosts(NamedTuple):
    """Mean costs of one run, and how often each level was drawn."""

    first: float
    second: float
    frequency: FloatArray

    @property
    def total(self) -> float:
        """Both stages."""
        return self.first + self.second


def _run_costs(path: Path, case: Case) -> RunCosts:
    with open_trace(path) as trace:
        levels = trace.column("world/levels")[:, 0]
        counts = np.bincount(levels, minlength=case.forecast.level_count)
        return RunCosts(
            _mean(trace, "qkd_reserved_cost", "km_reserved_cost"),
            _mean(trace, "qkd_on_demand_cost", "km_on_demand_cost"),
            counts / len(levels),
        )


def _mean(trace: Trace, *columns: str) -> float:
    return float(sum(trace.column(f"slots/{name}").mean() for name in columns))


def _level_costs(case: Case, policy: ChosenPolicy, plan: Plan | None, path: Path) -> LevelCosts:
    """Cost at each level; without a plan, of the reservations that stand in a trace."""
    if plan is not None:
        return costs_of_plan(case, policy.fresh(), plan)
    with open_trace(path) as trace:
        channels = trace.column("decisions/qkd_channels")
        wavelengths = trace.column("decisions/km_wavelengths")
    if np.ptp(channels, axis=0).any() or np.ptp(wavelengths, axis=0).any():
        raise UsageError(
            f"policy {policy.title!r} does not reserve the same in every slot: its expected cost "
            "is not known; observe nothing but 'context' and 'actions'"
        )
    stage = Stage(channels[0].astype(np.float64), wavelengths[0].astype(np.float64))
    return level_costs(case, case.setting.shortest_routes(), [stage])


def _row(
    cell: FigureValue, case: Case, costs: LevelCosts, runs: Sequence[RunCosts], family: int
) -> CostRow:
    analytic = StageCosts(*costs.mean(case.forecast.levels.probabilities))
    given = np.array([sum(costs.mean(run.frequency)) for run in runs])
    first, second, total = (
        np.array([getattr(run, part) for run in runs]) for part in ("first", "second", "total")
    )
    alarm = FALSE_ALARM / family
    centre = float(given.mean())
    allowed = half_width(total - given, 1.0 - alarm) if costs.drawn else None
    slots = len(runs) * case.setting.slots
    chance = costs.chance(case.forecast.levels.probabilities, slots, alarm)
    return CostRow(
        topology=cell.point.topology,
        value=cell.value,
        scheme=cell.scheme.name,
        analytic=analytic,
        first=ConfidenceInterval.of_mean(first),
        second=ConfidenceInterval.of_mean(second),
        total=ConfidenceInterval.of_mean(total),
        given_levels=centre,
        off=float((total - given).mean()) / centre,
        off_limit=ROUNDING if allowed is None else max(allowed / centre, ROUNDING),
        chance_limit=max(chance / analytic.total, ROUNDING),
    )


def _with_ratios(rows: list[CostRow], runs: Sequence[Sequence[RunCosts]]) -> list[CostRow]:
    """Add the ratios to sip, where sip is among the rows."""
    places = [i for i, row in enumerate(rows) if row.scheme == SIP.name]
    if not places:
        return rows
    totals = np.array([[run.total for run in mine] for mine in runs])
    base = rows[places[0]].analytic.total
    return [
        replace(
            row,
            ratio=row.analytic.total / base,
            simulated_ratio=paired_ratio(mine, totals[places[0]]),
        )
        for row, mine in zip(rows, totals, strict=True)
    ]
