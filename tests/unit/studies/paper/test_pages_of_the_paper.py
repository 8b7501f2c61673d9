"""Pages on the paper: what is computed in them comes out again."""

from __future__ import annotations

import re

import pytest

from qnetsim.reference.reproduction import shipped_page
from qnetsim.studies.benchmark.reference_rows import reference
from qnetsim.studies.paper.beyond import beyond_table, order_of
from qnetsim.studies.paper.compute import FIGURES
from qnetsim.studies.paper.openings import openings
from qnetsim.studies.paper.paper_page import page_text
from qnetsim.studies.paper.paper_results import PaperResults
from qnetsim.studies.paper.reproduction import page
from tests.support import ROOT

BACKGROUND = ROOT / "docs" / "background"


def test_the_page_is_what_the_generator_prints() -> None:
    assert (BACKGROUND / "reproduction.md").read_text("utf-8") == shipped_page()


def test_a_page_beside_no_documentation_has_no_links_to_it() -> None:
    results = PaperResults.read()
    assert re.search(r"\]\((learning|fel)\.md", page(results))
    alone = page(results, links=False)
    assert not re.search(r"\]\(\w+\.md", alone)
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
    assert "By mean cost: SIP" in told


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


def test_the_order_of_policies_beyond_the_paper() -> None:
    rows = [row for row in reference().rows if row.world == "nsfnet" and not row.sees_future]
    assert order_of(rows) == "kept"
    near = [r if r.policy != "evf" else r.model_copy(update={"low": 0.99}) for r in rows]
    assert order_of(near) == "kept, but for chance (sip and evf)"
    turned = [r if r.policy != "evf" else r.model_copy(update={"ratio": 0.9}) for r in rows]
    assert order_of(turned).startswith("not kept")
    below = {"ratio": 0.9, "low": 0.85, "high": 0.95}
    ahead = [r if r.policy != "evf" else r.model_copy(update=below) for r in rows]
    assert "clearly cheaper than sip: evf" in order_of(ahead)
    assert len(beyond_table().rows) == len(reference().worlds)
