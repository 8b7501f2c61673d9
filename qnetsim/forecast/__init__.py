"""What a policy may know of the demand: requests, and the distribution of their levels."""

from qnetsim.forecast.forecast import Forecast
from qnetsim.forecast.levels import LevelDistribution, poisson_levels, table_levels

__all__ = ["Forecast", "LevelDistribution", "poisson_levels", "table_levels"]
