"""Boosted levels: gradient-boosted trees, fitted to worlds that are never run."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from pydantic import Field

from qnetsim import seeds
from qnetsim.arrays import FloatArray, IntArray
from qnetsim.extras import require
from qnetsim.forecast import Forecast
from qnetsim.policies.base import PolicyOptions, Setting
from qnetsim.policies.rules.law_policy import LawPolicy, LevelLaw
from qnetsim.policies.rules.linear_law import PairPast
from qnetsim.policies.rules.score_counts import ScoreCounts
from qnetsim.policies.rules.training_worlds import SEED, training_levels
from qnetsim.scenario import RegimesTable

#: Slots of a world that it is fitted to, and pairs that are taken from each of them.
FIT_WORLD = 400
PAIRS = 30


class BoostedOptions(PolicyOptions):
    """Options of ``boosted-levels``."""

    fit: int = Field(
        default=8000,
        ge=FIT_WORLD,
        le=10**6,
        description="slots of worlds of its own, never those that are run, to which it is fitted",
        json_schema_extra={"allowed": f"an integer {FIT_WORLD} .. 1000000"},
    )
    lags: int = Field(
        default=16,
        ge=1,
        le=200,
        description="past slots that it goes by",
        json_schema_extra={"allowed": "an integer 1 .. 200"},
    )
    trees: int = Field(
        default=150,
        ge=1,
        le=10_000,
        description="most trees",
        json_schema_extra={"allowed": "an integer 1 .. 10000"},
    )


class BoostedLevels(LawPolicy):
    """Expect each pair's level by trees over its past and that of its nodes; hold the quantile.

    It is told what its training worlds are like, which are drawn as those that are run, and sees
    the levels of past slots. What followed forecasts like the present one is counted in the run.
    """

    Options = BoostedOptions
    options: BoostedOptions

    def level_law(self, setting: Setting) -> LevelLaw:
        """Fit the trees, once for all runs in a process."""
        require("policy boosted-levels", "scikit-learn")
        return BoostedLaw(
            setting.forecast,
            fitted_trees(setting.forecast, setting.regimes, self.options),
            self.options.lags,
        )


class BoostedLaw:
    """What followed forecasts of the trees like the present one.

    Parameters
    ----------
    forecast : Forecast
    trees : object
        A fitted regressor of scikit-learn.
    lags : int
    """

    def __init__(self, forecast: Forecast, trees: Any, lags: int) -> None:
        self._trees = trees
        self._past = PairPast(forecast, lags)
        self._kinds = forecast.group_kind
        self._followed = ScoreCounts(len(forecast.distributions), forecast.level_count)
        self._scores: FloatArray | None = None

    def laws(self) -> FloatArray:
        """Distribution of each group's level, shape (groups, levels); none ahead of any level."""
        if not self._past.slots:
            return np.zeros((len(self._kinds), 1))
        self._scores = self._trees.predict(self._past.features[:, 1:])
        return self._followed.laws(self._kinds, self._scores)

    def see(self, levels: IntArray) -> None:
        """Take in the levels of the slot that is over."""
        if self._scores is None:
            self._followed.see(self._kinds, levels)
        else:
            self._followed.add(self._kinds, self._scores, levels)
        self._past.see(levels)


@lru_cache(maxsize=4)
def fitted_trees(forecast: Forecast, regimes: RegimesTable | None, options: BoostedOptions) -> Any:
    """Trees for the mean of the next level, given the past."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    inputs, outputs = [], []
    some = min(PAIRS, forecast.groups)
    for world, levels in enumerate(
        training_levels(forecast, regimes, options.fit // FIT_WORLD, FIT_WORLD)
    ):
        past = PairPast(forecast, options.lags)
        picks = seeds.integers(
            seeds.stream(SEED, "fit", world, "pairs"), forecast.groups, some * len(levels)
        ).reshape(-1, some)
        for row, pick in zip(levels, picks, strict=True):
            if past.slots:
                inputs.append(past.features[pick, 1:])
                outputs.append(row[pick])
            past.see(row)
    trees = HistGradientBoostingRegressor(max_iter=options.trees, random_state=0)
    return trees.fit(np.concatenate(inputs), np.concatenate(outputs))
