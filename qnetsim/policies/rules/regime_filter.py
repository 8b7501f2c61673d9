"""Which regime rules the demand, as far as the levels of past slots tell it."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Self

import numpy as np
from pydantic import BeforeValidator, Field, model_validator

from qnetsim.arrays import FloatArray
from qnetsim.errors import UsageError
from qnetsim.forecast import Forecast
from qnetsim.forecast.regimes import regime_levels
from qnetsim.policies.base import Outcome, PolicyOptions, Setting
from qnetsim.policies.rules.baum_welch import FittedRegimes, baum_welch, long_run
from qnetsim.policies.rules.training_worlds import training_levels
from qnetsim.scenario import RegimesTable
from qnetsim.scenario.tables.fields import as_tuple

#: Fewest slots to which a law is fitted, and slots of each world for that.
LEAST_FIT = 100
FIT_WORLD = 1000


class RegimeOptions(PolicyOptions):
    """Options of the rules that are told regimes."""

    means: Annotated[tuple[float, ...], BeforeValidator(as_tuple)] = Field(
        default=(),
        max_length=16,
        description="Poisson mean of the demand in each regime, before truncation; unless given, "
        "those of the scenario's [regimes]; with fit they say how many regimes there are, and no "
        "more",
        json_schema_extra={"allowed": "a list of 2 to 16 numbers 0 .. 1000000"},
    )
    mean_slots: int | None = Field(
        default=None,
        ge=1,
        le=10**6,
        description="slots for which a regime lasts on average; unless given, the scenario's",
        json_schema_extra={"allowed": "an integer 1 .. 1000000"},
    )

    fit: int = Field(
        default=0,
        ge=0,
        le=10**6,
        description="slots of worlds of its own, never those that are run, to which the law of the "
        "regimes is fitted (Baum and Welch); it is then told their number alone. 0: it is told "
        "the law",
        json_schema_extra={"allowed": "an integer 100 .. 1000000, or 0"},
    )

    @model_validator(mode="after")
    def _slots_to_fit(self) -> Self:
        if 0 < self.fit < LEAST_FIT:
            raise ValueError(f"fit: allowed: an integer {LEAST_FIT} .. 1000000, or 0")
        return self

    @model_validator(mode="after")
    def _told_or_fitted(self) -> Self:
        if self.fit and self.mean_slots is not None:
            raise ValueError("mean_slots: is fitted too; leave mean_slots or fit out")
        return self

    @model_validator(mode="after")
    def _means_of_regimes(self) -> Self:
        if len(self.means) == 1 or any(not 0 <= mean <= 10**6 for mean in self.means):
            raise ValueError("means: allowed: a list of 2 to 16 numbers 0 .. 1000000")
        return self


class RegimeFilter:
    """Forward filter of a hidden Markov chain, exact for the regimes that it is told.

    Parameters
    ----------
    laws : ndarray of float64, shape (regimes, levels)
        Probability of each level in each regime.
    mean_slots : float
        How long a regime lasts on average; then each of the others follows with equal probability.
    steps : ndarray of float64, shape (regimes, regimes), optional
        In place of that.

    Attributes
    ----------
    laws : ndarray of float64, shape (regimes, levels)
    steps : ndarray of float64, shape (regimes, regimes)
        Probability of the regime of the next slot, given the one of this slot.
    belief : ndarray of float64, shape (regimes,)
        Probability of each regime in the slot to come; at first that of the long run.
    """

    def __init__(
        self, laws: FloatArray, mean_slots: float = 1.0, steps: FloatArray | None = None
    ) -> None:
        self.laws = laws
        if steps is not None:
            self.steps = steps
            self.belief = long_run(steps)
            return
        change = 1.0 / mean_slots if self.count > 1 else 0.0
        self.steps = np.full((self.count, self.count), change / max(self.count - 1, 1))
        np.fill_diagonal(self.steps, 1.0 - change)
        self.belief = np.full(self.count, 1.0 / self.count)

    @property
    def count(self) -> int:
        """Number of regimes; with one there is nothing to learn."""
        return len(self.laws)

    @property
    def levels(self) -> FloatArray:
        """Probability of each level in the slot to come, shape (levels,)."""
        return self.belief @ self.laws

    def see(self, level: int) -> None:
        """Take in the level of the slot that is over; one that no regime has tells nothing."""
        weight = self.belief * self.laws[:, level]
        total = weight.sum()
        self.belief = (weight / total if total > 0.0 else self.belief) @ self.steps

    def learn(self, outcome: Outcome) -> None:
        """Take in the levels of the slots that are over."""
        if self.count > 1:
            for level in outcome.levels[:, 0].tolist():
                self.see(level)


@lru_cache(maxsize=8)
def fitted_regimes(
    forecast: Forecast, law: RegimesTable | None, regimes: int, slots: int
) -> FittedRegimes:
    """Law of so many regimes, fitted to worlds that are never run."""
    worlds = max(slots // FIT_WORLD, 1)
    paths = training_levels(forecast, law, worlds, slots // worlds)
    return baum_welch([path[:, 0] for path in paths], regimes, forecast.level_count)


def told_regimes(options: RegimeOptions, setting: Setting) -> RegimeFilter:
    """Filter for the regimes of the options, else of the scenario; one regime where there are none.

    Raises
    ------
    UsageError
        Regimes are given, but requests have levels of their own; or there are none, and an option
        is of regimes.
    """
    scenario = setting.regimes
    means = options.means or (scenario.means if scenario else ())
    forecast = setting.forecast
    if not means:
        for name in ("fit", "mean_slots"):
            if name in options.model_fields_set and getattr(options, name):
                raise UsageError(
                    f"{name}: the demand has no regimes, so it says nothing; give means of regimes "
                    f"too, or leave {name} out"
                )
        return RegimeFilter(forecast.probabilities[:1], 1)
    if forecast.groups > 1:
        raise UsageError(
            "means: regimes rule demand in which all requests of a slot have one level; here they "
            "have levels of their own: leave the option out"
        )
    given = scenario.mean_slots if scenario else RegimesTable.model_fields["mean_slots"].default
    table = RegimesTable(means=means, mean_slots=options.mean_slots or given)
    if options.fit:
        found = fitted_regimes(forecast, scenario, len(means), options.fit)
        return RegimeFilter(found.laws, steps=found.steps)
    laws = regime_levels(table, forecast.level_count)
    return RegimeFilter(np.array([law.probabilities for law in laws]), table.mean_slots)
