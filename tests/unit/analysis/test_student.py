"""Quantiles of the t distribution beside those of scipy."""

from __future__ import annotations

import pytest
from scipy.special import stdtrit

from qnetsim.analysis.student import t_quantile


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 9, 29, 99, 999, 10**6])
@pytest.mark.parametrize("probability", [0.6, 0.9, 0.975, 0.9995])
def test_quantiles_are_those_of_scipy(degrees: int, probability: float) -> None:
    near = 1e-12 if degrees < 1000 else 1e-8
    assert t_quantile(degrees, probability) == pytest.approx(
        float(stdtrit(degrees, probability)), rel=near
    )
