"""[[request]] tables: what cannot be meant is refused, with its line."""

from __future__ import annotations

import pytest

from qnetsim.errors import ScenarioError
from qnetsim.scenario import parse_scenario

HEAD = '[network]\ntopology = "nsfnet"\n'
ONE = '[[request]]\nsource = "1"\ntarget = "2"\n'

WRONG = {
    "[demand]\npairs = 'all'\n" + ONE: (4, "demand.pairs", "take its place"),
    "[demand]\nrequests = 3\n" + ONE: (4, "demand.requests", "take its place"),
    "[demand]\nmean = 2\n" + ONE + "level = 1\n": (4, "demand.mean", "used by no request"),
    ONE + "mean = 1\nlevel = 1\n": (7, "request[0].level", "give one of"),
    ONE + "level = 10\n": (6, "request[0].level", "raise demand.levels to 11"),
    ONE + "probabilities = []\n": (6, "request[0].probabilities", "give 1 to 10"),
    ONE + "probabilities = [0, 0]\n": (6, "request[0].probabilities", "positive sum"),
    ONE + "group = 'a'\n": (6, "request[0].group", "coupling = 'grouped'"),
    "[demand]\ncoupling = 'grouped'\n" + ONE: (5, "request[0]", "has no group"),
    "[demand]\ncoupling = 'grouped'\npairs = 'all'\n": (4, "demand.coupling", "needs [[request]]"),
    "[demand]\ncoupling = 'copula'\npairs = 'all'\n": (4, "demand.coupling", "needs the corr"),
    "[demand]\ncorrelation = 0.5\npairs = 'all'\n": (4, "demand.correlation", "'copula' only"),
    "[demand]\ncoupling = 'copula'\ncorrelation = 1.5\n" + ONE: (
        5,
        "demand.correlation",
        "0 .. 0.9999",
    ),
    ONE + "count = 0\n": (6, "request[0].count", "1 .. 1000000"),
    ONE + "count = 999999\n" + ONE + "count = 2\n": (3, "request", "allowed: 1,000,000"),
    ONE + "mean_rate_bps = -1\n": (6, "request[0].mean_rate_bps", ">= 0"),
    ONE + "rate = 1\n": (6, "request[0].rate", "unknown key"),
    "[demand]\npriority_shares = [1, 1]\n" + ONE + "priority = 1\n": (
        8,
        "request[0].priority",
        "remove",
    ),
    "[regimes]\nmeans = [1, 2]\n" + ONE: (3, "regimes", "share their levels"),
    "[recording]\nfile = 'x.csv'\nrate_unit = 'level'\nslot_s = 1\n" + ONE: (
        3,
        "recording",
        "share",
    ),
    "request = []\n": (1, "demand", "neither requests nor pairs"),
}


@pytest.mark.parametrize(("text", "wanted"), WRONG.items())
def test_wrong_tables_are_named(text: str, wanted: tuple[int, str, str]) -> None:
    text = text + HEAD if text.startswith("request") else HEAD + text
    with pytest.raises(ScenarioError) as error:
        parse_scenario(text, "x")
    line, key, word = wanted
    assert any(
        problem.startswith(f"x:{line}: {key}: ") and word in problem
        for problem in error.value.problems
    ), error.value.problems


def test_good_tables_are_read_and_change_no_digest_where_there_are_none() -> None:
    demand = "[demand]\ncoupling = 'copula'\ncorrelation = 0.5\n"
    found = parse_scenario(HEAD + demand + ONE + "mean_rate_bps = 100\n" + ONE + "count = 3\n")
    assert [table.count for table in found.request] == [1, 3]
    assert found.digest() != parse_scenario(HEAD + demand + ONE).digest()
