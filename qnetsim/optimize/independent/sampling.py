"""Sample average approximation with recourse routes, and how far from the optimum its plan is.

The optimality gap is bounded by Mak, Morton and Wood (1999): for each of several samples, the
cost of the plan on the sample less the sample's own optimum has an expectation of at least the
gap. Both are taken on the same realisations, so most of the noise cancels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from qnetsim.arrays import FloatArray, IntArray
from qnetsim.errors import UsageError
from qnetsim.forecast import Forecast
from qnetsim.forecast.draws import draw_levels
from qnetsim.network import Network, RouteTable
from qnetsim.optimize.columns.problem import Size
from qnetsim.optimize.independent.convolution import convolution_plan
from qnetsim.optimize.independent.decomposition import minimise
from qnetsim.optimize.independent.integer_second_stage import IntegerSecondStage, SecondStageRule
from qnetsim.optimize.independent.relaxed_second_stage import (
    RelaxedSecondStage,
    SecondStageContext,
    count_requests,
)
from qnetsim.optimize.marginals import expected_excess, marginal_loads, reservations
from qnetsim.optimize.plan import GapInterval, Plan
from qnetsim.optimize.routing import (
    newsvendor_lengths,
    newsvendor_routes,
    newsvendor_table,
)
from qnetsim.optimize.solvers.solver import Solver
from qnetsim.optimize.stage import Stage
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
    """Size and number of the samples, and the seed that draws them.

    Attributes
    ----------
    realisations : int
        N, of a sample.
    samples : int
        M, at least two.
    seed : int
        Of the samples' random streams, apart from those of all worlds.
    """

    realisations: int
    samples: int
    seed: int = 0


def second_stage_rule(network: Network, forecast: Forecast, solver: Solver) -> SecondStageRule:
    """Rule that routes whole requests once their levels are known."""
    start = newsvendor_routes(network, forecast)
    lengths = [float(length) for length in newsvendor_lengths(network, forecast)]
    context = SecondStageContext(network, forecast.pairs, forecast.level_count, start, solver)
    return SecondStageRule(context, forecast.pairs, lengths)


class _Sample(NamedTuple):
    """Realisations of the demand.

    Attributes
    ----------
    levels : ndarray of int64, shape (realisations, requests)
    second_stages : list of RelaxedSecondStage
        Of each realisation.
    """

    levels: IntArray
    second_stages: list[RelaxedSecondStage]


class _SampleCosts(NamedTuple):
    """Costs per slot on one sample.

    Attributes
    ----------
    bound : float
        Lower bound on the sample's optimum.
    split : float
        Of the plan's first stage, with split requests in the second.
    whole : float
        The same with whole requests; an estimate from the first realisations.
    second_stages : list of IntegerSecondStage
        The realisations in which whole requests were routed.
    """

    bound: float
    split: float
    whole: float
    second_stages: list[IntegerSecondStage]


def sampled_plan(network: Network, forecast: Forecast, solver: Solver, size: SampleSize) -> Plan:
    """Choose a first stage on one sample and bound its gap on others.

    The plan's second stage is that of :class:`SecondStageRule`; its objective is a sample mean, its
    bound the proved one of perfect information. Where the exact plan on fixed routes is cheaper
    than that mean, it is returned instead.

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
    costs = network.costs
    start = newsvendor_routes(network, forecast)
    routes = newsvendor_table(network, forecast)
    context = SecondStageContext(network, forecast.pairs, forecast.level_count, start, solver)
    draws = _Draws(context, forecast, size)
    choice = draws.sample(0, CHOICE_FACTOR)
    first = reservations(network, marginal_loads(network, forecast, routes))
    found = minimise(costs, choice.second_stages, first, CHOICE_TOLERANCE, solver)
    stage = Stage(*map(np.round, found.stage))
    control = _FixedRoutes(network, forecast, routes, stage)
    rule = second_stage_rule(network, forecast, solver)
    samples = []
    for number in range(1, size.samples + 1):
        solver.tell(f"sample {number} of {size.samples}")
        sample = draws.sample(number)
        control.add(sample.levels)
        samples.append(_evaluate(context, rule, stage, sample))
    # the same realisations on fixed routes, whose expectation is known, take out most of the noise;
    # not where limits make the two unlike
    whole = [sample.whole for sample in samples]
    objective = _mean(whole) - (0.0 if network.limited else control.excess())
    bought, blocked = _second_stage_means(network, stage, samples, objective)
    fixed = convolution_plan(network, forecast, solver)
    fixed_cost = fixed.objective(network)
    # with limits the fixed routes may ask for more than there is, so their cost is none
    if not network.limited and fixed_cost < objective:
        return replace(
            fixed,
            note=f"{fixed.note}; recourse routes, by sampling, cost {objective:,.2f}",
        )
    return Plan(
        qkd_channels=stage.channels,
        km_wavelengths=stage.wavelengths,
        on_demand_channels=bought.channels,
        on_demand_wavelengths=bought.wavelengths,
        routes=routes,
        bound=fixed.bound,
        status=PlanStatus.FEASIBLE,
        solver=f"sample average approximation, L-shaped, {found.iterations} steps",
        note="the expected cost is an estimate, the bound that of perfect information; routes are "
        f"chosen anew for each realised slot; on fixed routes the best first stage costs "
        f"{fixed_cost:,.2f}",
        blocked=blocked,
        size=Size(variables=found.variables, rows=found.rows, rounds=found.iterations),
        interval=_gap_interval(samples, size),
    )


def _second_stage_means(
    network: Network, stage: Stage, samples: Sequence[_SampleCosts], objective: float
) -> tuple[Stage, float]:
    """What is bought on demand and blocked in the mean, such that it costs what the objective has.

    The objective has less noise than the sample means, so amounts are scaled to its cost.
    """
    costs = network.costs
    seconds = [second for sample in samples for second in sample.second_stages]
    blocked = _mean([second.blocked for second in seconds])
    bought = np.mean([[second.channels, second.wavelengths] for second in seconds], axis=0)
    bought_cost = Stage(*bought).cost(costs.on_demand)
    on_demand_cost = objective - stage.cost(costs.reserved) - blocked * (costs.blocking or 0.0)
    bought *= max(on_demand_cost, 0.0) / bought_cost if bought_cost > 0 else 1.0
    return Stage(*bought), blocked


@dataclass(frozen=True)
class _Draws:
    """Draws samples; their random streams are apart from those of all worlds."""

    context: SecondStageContext
    forecast: Forecast
    size: SampleSize

    def sample(self, number: int, factor: int = 1) -> _Sample:
        """Draw a sample of ``factor`` times the usual realisations."""
        forecast = self.forecast
        count = factor * self.size.realisations
        drawn = draw_levels(forecast, self.size.seed, ("planning", number), count)
        levels = drawn[:, forecast.group].astype(np.int64)
        counted = [count_requests(forecast.pairs, row) for row in levels]
        return _Sample(levels, [RelaxedSecondStage(self.context, row) for row in counted])


def _evaluate(
    context: SecondStageContext, rule: SecondStageRule, stage: Stage, sample: _Sample
) -> _SampleCosts:
    """Cost of a first stage on a sample, beside a bound on the sample's optimum."""
    costs = context.network.costs
    solver = context.solver
    realisations = sample.second_stages
    cuts = np.array([realisation.evaluate(stage).at(stage) for realisation in realisations])
    least = minimise(
        costs,
        realisations,
        start=stage,
        tolerance=SAMPLE_TOLERANCE,
        solver=solver,
        box=NEAR_OPTIMUM,
    )
    whole = [rule.solve(stage, row) for row in sample.levels[:INTEGER_REALISATIONS]]
    dearer = _mean([second.cost(costs) for second in whole]) - _mean(cuts[:INTEGER_REALISATIONS])
    split = stage.cost(costs.reserved) + _mean(cuts)
    return _SampleCosts(least.bound, split, split + dearer, whole)


def _gap_interval(samples: Sequence[_SampleCosts], size: SampleSize) -> GapInterval:
    bounds = np.array([sample.bound for sample in samples])
    return GapInterval(
        high=_upper(np.array([sample.split for sample in samples]) - bounds),
        whole_high=_upper(np.array([sample.whole for sample in samples]) - bounds),
        confidence=CONFIDENCE,
        realisations=size.realisations,
        samples=size.samples,
    )


class _FixedRoutes:
    """Cost of a first stage on fixed routes: its exact expectation and its mean over samples.

    The difference of the two is the control variate of the estimates.
    """

    def __init__(
        self, network: Network, forecast: Forecast, routes: RouteTable, stage: Stage
    ) -> None:
        costs = network.costs
        self._prices = costs.on_demand
        self._stage = stage
        self._table = forecast.channel_loads(network, routes)
        self._groups = forecast.first_of_group
        self._reserved = stage.cost(costs.reserved)
        marginals = marginal_loads(network, forecast, routes)
        self._bought = sum(
            float(price[e]) * expected_excess(load, float(held[e]))
            for loads, price, held in zip(
                (marginals.channels, marginals.wavelengths), self._prices, stage, strict=True
            )
            for e, load in enumerate(loads)
        )
        self._means: list[float] = []

    @property
    def expected(self) -> float:
        """Expected cost per slot, reservations included."""
        return self._reserved + self._bought

    def add(self, levels: IntArray) -> None:
        """Add the realisations of a sample, shape (realisations, requests)."""
        loads = self._table.loads(levels[:, self._groups])
        parts = zip(loads, self._stage, self._prices, strict=True)
        self._means.append(sum(_mean(np.maximum(load - held, 0) @ p) for load, held, p in parts))

    def excess(self) -> float:
        """How much dearer the samples so far are than slots are on average."""
        return _mean(self._means) - self._bought


def _mean(values: FloatArray | list[float]) -> float:
    return float(np.mean(values))


def _half_width(values: FloatArray) -> float:
    """Student's t for a one-sided interval of the mean."""
    from scipy.special import stdtrit

    quantile = float(stdtrit(values.size - 1, CONFIDENCE))
    return quantile * float(values.std(ddof=1)) / float(np.sqrt(values.size))


def _upper(gaps: FloatArray) -> float:
    """Upper end of the one-sided interval of the expected gap."""
    return max(float(gaps.mean()) + _half_width(gaps), 0.0)
