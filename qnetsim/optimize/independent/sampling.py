"""Sample average approximation with recourse routes, and how far from the optimum its plan is.

The optimality gap is bounded by Mak, Morton and Wood (1999): for each of several samples, the
cost of the plan on the sample less the sample's own optimum has an expectation of at least the
gap. Both are taken on the same realisations, so most of the noise cancels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from qnetsim import seeds
from qnetsim.arrays import FloatArray, IntArray
from qnetsim.errors import UsageError
from qnetsim.forecast import Forecast
from qnetsim.network import Network, RouteTable
from qnetsim.optimize.assemble import Stage
from qnetsim.optimize.columns.problem import Size
from qnetsim.optimize.independent.decomposition import minimise
from qnetsim.optimize.independent.integer_second_stage import SecondStage, WholeSecondStage
from qnetsim.optimize.independent.relaxed_second_stage import RelaxedSecondStage, Shared, kinds_of
from qnetsim.optimize.marginals import expected_excess, marginal_loads, reservations
from qnetsim.optimize.plan import GapInterval, Plan
from qnetsim.optimize.routing import newsvendor_lengths, newsvendor_routes
from qnetsim.optimize.solvers.solver import Solver
from qnetsim.vocabulary import PlanStatus

#: Confidence of the one-sided interval of the optimality gap.
CONFIDENCE = 0.95
#: Realisations that the first stage is chosen on, as a multiple of those of a sample.
CHOICE_FACTOR = 2
#: Relative gap to which the sample that the first stage is chosen on is solved.
CHOICE_TOLERANCE = 5e-4
#: Relative gap to which the samples that bound the optimality gap are solved.
SAMPLE_TOLERANCE = 1e-3
#: First size of the trust region around the plan, which is near the optimum of any sample.
NEAR_OPTIMUM = 0.03
#: Realisations of a sample in which whole requests are routed; they take most of the time.
INTEGER_REALISATIONS = 30


@dataclass(frozen=True)
class SampleSize:
    """How much is sampled.

    Attributes
    ----------
    realisations : int
        N, of a sample.
    samples : int
        M, at least two.
    """

    realisations: int
    samples: int


def second_stage(network: Network, forecast: Forecast, solver: Solver) -> SecondStage:
    """Rule that routes whole requests once their levels are known."""
    return SecondStage(
        network,
        forecast.pairs,
        forecast.level_count,
        newsvendor_routes(network, forecast),
        [float(length) for length in newsvendor_lengths(network, forecast)],
        solver,
    )


def sampled_plan(network: Network, forecast: Forecast, solver: Solver, size: SampleSize) -> Plan:
    """Choose a first stage on one sample and bound its gap on others.

    The plan's second stage is the rule of :class:`SecondStage`; its objective is a sample mean.

    Raises
    ------
    UsageError
        There are wavelength limits, but blocked requests have no price.
    """
    if network.limited and network.costs.blocking is None:
        raise UsageError(
            "sampling with wavelength limits needs cost.blocking_cost: some realisations of "
            "independent demand may not fit, and what that costs must be said"
        )
    start = newsvendor_routes(network, forecast)
    routes = RouteTable.by_pair(forecast.pairs, start, forecast.level_count)
    shared = Shared(network, forecast.pairs, forecast.level_count, start, solver)
    costs = network.costs

    def sample(number: int, count: int) -> tuple[IntArray, list[RelaxedSecondStage]]:
        levels = _levels(forecast, number, count)
        return levels, [RelaxedSecondStage(shared, kinds_of(forecast.pairs, row)) for row in levels]

    _, chosen_on = sample(0, CHOICE_FACTOR * size.realisations)
    first = reservations(network, marginal_loads(network, forecast, routes))
    fixed = _Control(network, forecast, routes, first).expected
    found = minimise(costs, chosen_on, first, CHOICE_TOLERANCE, solver)
    stage: Stage = np.round(found.stage[0]), np.round(found.stage[1])
    control = _Control(network, forecast, routes, stage)
    rule = second_stage(network, forecast, solver)
    bounds = []
    split = []
    whole = []
    seconds = list[WholeSecondStage]()
    for number in range(1, size.samples + 1):
        solver.tell(f"sample {number} of {size.samples}")
        levels, realisations = sample(number, size.realisations)
        cuts = np.array([r.evaluate(stage).at(stage) for r in realisations])
        least = minimise(costs, realisations, stage, SAMPLE_TOLERANCE, solver, box=NEAR_OPTIMUM)
        part = [rule.solve(stage, row) for row in levels[:INTEGER_REALISATIONS]]
        dearer = _mean([second.cost(costs) for second in part]) - _mean(cuts[:INTEGER_REALISATIONS])
        control.see(levels)
        bounds.append(least.bound)
        split.append(control.reserved + _mean(cuts))
        whole.append(split[-1] + dearer)
        seconds += part
    # the same realisations on fixed routes, whose expectation is known, take out most of the noise;
    # not where limits make the two unlike
    objective = _mean(whole) - (0.0 if network.limited else control.excess())
    blocked = _mean([second.blocked for second in seconds])
    bought = np.mean([[second.channels, second.wavelengths] for second in seconds], axis=0)
    extra = float(bought[0] @ costs.qkd_on_demand + bought[1] @ costs.km_on_demand)
    rest = objective - control.reserved - blocked * (costs.blocking or 0.0)
    bought *= max(rest, 0.0) / extra if extra > 0 else 1.0
    gaps = np.array(whole) - np.array(bounds)
    return Plan(
        stage[0],
        stage[1],
        bought[0],
        bought[1],
        routes,
        objective - _upper(gaps),
        PlanStatus.FEASIBLE,
        f"sample average approximation, L-shaped, {found.iterations} steps",
        "bound, objective and gap are estimates; routes are chosen anew for each realised slot; "
        f"on fixed routes the best first stage costs {fixed:,.2f}",
        blocked=blocked,
        size=Size(found.variables, found.rows, 0, found.iterations),
        interval=GapInterval(
            high=_upper(np.array(split) - np.array(bounds)),
            whole_high=_upper(gaps),
            confidence=CONFIDENCE,
            realisations=size.realisations,
            samples=size.samples,
        ),
    )


class _Control:
    """Cost of a first stage on fixed routes: sampled, beside its exact expectation."""

    def __init__(
        self, network: Network, forecast: Forecast, routes: RouteTable, stage: Stage
    ) -> None:
        costs = network.costs
        self._prices = (costs.qkd_on_demand, costs.km_on_demand)
        self._stage = stage
        self._table = forecast.channel_loads(network, routes)
        self.reserved = float(stage[0] @ costs.qkd_reserved + stage[1] @ costs.km_reserved)
        marginals = marginal_loads(network, forecast, routes)
        self._bought = sum(
            float(price[e]) * expected_excess(law, float(held[e]))
            for laws, price, held in zip(
                (marginals.channels, marginals.wavelengths), self._prices, stage, strict=True
            )
            for e, law in enumerate(laws)
        )
        self._seen: list[float] = []

    @property
    def expected(self) -> float:
        """Expected cost per slot, reservations included."""
        return self.reserved + self._bought

    def see(self, levels: IntArray) -> None:
        """Take in the realisations of a sample, shape (realisations, requests)."""
        loads = self._table.loads(levels)
        parts = zip(loads, self._stage, self._prices, strict=True)
        self._seen.append(sum(_mean(np.maximum(load - h, 0) @ p) for load, h, p in parts))

    def excess(self) -> float:
        """How much dearer the samples so far are than slots are on average."""
        return _mean(self._seen) - self._bought


def _levels(forecast: Forecast, number: int, count: int) -> IntArray:
    """Levels of one sample, shape (count, requests); its stream is apart from every world's."""
    words = seeds.words(seeds.stream(0, "planning", number), count * forecast.requests)
    return forecast.levels.sample(words.reshape(count, forecast.requests)).astype(np.int64)


def _mean(values: FloatArray | list[float]) -> float:
    return float(np.mean(values))


def _half_width(values: FloatArray) -> float:
    """Student's t for a one-sided interval of the mean."""
    quantile = float(stdtrit(values.size - 1, CONFIDENCE))
    return quantile * float(values.std(ddof=1)) / float(np.sqrt(values.size))


def _upper(gaps: FloatArray) -> float:
    """Upper end of the one-sided interval of the expected gap."""
    return max(float(gaps.mean()) + _half_width(gaps), 0.0)
