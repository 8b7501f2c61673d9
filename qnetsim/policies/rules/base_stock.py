"""Base-stock: pools are brought up to a constant number of channels for each request."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from qnetsim.arrays import IntArray
from qnetsim.policies.base import Observation, PolicyOptions, Setting
from qnetsim.policies.rules.stock_policy import StockPolicy
from qnetsim.units import exact

if TYPE_CHECKING:
    from qnetsim.optimize import Plan


class BaseStockOptions(PolicyOptions):
    """Options of ``base-stock``."""

    level: float | None = Field(
        default=None,
        ge=0,
        le=10**6,
        description="channel-slots for each request routed over a fibre that a slot shall begin "
        "with; unless given, what a newsvendor plan for the forecast reserves",
        json_schema_extra={"allowed": "a number 0 .. 1000000"},
    )


class BaseStock(StockPolicy):
    """Reserve what brings the pools up to the same stock in every slot.

    It is told the forecast, and sees the pools.
    """

    Options = BaseStockOptions
    options: BaseStockOptions

    def prepare(self, setting: Setting, plan: Plan | None) -> None:
        """Work out the stock."""
        super().prepare(setting, plan)
        level = self.options.level
        self._stock = self._newsvendor
        if level is not None:
            requests = setting.requests_per_fibre(self._columns)
            # as it is written: 0.1 times 30 is no more than 3
            each = exact(level)
            self._stock = np.array([math.ceil(each * n) for n in requests.tolist()], np.int64)

    def stock(self, observation: Observation) -> IntArray:
        """Return the constant stock."""
        return self._stock
