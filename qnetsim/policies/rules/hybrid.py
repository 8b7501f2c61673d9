"""Hybrid: the laws of several rules, pooled with weights that the run teaches."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator

from qnetsim.policies.base import PolicyOptions, Setting
from qnetsim.policies.rules.autoregression import Autoregression
from qnetsim.policies.rules.boosted_levels import BoostedLevels
from qnetsim.policies.rules.history_quantile import HistoryQuantile
from qnetsim.policies.rules.job_filter import JobFilter
from qnetsim.policies.rules.law_policy import LawPolicy, LevelLaw
from qnetsim.policies.rules.period_detection import PeriodDetection
from qnetsim.policies.rules.pooled_law import PooledLaw
from qnetsim.scenario.tables.fields import as_tuple

Part = Literal["autoregression", "boosted-levels", "history-quantile", "job-filter", "periods"]

RULES: dict[str, type[LawPolicy]] = {
    "autoregression": Autoregression,
    "boosted-levels": BoostedLevels,
    "history-quantile": HistoryQuantile,
    "job-filter": JobFilter,
    "periods": PeriodDetection,
}


class HybridOptions(PolicyOptions):
    """Options of ``hybrid``."""

    of: Annotated[tuple[Part, ...], BeforeValidator(as_tuple)] = Field(
        default=("autoregression", "periods"),
        min_length=1,
        max_length=len(RULES),
        description="rules whose laws are pooled, each with its defaults",
        json_schema_extra={"allowed": f"a list of {', '.join(RULES)}, each once at most"},
    )

    @field_validator("of")
    @classmethod
    def _each_once(cls, of: tuple[Part, ...]) -> tuple[Part, ...]:
        if twice := next((name for name in of if of.count(name) > 1), None):
            raise ValueError(f"names {twice!r} twice")
        return of


class HybridRule(LawPolicy):
    """Pool what several rules say of each level, and hold the quantile.

    It is told what they are told, and sees the levels of past slots.
    """

    Options = HybridOptions
    options: HybridOptions

    def level_law(self, setting: Setting) -> LevelLaw:
        """Pool of the rules' laws."""
        parts = [RULES[name]().level_law(setting) for name in self.options.of]
        return PooledLaw(parts)
