"""Regimes of demand, and their long run."""

from __future__ import annotations

import numpy as np

from qnetsim.case import open_case
from qnetsim.scenario import RegimesTable
from qnetsim.world.demand import Levels
from tests.support.helpers import scenario

SWITCHING = """
[run]
slots = 40
[network]
topology = "nsfnet"
[demand]
requests = 30
[regimes]
means = [1, 6]
mean_slots = 5
"""


def test_regimes_switch_and_their_long_run_is_the_forecast() -> None:
    case = open_case(scenario(SWITCHING))
    table = RegimesTable(means=(1.0, 6.0), mean_slots=5)
    levels = Levels(case.forecast, table, 1, ("x",))
    drawn = np.concatenate([levels.draw(c, 1024) for c in range(40)])[:, 0]
    share = np.bincount(drawn, minlength=10) / drawn.size
    np.testing.assert_allclose(share, case.forecast.levels.probabilities, atol=0.02)
    both = drawn[1:] * drawn[:-1]
    assert both.mean() - drawn.mean() ** 2 > 2.5  # correlated from slot to slot
    again = Levels(case.forecast, table, 1, ("x",))
    np.testing.assert_array_equal(again.draw(0, 100)[:, 0], drawn[:100])
