"""A scenario made concrete: its network, its forecast, its worlds."""

from qnetsim.case.case import Case
from qnetsim.case.open_case import load, open_case, rows_used

__all__ = ["Case", "load", "open_case", "rows_used"]
