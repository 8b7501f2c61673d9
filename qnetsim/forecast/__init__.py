"""What a policy may know of the demand: requests, and the distribution of their levels."""

from qnetsim.forecast.forecast import Forecast
from qnetsim.forecast.levels import LevelDistribution, level_at, poisson_levels, table_levels

__all__ = ["Forecast", "LevelDistribution", "level_at", "poisson_levels", "table_levels"]
