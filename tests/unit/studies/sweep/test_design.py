from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qnetsim.errors import ScenarioError
from qnetsim.studies.sweep.design import points_of
from qnetsim.studies.sweep.sweep_file import load_sweep
from qnetsim.studies.sweep.sweep_tables import SweepTable
from tests.support.sweeps import written

HEAD = 'scenario = "nsfnet"\npolicies = ["sip"]\nreplications = 2\n'


def table(**given: object) -> SweepTable:
    return SweepTable.model_validate({"scenario": "nsfnet", **given})


def test_a_grid_has_every_combination_the_first_factor_slowest() -> None:
    factors = [{"key": "a.b", "values": [1, 2]}, {"key": "a.c", "values": ["x", "y"]}]
    assert points_of(table(factor=factors)) == [(1, "x"), (1, "y"), (2, "x"), (2, "y")]


def test_a_list_takes_values_together() -> None:
    factors = [{"key": "a.b", "values": [1, 2]}, {"key": "a.c", "values": ["x", "y"]}]
    assert points_of(table(design="list", factor=factors)) == [(1, "x"), (2, "y")]


def test_without_factors_there_is_one_point() -> None:
    assert points_of(table()) == [()]


@pytest.mark.parametrize(
    ("factor", "values"),
    [
        ({"low": 0.5, "high": 2.0, "count": 4}, [0.5, 1.0, 1.5, 2.0]),
        ({"low": 10, "high": 40, "count": 4}, [10, 20, 30, 40]),
        ({"low": 1, "high": 1000, "count": 4, "log": True}, [1, 10, 100, 1000]),
        ({"low": 1, "high": 3, "count": 9}, [1, 2, 3]),
    ],
)
def test_a_range_has_both_ends_and_whole_numbers_stay_whole(
    factor: dict, values: list[float]
) -> None:
    found = [value for (value,) in points_of(table(factor=[{"key": "a.b", **factor}]))]
    assert found == values
    assert all(type(f) is type(v) for f, v in zip(found, values, strict=True))


def test_a_latin_hypercube_has_one_point_in_each_stratum_of_each_factor() -> None:
    factors = [{"key": f"a.{i}", "low": 0.0, "high": 1.0} for i in range(3)]
    points = np.array(points_of(table(design="latin_hypercube", points=25, factor=factors)))
    for column in points.T:
        assert sorted((column * 25).astype(int)) == list(range(25))
    # not the diagonal: the factors are drawn apart
    assert abs(np.corrcoef(points.T)[0, 1]) < 0.9


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_sobol_sequence_has_one_point_in_every_box(seed: int) -> None:
    """Boxes of every shape: the net property of 64 points in two factors."""
    factors = [{"key": f"a.{i}", "low": 0.0, "high": 1.0} for i in range(2)]
    points = np.array(points_of(table(design="sobol", points=64, factor=factors, seed=seed)))
    for across in (1, 2, 4, 8, 16, 32, 64):
        counts, *_ = np.histogram2d(*points.T, bins=(across, 64 // across), range=[[0, 1]] * 2)
        assert np.all(counts == 1)
    assert points.min() > 0


def test_drawn_whole_numbers_take_equal_parts() -> None:
    factor = [{"key": "a.b", "low": 1, "high": 4}]
    drawn = [v for (v,) in points_of(table(design="latin_hypercube", points=400, factor=factor))]
    assert {value: drawn.count(value) for value in (1, 2, 3, 4)} == dict.fromkeys((1, 2, 3, 4), 100)


@pytest.mark.parametrize("design", ["latin_hypercube", "sobol"])
def test_a_drawn_design_follows_from_its_seed(design: str) -> None:
    factor = [{"key": "a.b", "low": 0.0, "high": 1.0}]
    same = [points_of(table(design=design, points=8, factor=factor, seed=s)) for s in (1, 1, 2)]
    assert same[0] == same[1] != same[2]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("replication = 2\n", 4, "replication: unknown key; did you mean 'replications'?"),
        ('design = "sobol"\n', 4, "design: sobol needs points"),
        ("points = 4\n", 4, "points: belongs to latin_hypercube and sobol"),
        ('design = "sobol"\npoints = 6\n', 5, "points: a Sobol sequence is even at powers of two"),
        ("[[factor]]\nkey = 'run.slots'\n", 4, "factor[0]: has no values; give values, or low"),
        (
            "[[factor]]\nkey = 'run.slots'\nvalues = [5, 5]\n",
            6,
            "factor[0].values: has a value twice",
        ),
        ("[[factor]]\nkey = 'slots'\nvalues = [5]\n", 5, "factor[0].key: "),
        (
            "set.run.slots = 20\n[[factor]]\nkey = 'run.slots'\nvalues = [5]\n",
            6,
            "factor[0].key: run.slots stands in `set` as well; give it in one place",
        ),
        (
            "[[factor]]\nkey = 'run.slots'\nlow = 9\nhigh = 5\ncount = 2\n",
            7,
            "factor[0].high: is not above low",
        ),
        (
            "[[factor]]\nkey = 'run.slots'\nlow = 5\nhigh = 9\n",
            6,
            "factor[0].low: a range of this design needs count",
        ),
        (
            "[[factor]]\nkey = 'run.replications'\nvalues = [5, 6]\n",
            5,
            "factor[0].key: is no factor; give `replications`",
        ),
        (
            "[[factor]]\nkey = 'run.slots'\nvalues = [5, -6]\n",
            6,
            "factor[0].values[1]: ",
        ),
        (
            "[[factor]]\nkey = 'policy.evf.level'\nvalues = [5]\n",
            6,
            "factor[0].values[0]: policy.evf.level: no policy has this title; there are sip",
        ),
        ("[stopping]\nhalf_width = 0.1\nblock = 2\n", 4, "stopping: pairs policies"),
        ('train = ["fedsac"]\n', 4, "train[0]: 'fedsac' is no learning policy of this sweep"),
        ("set.run.slots = 0\n", 4, "set: "),
        ("stopping = 1\n", 4, "stopping: should be a table"),
        ("[training]\nworlds = 2\n", 4, "training: says how policies are trained; name them"),
        ("[training]\nworlds = 0\n", 5, "training.worlds: "),
        ("[training]\nseeds = 3\n", 5, "training.seeds: unknown key"),
    ],
)
def test_what_is_wrong_has_its_line(tmp_path: Path, text: str, line: int, words: str) -> None:
    path = written(tmp_path, HEAD + text)
    with pytest.raises(ScenarioError) as error:
        load_sweep(path)
    assert any(problem.startswith(f"{path}:{line}: {words}") for problem in error.value.problems), (
        error.value
    )


def test_all_errors_come_at_once(tmp_path: Path) -> None:
    text = HEAD + (
        "[[factor]]\nkey = 'run.slots'\nvalues = [5, -6]\n"
        "[[factor]]\nkey = 'demand.requests'\nvalues = [0, 'many']\n"
    )
    path = written(tmp_path, text)
    with pytest.raises(ScenarioError) as error:
        load_sweep(path)
    places = {problem.split(": ")[1] for problem in error.value.problems}
    assert places == {"factor[0].values[1]", "factor[1].values[0]", "factor[1].values[1]"}


@pytest.mark.parametrize(
    ("text", "places"),
    [
        (
            "[[factor]]\nkey = 'demand.request'\nvalues = [3]\n"
            "[[factor]]\nkey = 'policy.sip.nothing'\nvalues = [3]\n"
            "[[factor]]\nkey = 'policy.none.seed'\nvalues = [3]\n",
            {"factor[0].values[0]", "factor[1].values[0]", "factor[2].values[0]"},
        ),
        (
            "[[factor]]\nkey = 'cost.on_demand_multiplier'\nvalues = []\n"
            "[[factor]]\nkey = 'demand.requests'\nvalues = [3, -1]\n",
            {"factor[0].values", "factor[1].values[1]"},
        ),
        (
            "train = ['fedsac']\n[[factor]]\nkey = 'run.slots'\nvalues = [-1]\n"
            "[stopping]\nhalf_width = 0.1\n",
            {"factor[0].values[0]", "train[0]", "stopping", "stopping.block"},
        ),
    ],
)
def test_one_kind_of_error_does_not_hide_another(
    tmp_path: Path, text: str, places: set[str]
) -> None:
    path = written(tmp_path, HEAD + text)
    with pytest.raises(ScenarioError) as error:
        load_sweep(path)
    assert {problem.split(": ")[1] for problem in error.value.problems} == places


def test_a_scenario_is_looked_for_beside_other_errors(tmp_path: Path) -> None:
    path = written(tmp_path, 'scenario = "nope"\nreplications = 0\n')
    with pytest.raises(ScenarioError) as error:
        load_sweep(path)
    assert {problem.split(": ")[1] for problem in error.value.problems} == {
        "scenario",
        "replications",
    }


def test_a_scenario_that_is_wrong_in_itself_is_named(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("[run]\nslots = 0\n")
    path = written(tmp_path, 'scenario = "mine.toml"\n')
    with pytest.raises(ScenarioError) as error:
        load_sweep(path)
    assert any("mine.toml:2: run.slots" in text for text in error.value.problems)
    assert all(text.startswith(f"{path}:1: scenario: ") for text in error.value.problems)
