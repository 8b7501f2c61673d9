"""Pages on the paper: what is computed in them comes out again."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pytest

from qnetsim.analysis.paired import ConfidenceInterval
from qnetsim.reference.reproduction import shipped_page
from qnetsim.studies.benchmark.reference_rows import reference
from qnetsim.studies.benchmark.row_file import BenchmarkRow
from qnetsim.studies.paper.beyond import (
    PairOrder,
    change_table,
    order_of,
    order_table,
    pair_changes,
    policy_table,
    ratio_of,
)
from qnetsim.studies.paper.compute import FIGURES
from qnetsim.studies.paper.openings import openings, reading_keys
from qnetsim.studies.paper.paper_page import page_text
from qnetsim.studies.paper.paper_results import PaperResults
from qnetsim.studies.paper.reproduction import page
from qnetsim.studies.paper.risk_rows import RiskRow
from qnetsim.studies.paper.risk_tables import risk_order_table, risk_table
from tests.support import ROOT

BACKGROUND = ROOT / "docs" / "background"


def test_the_page_is_what_the_generator_prints() -> None:
    assert (BACKGROUND / "reproduction.md").read_text("utf-8") == shipped_page()


def test_a_page_beside_no_documentation_has_no_links_to_it() -> None:
    results = PaperResults.read()
    assert re.search(r"\]\((learning-paper|fel)\.md", page(results))
    alone = page(results, links=False)
    assert not re.search(r"\]\([\w-]+\.md", alone)
    # pictures lie beside it
    assert "](fig4.png)" in alone and "](fig9.png)" in alone


def test_every_figure_has_a_section_with_its_picture() -> None:
    text = shipped_page()
    for figure in FIGURES:
        assert f"](../images/{figure}.png)" in text
        assert (BACKGROUND.parent / "images" / f"{figure}.png").exists()


def test_one_page_holds_readings_and_risk_too() -> None:
    results = PaperResults.read()
    told = page_text(results, dict.fromkeys(FIGURES, "<svg></svg>"))
    assert "What the paper leaves open" in told and "each pair once (91)" in told
    assert "averse to risk" in told and "SIP, risk-averse" in told and "`" not in told
    assert "over the one before it" in told and "42 of 45 kept" in told


def test_minutes_of_secoqc() -> None:
    text = (BACKGROUND / "siblings.md").read_text("utf-8")
    rows = re.findall(r"\| (FOR\S+) \| \S+ \| ([\d.]+) \| ([\d.]+) \|", text)
    assert len(rows) == 3
    minutes = [(float(store) - 2) * 8 * 2**20 / 8192 / 60 for _, store, _ in rows]
    assert [float(told) for *_, told in rows] == pytest.approx(minutes, abs=0.05)
    shared = (12 - 2) * 8 * 2**20 / 8192 / 60
    for value in (shared, sum(minutes[:2]), sum(minutes)):
        assert f"{value:.1f}" in text
    for links in (31, 33):
        assert f"{2032 / links:.1f}" in text


def test_readings_of_open_points() -> None:
    found = {opening.reading: opening for opening in openings()}
    assert len(found) == len(openings())
    chosen = openings()[0].scenario(1, 1.0)
    assert chosen.demand.requests == 100 and not chosen.network.qkd_wavelengths
    tail = found["what is cut goes to the last level"].scenario(1, 1.0).demand
    assert tail.kind == "table" and tail.probabilities is not None
    assert sum(tail.probabilities) == pytest.approx(1.0)
    assert found["22 links"].scenario(1, 2.0).cost.on_demand_multiplier == 2.0


def test_a_price_changes_every_reading() -> None:
    common = {("cost", "on_demand", "receiver"): 1000.0}
    for opening in openings():
        found = opening.scenario(1, 2.0, common)
        assert found.cost.on_demand.receiver == 1000.0
        assert found.digest() != opening.scenario(1, 2.0).digest()
        # those that a reading sets are refused, so that it says what was computed
        assert set(opening.changes) <= reading_keys()
    assert ("demand", "probabilities") in reading_keys()


RISK_ROWS = (
    RiskRow("SIP", (1.0, 2.0), (2.0, 3.0)),
    RiskRow("near", (1.1, 2.0), (2.0, 3.1)),
    RiskRow("dear", (2.1, 4.0), (1.0, 1.55)),
)


def test_risk_is_compared_world_by_world() -> None:
    """Worlds differ by a factor of two; each is held against itself."""
    assert RISK_ROWS[0].measure("both").tolist() == [1.5, 2.5]
    table = risk_order_table(RISK_ROWS)
    mean, dear = table.rows[:3], table.rows[3:6]
    assert [row[1] for row in mean] == ["SIP", "near", "dear"]
    assert [row[-1] for row in mean] == ["cheapest", "not decided", "dearer"]
    assert [row[1] for row in dear] == ["dear", "SIP", "near"]
    assert [row[-1] for row in dear] == ["cheapest", "dearer", "not decided"]
    assert risk_table(RISK_ROWS).rows[2][1].startswith("2.033 (")


def row_of(policy: str, *costs: float) -> BenchmarkRow:
    return reference().rows[0].model_copy(update={"policy": policy, "costs": costs})


def test_orders_are_decided_in_pairs() -> None:
    """Intervals of the means overlap by far; replication by replication one is always dearer."""
    cheap, dear = row_of("cheap", 10.0, 20.0, 30.0), row_of("dear", 11.0, 22.2, 33.0)
    spread = [ConfidenceInterval.of_mean(np.array(row.costs)) for row in (cheap, dear)]
    assert spread[0].high > spread[1].low
    ratio = ratio_of(dear, cheap)
    assert ratio.estimate == pytest.approx(66.2 / 60) and 1.0 < ratio.low < ratio.high < 1.2
    assert order_of(ratio) is PairOrder.DEARER
    assert order_of(ratio_of(cheap, dear)) is PairOrder.CHEAPER
    assert order_of(ratio_of(cheap, row_of("x", 11.0, 19.0, 30.0))) is PairOrder.OPEN
    assert order_of(ratio_of(cheap, row_of("x", 10.001, 20.0, 30.0))) is PairOrder.EQUAL
    assert order_of(ConfidenceInterval(2.0, None, None)) is PairOrder.OPEN


def test_what_becomes_of_an_order() -> None:
    before = [row_of("a", 10.0, 20.0), row_of("b", 11.0, 22.0), row_of("same", 10.0, 20.0)]
    after = [row_of("a", 12.0, 24.0), row_of("b", 11.0, 22.0), row_of("same", 11.0, 22.0)]
    default, world = ({row.policy: row for row in rows} for rows in (before, after))
    found = {(c.policy, c.base): c.word for c in pair_changes(default, world)}
    assert found == {("b", "a"): "swap", ("same", "a"): "part", ("same", "b"): "become equal"}
    assert {change.word for change in pair_changes(default, default)} == {""}
    world["b"] = row_of("b", 9.0, 26.0)
    (change,) = (c for c in pair_changes(default, world) if (c.policy, c.base) == ("b", "a"))
    assert change.word == "not decided" and change.before.estimate == pytest.approx(1.1)


def test_worlds_beyond_the_paper() -> None:
    worlds = {world.name for world in reference().worlds}
    table = order_table()
    found = {row[0]: row for row in table.rows}
    assert set(found) == worlds and [row[0] for row in table.rows[:2]] == ["nsfnet", "usnet"]
    assert (
        found["nsfnet"][-2] == "kept"
        and found["usnet"][-1] == "42 of 45 kept, 2 swap, 1 become equal"
    )
    changes = change_table().rows
    for name, row in found.items():
        words = re.findall(r"(\d+) (swap|become equal|not decided|part)", row[-1])
        here = [change[-1] for change in changes if change[0] == name]
        assert {word: int(count) for count, word in words} == Counter(here)
    # one number with its interval in each cell
    assert not [cell for row in changes for cell in row if cell.count("(") > 1]
    rows = policy_table().rows
    assert len(rows) == sum(not row.sees_future for row in reference().rows)
    assert {row[:2]: row[-1] for row in rows}["stores", "fedsac"] == "stores"
    assert {row[:2]: row[-1] for row in rows}["usnet-wavelengths", "fedsac"] == "usnet"
