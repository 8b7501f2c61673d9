"""Period detection: pairs that have asked for much at even distances will do so again."""

from __future__ import annotations

from pydantic import Field

from qnetsim.errors import UsageError
from qnetsim.policies.base import PolicyOptions, Setting
from qnetsim.policies.rules.law_policy import LawPolicy, LevelLaw
from qnetsim.policies.rules.period_law import PeriodLaw


class PeriodOptions(PolicyOptions):
    """Options of ``periods``."""

    longest_slots: int = Field(
        default=9,
        ge=2,
        le=1000,
        description="longest period that is looked for",
        json_schema_extra={"allowed": "an integer 2 .. 1000"},
    )
    much: int = Field(
        default=0,
        ge=0,
        le=1000,
        description="least level that counts as part of a period; 0 means half of the highest",
        json_schema_extra={"allowed": "an integer 0 .. 1000"},
    )


class PeriodDetection(LawPolicy):
    """Count what followed how often in a row a pair asked for much, and hold the quantile.

    It uses no forecast, and sees the levels of past slots.
    """

    Options = PeriodOptions
    options: PeriodOptions

    def level_law(self, setting: Setting) -> LevelLaw:
        """Counts over patterns.

        Raises
        ------
        UsageError
            No level is as high as what counts as much.
        """
        forecast = setting.forecast
        most = forecast.level_count - 1
        if self.options.much > most:
            raise UsageError(
                f"policy 'periods': much: is {self.options.much}, and no request asks for more "
                f"than level {most}; allowed: 0 .. {most}"
            )
        much = self.options.much or max(forecast.level_count // 2, 1)
        return PeriodLaw(forecast, self.options.longest_slots, much)
