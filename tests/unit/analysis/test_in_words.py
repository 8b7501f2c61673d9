"""What came out, in sentences: the right policy and percentages, and no more than is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from qnetsim.analysis import Comparison, compare_traces
from qnetsim.analysis.compare import PolicyResult
from qnetsim.analysis.in_words import in_words, listed
from qnetsim.analysis.paired import ConfidenceInterval
from qnetsim.runs.batch import run_policies
from qnetsim.scenario import PolicyTable
from tests.support.helpers import nsfnet


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    spec = nsfnet(run__slots="20", run__replications="3", demand__requests="20")
    policies = [PolicyTable(name=name) for name in ("sip", "evf", "random", "perfect")]
    return compare_traces(run_policies(spec, policies, tmp_path_factory.mktemp("words")))


def with_costs(comparison: Comparison, **costs: list[float]) -> Comparison:
    """The same comparison with other costs, a list of replications for each policy."""
    first = comparison.policies[0]
    policies: list[PolicyResult] = []
    for name, values in costs.items():
        runs = tuple(
            replace(first.runs[0], policy=name, replication=i, cost=cost)
            for i, cost in enumerate(values)
        )
        cost = ConfidenceInterval.of_mean(np.array(values))
        policies.append(replace(first, name=name, cost=cost, runs=_seeing(runs, name == "perfect")))
    count = len(next(iter(costs.values())))
    return replace(
        comparison, policies=tuple(policies), reference=next(iter(costs)), replications=count
    )


def _seeing(runs: tuple, sees: bool) -> tuple:
    return tuple(replace(run, sees_future=sees) for run in runs)


def test_the_cheapest_is_named_with_paired_ranges(found: Comparison) -> None:
    costs = {
        "sip": [100.0, 200.0, 300.0],
        "evf": [110.0, 220.0, 330.0],
        "random": [200.0, 400.0, 600.0],
        "perfect": [50.0, 100.0, 150.0],
    }
    said = in_words(with_costs(found, **costs))
    assert said[0] == "sip is the cheapest: 200 per slot."
    assert (
        said[1] == "evf costs 10.0 % more (10.0 to 10.0) and random 100.0 % more (100.0 to 100.0)."
    )
    assert said[2] == "Perfect information would save 50.0 % (50.0 to 50.0) of sip's cost."
    assert said[3] == "No request was blocked."
    assert said[4] == "3 replications are few for a headline; run at least 10."


def test_what_chance_may_do_is_not_ranked(found: Comparison) -> None:
    costs = {"sip": [100.0, 101.0, 99.0], "evf": [99.0, 103.0, 99.0], "own": [100.0, 101.0, 99.0]}
    said = in_words(with_costs(found, **costs))
    assert said[0] == "sip and own cost the same and the least: 100 per slot."
    assert said[1].startswith("Not told apart from it: evf (0.33")
    assert "costs" not in said[1]


def test_one_replication_has_no_ranges(found: Comparison) -> None:
    said = in_words(with_costs(found, sip=[100.0], evf=[110.0]))
    assert said[1] == "evf costs 10.0 % more."
    assert (
        said[-1] == "There is one replication, so no difference has an interval; run at least ten."
    )


def test_unequal_blocking_is_said(found: Comparison) -> None:
    made = with_costs(found, sip=[100.0, 120.0], evf=[110.0, 130.0])
    uneven = (replace(made.policies[0], blocked=0.1), made.policies[1])
    said = in_words(replace(made, policies=uneven))
    assert "sip blocked 10.0 % of the requests; costs alone do not rank" in said[-2]
    even = tuple(replace(policy, blocked=0.1) for policy in made.policies)
    assert (
        in_words(replace(made, policies=even))[-2] == "Every policy blocked 10.0 % of the requests."
    )


def test_costs_of_zero_and_a_single_policy(found: Comparison) -> None:
    assert in_words(with_costs(found, sip=[5.0, 5.0]))[0] == "sip costs 5 per slot."
    said = in_words(with_costs(found, sip=[0.0, 0.0], evf=[1.0, 2.0], perfect=[0.0, 0.0]))
    assert said[1] == "evf costs more."
    assert said[2] == "Perfect information is a bound, not a competitor."


def test_a_real_comparison(found: Comparison) -> None:
    said = " ".join(in_words(found))
    assert "cheapest" in said or "the least" in said
    assert Path(found.policies[0].runs[0].trace).exists()


def test_lists() -> None:
    assert [listed(list(text)) for text in ("a", "ab", "abc")] == ["a", "a and b", "a, b and c"]
