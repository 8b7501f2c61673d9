"""The map that a reader explores: its data, and that it runs in a browser without a word."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from qnetsim.analysis import compare_traces, map_data
from qnetsim.analysis.map_data import SERIES
from qnetsim.analysis.report import write_report
from qnetsim.runs.batch import run_policies
from qnetsim.trace import open_trace
from tests.support.browser import CHROMIUM, dump_dom
from tests.support.helpers import outages

#: What a reader does, and what the page says then.
STEPS = """<script type="module">
const part = document.getElementById("map-explorer");
const control = (name) => part.querySelector(`[name=map-${name}]`);
const said = () => part.querySelector("[data-said]").textContent;
const heard = [part.hidden, said()];
control("time").value = 3; control("time").dispatchEvent(new Event("input")); heard.push(said());
part.querySelector('[data-fibre="4"]').dispatchEvent(new MouseEvent("click", { bubbles: true }));
heard.push(control("fibre").value);
control("policy").value = 1; control("policy").dispatchEvent(new Event("change"));
heard.push(said(), control("time").getAttribute("aria-valuetext"));
document.title = heard.join("|");
</script>"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("explorer")
    scenario = outages(slots=60, replications=2)
    paths = run_policies(scenario, scenario.policy, folder)
    return write_report(compare_traces(paths), folder / "r", formats=("svg",))


def data_of(page: Path) -> dict[str, object]:
    found = re.search(
        r'<script type="application/json" id="map-data">(.*?)</script>', page.read_text("utf-8")
    )
    assert found is not None
    return dict(json.loads(found[1]))


def test_the_data_are_those_of_the_traces(page: Path) -> None:
    data = data_of(page)
    assert data["policies"] == ["evf", "random"]
    edges = np.array(data["edges_s"])
    assert len(edges) == map_data.BINS + 1 and (edges[0], edges[-1]) == (0, 60)
    shown = np.array(data["parts"]) * np.array(data["scale_bits"])[:, None]
    trace = min(p for p in page.parent.parent.glob("*.h5") if p.name.startswith("random"))
    with open_trace(trace) as opened:
        for number, name in enumerate(data["series"]):
            values = sum(opened.column(column) for column in SERIES[name])
            for start, end, found in zip(edges, edges[1:], shown[1, number].T, strict=False):
                rows = values[int(start) : int(end)]
                step = 0.51 * np.array(data["scale_bits"])
                assert (np.abs(found - rows.mean(axis=0)) <= step * 2).all()
                # what made no keys is told apart from what made few
                assert ((found > 0) == (rows.sum(axis=0) > 0)).all()


def test_bins_are_fewer_where_the_page_would_be_too_long(
    page: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    traces = {p.name.split("-")[0]: open_trace(p) for p in page.parent.parent.glob("*-r000.h5")}
    whole = map_data.map_data(traces, "evf")
    assert whole is not None
    monkeypatch.setattr(map_data, "MOST_CHARACTERS", len(whole) // 3)
    short = map_data.map_data(traces, "evf")
    assert short is not None and len(short) <= len(whole) // 3
    fewer, all_of_them = json.loads(short), json.loads(whole)
    assert fewer["edges_s"] == all_of_them["edges_s"][:: 24 // (len(fewer["edges_s"]) - 1)]
    monkeypatch.setattr(map_data, "MOST_CHARACTERS", 100)
    assert map_data.map_data(traces, "evf") is None
    for trace in traces.values():
        trace.close()


def test_text_of_others_stays_inside_the_data() -> None:
    text = map_data._page_json({"names": ["</script><b>&", "é"]})
    assert not set("<>&") & set(text)
    assert json.loads(text) == {"names": ["</script><b>&", "é"]}


class Parts(HTMLParser):
    """Which parts are hidden, what can be chosen, and what scripts load."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden: list[str | None] = []
        self.controls: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        if "hidden" in found:
            self.hidden.append(found.get("id"))
        if tag in {"select", "input"}:
            self.controls.append(tag)
        if tag == "script" and "src" in found:
            self.loads.append(str(found["src"]))


def test_without_scripts_the_page_is_what_it_was(page: Path) -> None:
    text = page.read_text("utf-8")
    parts = Parts()
    parts.feed(text)
    assert parts.hidden == ["map-explorer"]
    # controls of the browser itself, which a keyboard reaches
    assert parts.controls == ["select", "input", "select"]
    assert not parts.loads
    script = text[text.index('<script type="module">') :].split("</script>")[0]
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|import\s*\(|fetch\(|eval\(", script)


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_a_browser_runs_it_without_a_word(page: Path, tmp_path: Path) -> None:
    probe = page.with_name("steps.html")
    probe.write_text(page.read_text("utf-8").replace("</body>", STEPS + "</body>"), "utf-8")
    dom, words = dump_dom(probe, tmp_path)
    assert not words
    title = re.search("<title>(.*?)</title>", dom)
    assert title is not None
    hidden, first, binned, fibre, other, time = title[1].split("|")
    assert hidden == "false" and fibre == "4"
    assert "whole run, 0 to 60 s" in first and "evf" in first
    assert "5 to 7 s" in binned and binned != first
    assert "random" in other and time == "5 to 7 s"
