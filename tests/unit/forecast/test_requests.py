"""Requests with levels of their own: distributions, groups, classes, and mean rates."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from qnetsim.case import open_case
from qnetsim.errors import SettingError, UsageError
from qnetsim.forecast import LevelDistribution, level_at, poisson_levels, requests, table_levels
from qnetsim.scenario import parse_scenario


def case_of(requests: str, demand: str = "", network: str = ""):
    text = f'[network]\ntopology = "nsfnet"\n{network}\n[demand]\n{demand}\n'
    for line in requests.strip().splitlines():
        text += "[[request]]\n" + line.replace("; ", "\n") + "\n"
    return open_case(parse_scenario(text))


MIXED = """
source = 1; target = 5; mean = 2.5; count = 2
source = "2"; target = "9"; probabilities = [1, 0, 3]
source = 9; target = 2; level = 3
source = 3; target = 4
"""


def test_each_request_has_its_own_distribution() -> None:
    forecast = case_of(MIXED).forecast
    assert forecast.requests == 5
    assert forecast.levels_of(0) == forecast.levels_of(1) == poisson_levels(10, 2.5)
    assert forecast.levels_of(2) == table_levels([1, 0, 3, *[0] * 7])
    assert forecast.levels_of(3) == level_at(3, 10)
    assert forecast.levels_of(4) == poisson_levels(10)
    assert forecast.pairs == ((0, 4), (0, 4), (1, 8), (1, 8), (2, 3))
    with pytest.raises(UsageError, match=r"Forecast.levels_of"):
        _ = forecast.levels


@pytest.mark.parametrize(
    ("demand", "group"),
    [
        ("", [0, 0, 1, 2, 3]),
        ("coupling = 'independent'", [0, 1, 2, 3, 4]),
        ("coupling = 'copula'\ncorrelation = 0.3", [0, 1, 2, 3, 4]),
    ],
)
def test_a_group_shares_its_level(demand: str, group: list[int]) -> None:
    forecast = case_of(MIXED, demand).forecast
    assert forecast.group.tolist() == group
    kinds = [forecast.group_kind[g] for g in group]
    assert kinds == forecast.kind.tolist()


def test_groups_are_bundles_of_one_distribution() -> None:
    named = """
source = 1; target = 5; mean = 2; group = "b"
source = 1; target = 5; mean = 3; group = "a"
source = 1; target = 6; mean = 2; group = "b"
source = 1; target = 7; mean = 3; group = "b"
"""
    forecast = case_of(named, "coupling = 'grouped'").forecast
    assert forecast.group.tolist() == [0, 1, 0, 2]
    assert forecast.group_driver.tolist() == [0, 1, 0]
    assert forecast.drivers == 2


def test_requests_that_are_all_alike_are_the_shared_demand() -> None:
    own = case_of("source = 1; target = 5; mean = 3\nsource = 2; target = 6; mean = 3.0")
    shared = case_of("", "pairs = [[1, 5], [2, 6]]")
    assert own.forecast == shared.forecast
    assert own.realisation(0).whole_digest() == shared.realisation(0).whole_digest()


def test_priority_is_the_class() -> None:
    rows = "source = 1; target = 5; priority = 2\nsource = 1; target = 6"
    assert case_of(rows).forecast.classes == (2, 0)
    drawn = case_of("source = 1; target = 5; count = 50", "priority_shares = [1, 1]")
    assert set(drawn.forecast.classes) == {0, 1}


def test_a_mean_rate_is_a_mean_level_of_the_rate_of_one_level() -> None:
    rate = "source = 1; target = 5; mean_rate_bps = 2500"
    forecast = case_of(rate, "levels = 20", "key_rate_bps = 1000.0").forecast
    assert forecast.levels == poisson_levels(20, Fraction(5, 2))
    # the rate of one level is that of whole bits in a slot at span_km
    slots = case_of(rate, "levels = 20", "key_rate_bps = 1000.5").forecast
    assert slots.levels == poisson_levels(20, Fraction(5, 2))


@pytest.mark.parametrize(
    ("rate", "levels", "mend"),
    [
        (8000, 10, "demand.levels to 16"),
        (5000, 8, "demand.levels to 12"),
        (10**7, 10, "key_rate_bps"),
    ],
)
def test_levels_that_are_too_few_for_a_rate_are_refused(rate: int, levels: int, mend: str) -> None:
    row = f"source = 1; target = 5; mean_rate_bps = {rate}"
    with pytest.raises(SettingError) as error:
        case_of(row, f"levels = {levels}")
    ((key, text),) = error.value.problems
    assert key == ("request", 0, "mean_rate_bps")
    assert mend in text
    if "demand" in mend:
        least = int(mend.split()[-1])
        assert case_of(row, f"levels = {least}").forecast.level_count == least
        with pytest.raises(SettingError):
            case_of(row, f"levels = {least - 1}")


def test_bad_ends_are_named_once_with_their_table() -> None:
    rows = "source = 1; target = 99; count = 3\nsource = 2; target = 2"
    with pytest.raises(SettingError) as error:
        case_of(rows)
    keys = [key for key, _ in error.value.problems]
    assert keys == [("request", 0), ("request", 1)]


def test_other_distributions_keep_who_shares_them() -> None:
    forecast = case_of(MIXED).forecast
    one = forecast.with_levels(poisson_levels(10))
    assert one.shared and one.levels == poisson_levels(10)
    same = forecast.with_levels(*forecast.distributions)
    assert same == forecast
    merged = forecast.with_levels(*[level_at(1, 10)] * 2, level_at(2, 10), level_at(1, 10))
    assert [merged.levels_of(r).mean for r in range(5)] == [1, 1, 1, 2, 1]
    np.testing.assert_array_equal(merged.probabilities.sum(axis=1), 1.0)


def test_requests_that_ask_alike_have_one_law_which_is_made_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = []
    poisson = requests.poisson_levels

    def counted(levels: int, mean: Fraction) -> LevelDistribution:
        made.append(mean)
        return poisson(levels, mean)

    monkeypatch.setattr(requests, "poisson_levels", counted)
    alike = [f"source = 1; target = {n}; mean = {mean}" for n in (5, 6, 7) for mean in (2, 2.5)]
    forecast = case_of("\n".join(alike)).forecast
    assert made == [2, Fraction(5, 2)]
    assert list(forecast.kind) == [0, 1] * 3
