"""The bound of foresight is what perfect information pays, and no run falls below it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qnetsim.analysis.metrics import run_metrics
from qnetsim.case import Case, open_case
from qnetsim.errors import UsageError
from qnetsim.runs.simulate import simulate
from qnetsim.scenario import Scenario
from qnetsim.studies.benchmark.wait_and_see import foreseen_prices
from qnetsim.trace import open_trace


def case(**tables: object) -> Case:
    given: dict[str, object] = {
        "run": {"slots": 60, "replications": 1},
        "network": {"topology": "nsfnet"},
        "demand": {"requests": 20},
    }
    return open_case(Scenario.of(given | tables))


def floor(found: Case) -> float:
    """Least mean cost per slot of the first replication."""
    prices = foreseen_prices(found)
    groups = np.arange(len(prices))
    world = found.realisation(0)
    return sum(float(prices[groups, c.levels].sum()) for c in world.chunks()) / world.slots


def cost(found: Case, policy: str, folder: Path) -> float:
    path = simulate(found, policy, folder / f"{policy.replace(':', '-')}.h5")
    with open_trace(path) as trace:
        return run_metrics(trace).cost


def test_expectation_is_that_of_perfect_information_on_all_pairs_of_nsfnet() -> None:
    found = case(demand={"pairs": "all"})
    prices = foreseen_prices(found)
    assert prices.shape == (1, 10)
    expected = float(prices[0] @ found.forecast.levels.probabilities)
    assert expected == pytest.approx(26_959_613.86, abs=0.01)


STORES = {"store_bits": 100_000, "key_lifetime_slots": 5}


@pytest.mark.parametrize(
    "tables",
    [
        {},
        {"demand": {"requests": 20, "coupling": "independent"}},
        {"regimes": {"means": [1.0, 6.0], "mean_slots": 8}, "key_management": STORES},
        {"cost": {"blocking_cost": 400_000.0}},
        {"cost": {"on_demand_multiplier": 0.5}},
    ],
    ids=["comonotone", "independent", "stores", "blocking", "cheap on demand"],
)
def test_perfect_information_pays_it_and_nobody_less(tables: dict, tmp_path: Path) -> None:
    found = case(**tables)
    least = floor(found)
    assert cost(found, "perfect", tmp_path) == pytest.approx(least, rel=1e-12)
    for policy in ("evf", "level:level=0", "level:level=3", "random"):
        assert cost(found, policy, tmp_path) >= least * (1 - 1e-12), policy


def test_limits_and_failures_only_add_to_it(tmp_path: Path) -> None:
    tables = {
        "cost": {"blocking_cost": 2_000_000.0},
        "network": {"topology": "nsfnet", "qkd_wavelengths": 30},
        "faults": {"fibre_mtbf_s": 100.0, "fibre_mttr_s": 10.0},
    }
    found = case(**tables)
    assert floor(found) == pytest.approx(floor(case(cost=tables["cost"])), rel=1e-12)
    for policy in ("perfect", "evf", "random"):
        assert cost(found, policy, tmp_path) > floor(found), policy


@pytest.mark.parametrize(
    ("tables", "what"),
    [
        ({"yields": {"noise_counts": 400}}, "yields that vary"),
        ({"key_management": {"granularity": "bit"}}, "requests that share channels"),
        (
            {"demand": {"requests": 4, "holding": "fixed", "holding_slots": 2}},
            "sessions",
        ),
        ({"key_management": {"patience_s": 2.0}}, "requests that may still wait at the end"),
        (
            {"network": {"topology": "nsfnet", "qkd_wavelengths": 30}},
            "blocking that has no price",
        ),
        ({"faults": {"fibre_mtbf_s": 10.0, "fibre_mttr_s": 1.0}}, "blocking that has no price"),
    ],
)
def test_what_breaks_the_proof_is_named(tables: dict, what: str) -> None:
    with pytest.raises(UsageError, match=f"no bound is proved for a scenario with {what}$"):
        foreseen_prices(case(**tables))
