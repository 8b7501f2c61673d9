"""The report: one page that needs nothing else, and the same bytes every time."""

from __future__ import annotations

import html
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path

import pytest

from qnetsim.analysis import compare_traces
from qnetsim.analysis.figures.style import FORMATS, TEXT_COLOUR
from qnetsim.analysis.report import write_report
from qnetsim.case import load
from qnetsim.cli import main
from qnetsim.runs.batch import run_policies
from qnetsim.scenario import PolicyTable
from qnetsim.trace.files.curve_file import read_curve
from tests.support import ROOT
from tests.support.browser import CHROMIUM, dump_dom
from tests.support.helpers import nsfnet, outages

CURVE = ROOT / "models" / "fedsac-nsfnet.h5"


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    scenario = outages(slots=80, replications=2)
    return run_policies(scenario, scenario.policy, tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="module")
def page(traces: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    with pytest.raises(SystemExit) as caught:
        main(["report", *map(str, traces), str(CURVE), "--out", str(folder)])
    assert not caught.value.code
    return folder / "report.html"


class Outline(HTMLParser):
    """Headings, captions and whatever would be loaded from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.loads: list[str] = []
        self.ids: list[str] = []
        self._open = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self._open = tag
        for name, value in attributes:
            inside = (value or "").startswith(("#", "data:"))
            if name in {"src", "href", "xlink:href"} and not inside:
                self.loads.append(f"{tag} {value}")
            if name == "id":
                self.ids.append(value or "")

    def handle_data(self, data: str) -> None:
        if self._open in {"h1", "h2", "caption"} and data.strip():
            self.found.append(data.strip())


def outline(page: Path) -> Outline:
    found = Outline()
    found.feed(page.read_text("utf-8"))
    return found


def test_the_page_says_first_what_matters_most(page: Path) -> None:
    found = outline(page)
    text = page.read_text("utf-8")
    assert text.index('class="findings"') < text.index("<table>")
    assert found.found[:4] == [
        "Comparison of allocation policies",
        "Cost per slot",
        "Paired differences per slot, 95\u00a0% intervals",
        "Costs",
    ]
    for heading in ("Costs", "Keys", "Where the policies part", "Learning", "Plans and solvers"):
        assert heading in found.found
    assert found.found[-4:] == [
        "Provenance",
        "Software of the first trace",
        "Traces",
        "Scenario of the first trace",
    ]


class Strict(HTMLParser):
    """Fails where a tag is not closed, or closed in the wrong place."""

    VOID = frozenset(("meta", "link", "br", "input", "img", "hr"))

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag == "p":
            # a paragraph in a paragraph ends the outer one, unsaid
            assert "p" not in self.open
        if tag not in self.VOID:
            self.open.append(tag)
        self.seen.add(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        assert "svg" in self.open or tag in self.VOID
        self.seen.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open
        assert self.open.pop() == tag


def test_every_tag_is_closed_where_it_was_opened(page: Path) -> None:
    found = Strict()
    found.feed(page.read_text("utf-8"))
    found.close()
    assert not found.open
    assert {"nav", "section", "table", "thead", "tbody", "figure", "details"} <= found.seen
    assert not {"iframe", "object", "embed"} & found.seen


def test_the_contents_lead_to_every_section(page: Path) -> None:
    text = page.read_text("utf-8")
    links = re.findall(r'<li><a href="#([a-z]+)">([^<]+)</a></li>', text)
    sections = re.findall(r'<section id="([a-z]+)">\n<h2>([^<]+)</h2>', text)
    assert links == sections
    assert len(sections) == text.count("<h2>") == 7
    # the map to explore is a part of a section, without a heading
    assert text.count("<section") == 8
    assert "position: sticky" in text


def test_text_is_left_and_numbers_are_right_at_one_precision(page: Path) -> None:
    text = page.read_text("utf-8")
    (costs,) = re.findall(r"<caption>Cost per slot</caption>(.*?)</table>", text)
    rows = re.findall(r"<tr>(.*?)</tr>", costs)
    for row in rows:
        cells = re.findall(r'<t[hd]( class="text")?[^>]*>', row)
        assert [bool(cell) for cell in cells] == [True, *[False] * (len(cells) - 1)]
    (keys,) = re.findall(r"<caption>Keys and waiting</caption>.*?<tbody>(.*?)</tbody>", text)
    table = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in re.findall("<tr>(.*?)</tr>", keys)]
    for column in list(zip(*table, strict=True))[1:]:
        decimals = {len(cell.partition(".")[2].split(" ")[0]) for cell in column if cell != "—"}
        assert len(decimals) <= 1, column


def test_provenance_is_a_table(page: Path) -> None:
    text = page.read_text("utf-8")
    for cell in ("network.topology", "run.slots", "policy 1.name", "numpy", "python"):
        assert f'<td class="text">{cell}</td>' in text
    raw = text.index("<pre>")
    assert "&quot;packages&quot;" not in text[:raw]
    assert text.rindex("<details>") < raw


def test_the_page_needs_nothing_else(page: Path) -> None:
    found = outline(page)
    assert not found.loads
    assert "@import" not in page.read_text("utf-8")
    assert len(found.ids) == len(set(found.ids))


def test_figures_follow_the_page_in_light_and_dark(page: Path) -> None:
    text = page.read_text("utf-8")
    assert text.count("<svg") == 7
    assert TEXT_COLOUR not in text
    assert text.count("currentColor") > 100
    for reference in set(re.findall(r'(?:href="#|url\(#)([^")]+)', text)):
        assert f'id="{reference}"' in text
    assert "color-scheme: light dark" in text
    assert "@media print" in text


def test_every_figure_is_a_file_in_three_formats(page: Path) -> None:
    files = {path.name for path in (page.parent / "figures").iterdir()}
    names = ("costs", "keys", "network", "transient", "waiting", "partings", "curves")
    assert files == {f"{name}.{kind}" for name in names for kind in FORMATS}
    for name in names:
        ElementTree.parse(page.parent / "figures" / f"{name}.svg")
        assert (page.parent / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert (page.parent / "figures" / f"{name}.pdf").read_bytes().startswith(b"%PDF")


def test_the_same_bytes_every_time(page: Path, traces: list[Path], tmp_path: Path) -> None:
    """Those that the command wrote."""
    curves = {CURVE.stem: read_curve(CURVE)}
    again = write_report(compare_traces(traces), tmp_path, curves)
    files = [again, *sorted((tmp_path / "figures").iterdir())]
    assert len(files) == 22
    for path in files:
        before = page.parent / path.relative_to(tmp_path)
        assert path.read_bytes() == before.read_bytes(), path.name


def test_federated_tasks_have_their_figure(tmp_path: Path) -> None:
    scenario = load(ROOT / "scenarios" / "fel.toml", slots=300, replications=1)
    paths = run_policies(scenario, scenario.policy[:2], tmp_path)
    page = write_report(compare_traces(paths), tmp_path / "r", formats=("svg",))
    assert "Federated learning" in outline(page).found
    assert (tmp_path / "r" / "figures" / "training.svg").exists()


def test_one_policy_is_a_report_too(tmp_path: Path) -> None:
    scenario = nsfnet(run__slots="20", run__replications="1")
    paths = run_policies(scenario, [PolicyTable(name="sip")], tmp_path)
    page = write_report(compare_traces(paths), tmp_path / "r", formats=("svg",))
    text = page.read_text("utf-8")
    # what has no data has no section, and what is zero everywhere has no column
    assert "Where the policies part" not in text
    assert "Federated learning" not in text
    assert "No served request waited. No session was interrupted." in text
    assert "waits: median" not in text
    assert "One replication has no variance" in text


def test_names_are_escaped(tmp_path: Path) -> None:
    net = tmp_path / "n.csv"
    net.write_text('source,target,length_km\n<script>,"a&b",10\n"a&b",$x^2$,20\n')
    scenario = nsfnet(run__slots="20", run__replications="1", network__topology=repr(str(net)))
    tables = load(ROOT / "scenarios/nsfnet.toml").policy[:2]
    compared = compare_traces(run_policies(scenario, tables, tmp_path))
    page = write_report(compared, tmp_path / "r", formats=("svg",))
    assert "<script>" not in page.read_text("utf-8")


def test_a_report_is_not_overwritten(page: Path, traces: list[Path], tmp_path: Path) -> None:
    before = page.read_bytes()
    with pytest.raises(SystemExit) as caught:
        main(["report", str(traces[0]), "--out", str(page.parent)])
    assert caught.value.code == 2
    assert page.read_bytes() == before
    mine = tmp_path / "mine" / "figures" / "costs.png"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    with pytest.raises(SystemExit) as caught:
        main(["report", str(traces[0]), "--out", str(tmp_path / "mine")])
    assert caught.value.code == 2
    assert mine.read_text() == "mine"
    (tmp_path / "file").write_text("x")
    with pytest.raises(SystemExit) as caught:
        main(["report", str(traces[0]), "--out", str(tmp_path / "file")])
    assert caught.value.code == 2


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_a_phone_scrolls_tables_and_not_the_page(page: Path, tmp_path: Path) -> None:
    """In a frame, for a window of a browser has a least width."""
    probe = page.with_name("phone.html")
    script = (
        "<script>parent.postMessage([document.documentElement.scrollWidth <= innerWidth,"
        "innerWidth,"
        "[...document.querySelectorAll('.wide')].some(x => x.scrollWidth > x.clientWidth)]"
        ".join('|'), '*')</script>"
    )
    inner = page.read_text("utf-8").replace("</body>", script + "</body>")
    probe.write_text(
        "<script>onmessage = e => document.title = e.data</script>"
        f'<iframe width="375" height="700" style="border:0" srcdoc="{html.escape(inner)}">'
        "</iframe>",
        "utf-8",
    )
    dom, words = dump_dom(probe, tmp_path)
    assert not words
    title = re.search("<title>(.*?)</title>", dom)
    assert title is not None
    assert title.group(1) == "true|375|true"


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_opens_it_without_a_word(scheme: str, page: Path, tmp_path: Path) -> None:
    dark = ["--blink-settings=preferredColorScheme=0"] if scheme == "dark" else []
    probe = page.with_name(f"probe-{scheme}.html")
    script = (
        "<script>const ink = e => getComputedStyle(e).color;"
        "document.title = [ink(document.body), document.querySelectorAll('svg').length,"
        "document.documentElement.scrollWidth <= innerWidth].join('|')</script>"
    )
    probe.write_text(page.read_text("utf-8").replace("</body>", script + "</body>"), "utf-8")
    dom, words = dump_dom(probe, tmp_path, *dark)
    assert not words
    title = re.search("<title>(.*?)</title>", dom)
    assert title is not None
    ink, pictures, fits = title.group(1).split("|")
    assert ink == ("rgb(255, 255, 255)" if scheme == "dark" else "rgb(0, 0, 0)")
    assert (pictures, fits) == ("7", "true")


def test_no_line_ends_between_a_number_and_its_sign(page: Path) -> None:
    text = page.read_text("utf-8")
    assert "\u00a0%" in text
    assert not re.search(r"\d %", re.sub(r"<(style|script|svg|pre).*?</\1>", "", text, flags=re.S))


def test_print_shows_whole_tables(page: Path) -> None:
    """Nothing scrolls on paper: tables wrap, and repeat their headings on the next sheet."""
    printed = page.read_text("utf-8").partition("@media print {")[2].partition("\n}\n")[0]
    for rule in (
        ".wide { overflow: visible; }",
        "thead { display: table-header-group; }",
        "td, th { white-space: normal;",
    ):
        assert rule in printed
