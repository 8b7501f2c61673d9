"""The node pairs of a scenario."""

from __future__ import annotations

from qnetsim.case import open_case
from tests.support.helpers import nsfnet


def test_pairs_are_drawn_once_per_scenario() -> None:
    case = open_case(nsfnet(demand__requests="500"))
    assert len(case.forecast.pairs) == 500
    assert all(a < b for a, b in case.forecast.pairs)
    again = open_case(nsfnet(demand__requests="500", run__replications="3"))
    assert again.forecast.pairs == case.forecast.pairs
    other = open_case(nsfnet(demand__requests="500", run__seed="2"))
    assert other.forecast.pairs != case.forecast.pairs
