"""Realised levels: moments of every coupling against theory, and what the digest covers."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import ndtri
from scipy.stats import multivariate_normal

from qnetsim.case import Case, open_case
from qnetsim.forecast import LevelDistribution
from qnetsim.forecast.draws import draw_levels
from qnetsim.scenario import parse_scenario

SLOTS = 40_000
ROWS = ("mean = 0.7", "mean = 4.0", "probabilities = [5, 0, 1, 0, 4]", "mean = 4.0", "level = 2")


def case_of(coupling: str, extra: str = "") -> Case:
    text = f'[network]\ntopology = "nsfnet"\n[demand]\ncoupling = "{coupling}"\n{extra}\n'
    for i, row in enumerate(ROWS):
        group = f'group = "{"one" if i < 2 else "other"}"' if coupling == "grouped" else ""
        text += f"[[request]]\nsource = 1\ntarget = {i + 2}\n{row}\n{group}\n"
    return open_case(parse_scenario(text))


def quantile(law: LevelDistribution, u: np.ndarray) -> np.ndarray:
    return np.searchsorted(np.cumsum(law.probabilities)[:-1], u, side="right")


def covariance(a: LevelDistribution, b: LevelDistribution, correlation: float) -> float:
    """Of two requests under a Gaussian copula, by Hoeffding's sum over both tails."""
    if correlation == 0:
        return 0.0
    if correlation == 1:
        cuts = np.unique(
            np.concatenate([[0, 1], np.cumsum(a.probabilities), np.cumsum(b.probabilities)])
        )
        cuts = cuts[(cuts >= 0) & (cuts <= 1)]
        middle, width = (cuts[1:] + cuts[:-1]) / 2, np.diff(cuts)
        return float(quantile(a, middle) * quantile(b, middle) @ width) - a.mean * b.mean
    normal = multivariate_normal(cov=[[1, correlation], [correlation, 1]])
    total = 0.0
    tails = [np.clip(1 - np.cumsum(law.probabilities)[:-1], 0, 1) for law in (a, b)]
    for s, t in itertools.product(*tails):
        if 1e-12 < s < 1 - 1e-12 and 1e-12 < t < 1 - 1e-12:
            total += float(normal.cdf([ndtri(s), ndtri(t)])) - s * t
    return total


@pytest.mark.parametrize(
    ("coupling", "extra", "correlation"),
    [
        ("comonotone", "", 1.0),
        ("independent", "", 0.0),
        ("grouped", "", None),
        ("copula", "correlation = 0.0", 0.0),
        ("copula", "correlation = 0.35", 0.35),
        ("copula", "correlation = 0.9", 0.9),
        ("copula", "correlation = 0.9999", 0.9999),
    ],
)
def test_moments_of_every_coupling(coupling: str, extra: str, correlation: float | None) -> None:
    forecast = case_of(coupling, extra).forecast
    drawn = draw_levels(forecast, 11, ("demand", 0, 0), SLOTS)[:, forecast.group].astype(float)
    laws = [forecast.levels_of(r) for r in range(forecast.requests)]
    means = np.array([law.mean for law in laws])
    apart = drawn - means
    for r, law in enumerate(laws):
        assert abs(apart[:, r].mean()) <= 4 * np.sqrt(law.variance / SLOTS)
        shares = np.bincount(drawn[:, r].astype(int), minlength=law.count) / SLOTS
        sigma = np.sqrt(law.probabilities * (1 - law.probabilities) / SLOTS)
        often = law.probabilities * SLOTS >= 5
        assert (np.abs(shares - law.probabilities) <= 4.5 * sigma)[often].all()
        assert not drawn[:, r][~(law.probabilities > 0)[drawn[:, r].astype(int)]].size
    for r, s in itertools.combinations(range(forecast.requests), 2):
        product = apart[:, r] * apart[:, s]
        known = correlation if correlation is not None else float((r < 2) == (s < 2))
        expected = covariance(laws[r], laws[s], known)
        error = product.std() / np.sqrt(SLOTS)
        assert abs(product.mean() - expected) <= 4 * error + 1e-12, (r, s)


def test_one_uniform_number_orders_comonotone_levels() -> None:
    forecast = case_of("comonotone").forecast
    drawn = draw_levels(forecast, 3, ("demand", 0, 0), 5000)
    for a, b in itertools.combinations(drawn.T.astype(int), 2):
        order = np.lexsort((b, a))
        assert (np.diff(b[order]) >= 0).all()
    assert forecast.groups == 4  # two requests have the same distribution


def test_the_digest_covers_who_has_which_level() -> None:
    case = case_of("comonotone")
    world = case.realisation(0)
    first = world.whole_digest()
    assert first == case.realisation(0).whole_digest()
    kinds = (1, 0, 2, 1, 3)
    other = replace(case, forecast=replace(case.forecast, kinds=kinds))
    assert other.realisation(0).whole_digest() != first
    assert case_of("independent").realisation(0).whole_digest() != first


def test_the_correlation_changes_the_world_and_comonotone_is_its_limit() -> None:
    half = case_of("copula", "correlation = 0.5").forecast
    one = replace(half, correlation=1.0)
    drawn = draw_levels(one, 5, ("demand", 0, 0), 3000)
    for a, b in itertools.combinations(drawn.T.astype(int), 2):
        order = np.lexsort((b, a))
        assert (np.diff(b[order]) >= 0).all()
    assert (drawn != draw_levels(half, 5, ("demand", 0, 0), 3000)).any()
