"""Demand in the formats of others: lists, matrices, request lists, SNDlib and more."""

from qnetsim.traffic.reading_traffic import read_traffic
from qnetsim.traffic.traffic import Traffic
from qnetsim.traffic.traffic_settings import Columns, TrafficSettings

__all__ = ["Columns", "Traffic", "TrafficSettings", "read_traffic"]
