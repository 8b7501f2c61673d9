"""Figs. 5 to 8: analytic values, simulated ones, and that they agree."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import pytest

from qnetsim.case import open_case
from qnetsim.errors import TraceError, UsageError
from qnetsim.plans.make import planned
from qnetsim.policies.chosen import choose
from qnetsim.studies.paper import fig5, fig6, fig7, fig8
from qnetsim.studies.paper.cost_figure import (
    FEDSAC,
    PAIRS,
    RANDOM,
    RANDOM_LITERAL,
    SCHEMES,
    TOPOLOGIES,
    Budget,
    Point,
)
from qnetsim.studies.paper.cost_rows import CostStudy, _level_costs, cost_rows
from qnetsim.studies.paper.level_costs import costs_of_plan
from qnetsim.studies.paper.paper_figures import scheme_figure
from qnetsim.studies.paper.paper_tables import agreement, cost_csv, cost_table
from tests.support.made_up_figures import row

SMALL = Budget(replications=3, slots=30)
#: One request for each node pair, for which the reference values are known.
ALL_PAIRS = {PAIRS: "all"}
#: Expected cost of each reserved level from 0 to 10 there, worked out by another program.
LEVELS = [
    *(98_546_405, 76_209_545, 58_642_955, 48_231_770, 44_975_990, 47_086_763),
    *(52_417_469, 59_358_141, 66_988_798, 74_878_200, 82_853_850),
]


def rows_of(figure, folder: Path, values=None, topologies=("nsfnet",), common=None):
    figure = figure if values is None else replace(figure, values={"nsfnet": values})
    cells = list(figure.cells(topologies))
    return list(cost_rows(CostStudy(folder, SMALL, common or {}), cells))


def test_fig5_is_the_known_curve(tmp_path: Path) -> None:
    rows = rows_of(fig5.FIGURE, tmp_path, common=ALL_PAIRS)
    assert [row.value for row in rows] == list(range(11))
    assert [round(row.analytic.total) for row in rows] == pytest.approx(LEVELS, abs=1)
    assert all(row.agrees and abs(row.off) < 1e-12 for row in rows)
    assert all(row.first.low == row.first.high for row in rows)


def test_ratios_are_the_known_ones(tmp_path: Path) -> None:
    rows = rows_of(fig8.FIGURE, tmp_path, (0.5, 1.0, 2.0), common=ALL_PAIRS)
    found = {(row.value, row.scheme): row for row in rows}
    assert found[0.5, "sip"].analytic.total == pytest.approx(37_628_035.11, abs=0.01)
    assert found[1.0, "sip"].analytic.total == pytest.approx(44_975_989.99, abs=0.01)
    assert found[2.0, "sip"].analytic.total == pytest.approx(51_197_926.91, abs=0.01)
    assert found[2.0, "evf"].analytic.total == pytest.approx(69_439_240.43, abs=0.01)
    assert found[1.0, "random"].ratio == pytest.approx(1.4355, abs=5e-5)
    assert found[1.0, "sip"].ratio == 1.0
    assert all(row.agrees for row in rows)
    # the weights are used at the prices that they were trained for, and nowhere else
    assert {row.value for row in rows if row.scheme == "fedsac"} == {1.0}


@pytest.mark.parametrize("scheme", [s for s in SCHEMES if s is not FEDSAC], ids=lambda s: s.name)
@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_the_mean_over_levels_is_the_plans_expectation(scheme, topology: str) -> None:
    case = open_case(Point(topology, ((("demand", "requests"), 30),)).scenario(SMALL, {}))
    policy = choose(scheme.policy)
    plan = planned(policy.fresh(), policy.title, case)
    costs = costs_of_plan(case, policy.fresh(), plan)
    first, second = costs.mean(case.forecast.levels.probabilities)
    assert first == pytest.approx(plan.first_stage_cost(case.network), rel=1e-12)
    assert second == pytest.approx(plan.second_stage_cost(case.network), rel=1e-12)
    assert costs.drawn == (scheme in (RANDOM, RANDOM_LITERAL))


@pytest.mark.filterwarnings("ignore:.*not trained for")
def test_every_price_moves_every_cost(tmp_path: Path) -> None:
    before = rows_of(fig6.FIGURE, tmp_path / "a", (20,))
    common = {("cost", "reserved", "transmitter"): 1600.0}
    after = rows_of(fig6.FIGURE, tmp_path / "b", (20,), common=common)
    for old, new in zip(before, after, strict=True):
        assert new.analytic.first > old.analytic.first, old.scheme
        assert new.total.estimate > old.total.estimate, old.scheme
        assert new.agrees


def test_traces_are_kept_and_verified(tmp_path: Path) -> None:
    rows = rows_of(fig6.FIGURE, tmp_path, (20, 100))
    traces = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.h5")}
    assert len(traces) == 2 * 5 * SMALL.replications
    gone = next(path for path in traces if path.name == "evf-r001.h5")
    gone.unlink()
    assert rows_of(fig6.FIGURE, tmp_path, (20, 100)) == rows
    again = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.h5")}
    assert {path for path in traces if again[path] != traces[path]} == {gone}
    # the default is one scenario for all figures
    rows_of(fig8.FIGURE, tmp_path, (1.0,))
    assert len(list(tmp_path.rglob("*.h5"))) == len(traces)


def test_a_damaged_trace_is_refused(tmp_path: Path) -> None:
    import h5py

    rows_of(fig5.FIGURE, tmp_path, (3,))
    path = next(tmp_path.rglob("level-3-r000.h5"))
    with h5py.File(path, "r+") as file:
        column = file["slots/qkd_on_demand_cost"]
        column[0] = column[0] + 1.0
    with pytest.raises(TraceError, match="digest"):
        rows_of(fig5.FIGURE, tmp_path, (3,))


def test_what_does_not_agree_is_told(tmp_path: Path) -> None:
    (row,) = rows_of(fig5.FIGURE, tmp_path, (3,))
    assert agreement([row]).startswith("1 of 1")
    for wrong in (
        replace(row, off=1e-6),
        replace(row, given_levels=2 * row.given_levels),
    ):
        assert not wrong.agrees
        assert "not: nsfnet level-3 at 3" in agreement([wrong])
        assert cost_table(fig5.FIGURE, [wrong]).rows[0][-1] == "NO"


def test_csv_has_a_row_for_each_value(tmp_path: Path) -> None:
    rows = rows_of(fig6.FIGURE, tmp_path, (20,))
    table = list(csv.DictReader(io.StringIO(cost_csv(fig6.FIGURE, rows, SMALL, {}))))
    assert [line["scheme"] for line in table] == [scheme.name for scheme in SCHEMES]
    head = ["requests", "scheme", "topology", "analytic", "simulated", "low", "high"]
    assert list(table[0])[:7] == head
    assert all(float(t["low"]) <= float(t["simulated"]) <= float(t["high"]) for t in table)
    levels = rows_of(fig5.FIGURE, tmp_path, (3,))
    staged = list(csv.DictReader(io.StringIO(cost_csv(fig5.FIGURE, levels, SMALL, {}))))
    assert [line["scheme"] for line in staged] == ["first_stage", "second_stage", "total"]
    first, second, total = (float(line["analytic"]) for line in staged)
    assert first + second == pytest.approx(total)


def test_fig7_gives_each_number_of_scenarios_its_mean() -> None:
    changes = dict(fig7.FIGURE.point("usnet", 20).changes)
    assert changes == {("demand", "levels"): 20, ("demand", "mean"): 6}
    assert not fig7.FIGURE.point("usnet", 10).changes
    for key in (("demand", "levels"), ("demand", "mean")):
        with pytest.raises(UsageError, match="is what fig7 varies"):
            fig7.FIGURE.refuse_changes({key: 4})
    fig7.FIGURE.refuse_changes({("demand", "requests"): 4})


def test_a_learner_that_reacts_has_no_analytic_cost(tmp_path: Path) -> None:

    point = Point("nsfnet")
    case = open_case(point.scenario(SMALL, {}))
    rows_of(fig6.FIGURE, tmp_path, (100,))
    drawn = next(tmp_path.rglob("random-r000.h5"))
    with pytest.raises(UsageError, match="does not reserve the same"):
        _level_costs(case, choose("fedsac"), None, drawn)


def test_a_row_of_fedsac_says_how_often_it_was_trained() -> None:
    weights = {
        (figure.name, at): figure.weights("nsfnet", at, FEDSAC.name)
        for figure, at in ((fig6.FIGURE, 20), (fig7.FIGURE, 5), (fig7.FIGURE, 10), (fig8.FIGURE, 2))
    }
    assert weights == {
        ("fig6", 20): "shipped, one seed",
        ("fig7", 5): "anew, one seed",
        ("fig7", 10): "shipped, one seed",
        ("fig8", 2): "anew, one seed",
    }
    assert fig8.FIGURE.weights("nsfnet", 2, "sip") == ""
    rows = [row("nsfnet", at, FEDSAC.name, 1.0) for at in (1.0, 2.0)]
    told = [cells[2] for cells in cost_table(fig8.FIGURE, rows).rows]
    assert told == ["FedSAC (shipped, one seed)", "FedSAC (anew, one seed)"]
    lines = list(csv.DictReader(io.StringIO(cost_csv(fig8.FIGURE, rows, SMALL, {}))))
    assert [line["weights"] for line in lines] == ["shipped, one seed", "anew, one seed"]
    (axes,) = scheme_figure(fig8.FIGURE, rows).axes
    assert [text.get_text() for text in axes.figure.legends[0].texts] == ["FedSAC (one seed)"]
