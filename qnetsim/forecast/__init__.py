"""The world outside every policy: demand, yields, what is forecast and what happens.

``realisation`` and ``demand`` are not re-exported: a policy may know the forecast only.
"""

from qnetsim.exogenous.forecast import Forecast
from qnetsim.exogenous.levels import LevelDistribution, poisson_levels, table_levels

__all__ = ["Forecast", "LevelDistribution", "poisson_levels", "table_levels"]
