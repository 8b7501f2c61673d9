"""Autoregression: a linear forecast of each pair's level, fitted within the run."""

from __future__ import annotations

from pydantic import Field

from qnetsim.policies.base import PolicyOptions, Setting
from qnetsim.policies.rules.law_policy import LawPolicy, LevelLaw
from qnetsim.policies.rules.linear_law import LinearLaw


class AutoregressionOptions(PolicyOptions):
    """Options of ``autoregression``."""

    lags: int = Field(
        default=32,
        ge=1,
        le=200,
        description="past slots that the forecast goes by",
        json_schema_extra={"allowed": "an integer 1 .. 200"},
    )


class Autoregression(LawPolicy):
    """Fit a vector autoregression to all slots so far, and hold the quantile of what follows.

    Levels of a pair and the sums of all others at its two nodes count, with coefficients that all
    pairs share. It uses no forecast, and sees the levels of past slots.
    """

    Options = AutoregressionOptions
    options: AutoregressionOptions

    def level_law(self, setting: Setting) -> LevelLaw:
        """Least squares over the run."""
        return LinearLaw(setting.forecast, self.options.lags)
