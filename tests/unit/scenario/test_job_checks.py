"""The [jobs] table: what cannot be meant is refused, with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from qnetsim.case import load
from qnetsim.errors import ScenarioError
from qnetsim.scenario import JobsTable, parse_scenario
from tests.support import SCENARIOS

HEAD = '[network]\ntopology = "nsfnet"\n'
DEMAND = '[demand]\npairs = "all"\ncoupling = "independent"\n'  # lines 3 to 5
JOBS = f"{HEAD}{DEMAND}[jobs]\n"  # line 6; keys from 7 on
TWO = '[[request]]\nsource = "1"\ntarget = "2"\n'

WRONG = {
    f"{JOBS}count = 0\n": (7, "jobs.count", "1 .. 1000"),
    f"{JOBS}count = 2.5\n": (7, "jobs.count", "1 .. 1000"),
    f"{JOBS}members = 0\n": (7, "jobs.members", "1 .. 1000"),
    f"{JOBS}members = 13\n": (7, "jobs.members", "take 15 nodes, and there are 14"),
    f"{JOBS}periods = []\n": (7, "jobs.periods", "integers 2 .. 1000"),
    f"{JOBS}periods = [ ]\n": (7, "jobs.periods", "has too few entries"),
    f"{JOBS}nodes = 'al'\n": (7, "jobs.nodes", "'all' or a list of nodes"),
    f"{JOBS}periods = [3, 1]\n": (7, "jobs.periods[1]", "integers 2 .. 1000"),
    f"{JOBS}periods = 3\n": (7, "jobs.periods", "a list"),
    f"{JOBS}sizes = []\n": (7, "jobs.sizes", "1 .. demand.levels - 1"),
    f"{JOBS}sizes = [0]\n": (7, "jobs.sizes[0]", "1 .. demand.levels - 1"),
    f"{JOBS}sizes = [5, 10]\n": (7, "jobs.sizes[1]", "allowed: 1 .. 9"),
    f"{JOBS}owner_sizes = [12]\n": (7, "jobs.owner_sizes[0]", "allowed: 1 .. 9"),
    f"{HEAD}[demand]\npairs = 'all'\ncoupling = 'independent'\nlevels = 1\nmean = 0.5\n"
    "[jobs]\nsizes = [5]\n": (9, "jobs.sizes[0]", "is 5; raise demand.levels to at least 6"),
    f"{JOBS}more_rounds = -1\n": (7, "jobs.more_rounds", "0 .. 10000"),
    f"{JOBS}gap_slots = 1e7\n": (7, "jobs.gap_slots", "0 .. 1000000"),
    f"{JOBS}delay = 1.5\n": (7, "jobs.delay", "0 .. 1"),
    f"{JOBS}drop_out = -0.1\n": (7, "jobs.drop_out", "0 .. 1"),
    f"{JOBS}dropout = 0.1\n": (7, "jobs.dropout", "did you mean 'drop_out'"),
    f"{JOBS}nodes = ['1', '2']\n": (6, "jobs.members", "take 8 nodes, and there are 2"),
    f"{JOBS}members = 1\nnodes = ['1', '2', 'x']\n": (8, "jobs.nodes[2]", "x"),
    f"{JOBS}members = 1\nnodes = ['1', '2', '3', '2']\n": (8, "jobs.nodes", "twice"),
    f"{HEAD}[demand]\npairs = 'all'\n[jobs]\n": (3, "demand.coupling", "beside [jobs]"),
    f"{HEAD}[demand]\npairs = 'all'\ncoupling = 'copula'\ncorrelation = 0.1\n[jobs]\n": (
        5,
        "demand.coupling",
        "'independent'",
    ),
    f"{JOBS}[regimes]\nmeans = [1, 2]\n": (6, "jobs", "beside [regimes]"),
    f"{HEAD}[jobs]\n[recording]\nfile = 'x.csv'\nrate_unit = 'level'\nslot_s = 1\n": (
        3,
        "jobs",
        "beside [recording]",
    ),
    f"{HEAD}[demand]\nrequests = 30\ncoupling = 'independent'\n[jobs]\n": (
        6,
        "jobs.nodes",
        "every pair of the jobs' nodes has one",
    ),
    f"{HEAD}[demand]\ncoupling = 'independent'\n{TWO}[jobs]\nmembers = 1\nnodes = [1, 2, 3]\n": (
        10,
        "jobs.nodes",
        "'1' and '3' have 0 requests",
    ),
    f"{HEAD}[demand]\ncoupling = 'independent'\n{TWO}count = 2\n[[request]]\nsource = 1\n"
    "target = 3\n[[request]]\nsource = 2\ntarget = 3\n[jobs]\nmembers = 1\nnodes = [1, 2, 3]\n": (
        17,
        "jobs.nodes",
        "'1' and '2' have 2 requests",
    ),
}


@pytest.mark.parametrize(("text", "wanted"), WRONG.items())
def test_wrong_tables_are_named(text: str, wanted: tuple[int, str, str], tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text(text)
    with pytest.raises(ScenarioError) as error:
        load(path)
    line, key, word = wanted
    assert any(
        problem.startswith(f"{path}:{line}: {key}: ") and word in problem
        for problem in error.value.problems
    ), error.value.problems


def test_every_key_has_a_wrong_value_here() -> None:
    keys = {key.partition(".")[2].partition("[")[0] for _, key, _ in WRONG.values()}
    assert set(JobsTable.model_fields) <= keys


def test_a_scenario_without_jobs_is_what_it_was() -> None:
    plain = parse_scenario(HEAD + DEMAND)
    assert "jobs" not in plain.model_dump()
    # as of 0.1.0
    assert plain.digest() == "f1065332bcce31376817d8486ad312174fcc70a775f2e97167666508fb2090e2"
    assert parse_scenario(JOBS).digest() != plain.digest()
    assert parse_scenario(JOBS).digest() != parse_scenario(f"{JOBS}delay = 0.1\n").digest()


def test_jobs_may_be_on_some_nodes_and_named_by_labels(tmp_path: Path) -> None:
    net = tmp_path / "net.csv"
    net.write_text("source,target,length_km\na,b,100\nb,c,100\nc,d,100\n")
    text = f"[network]\ntopology = {str(net)!r}\n{DEMAND}mean = 0.0\n[jobs]\nmembers = 1\n"
    path = tmp_path / "x.toml"
    path.write_text(f'{text}nodes = ["d", "a", "b"]\n')
    from qnetsim.case import open_case

    forecast = open_case(load(path)).forecast
    asked = {forecast.pairs[r] for r in range(6) if forecast.levels_of(r).mean > 0}
    assert asked == {(0, 1), (0, 3), (1, 3)}
    assert len(forecast.distributions) == 2


@pytest.mark.parametrize("name", ["fel-rounds", "fel-rounds-stores"])
def test_the_shipped_scenarios_have_the_reference_parameters(name: str) -> None:
    scenario = load(SCENARIOS / f"{name}.toml")
    assert scenario.jobs == JobsTable()
    assert (scenario.demand.levels, scenario.demand.mean) == (10, 0.3)
