"""Figures for journals and slides: exact widths, text that stays text, marks beside colours."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from qnetsim.analysis import compare_traces
from qnetsim.analysis.compare import Comparison
from qnetsim.analysis.drawings import drawings
from qnetsim.analysis.figures.costs import HATCHES
from qnetsim.analysis.figures.policy_marks import policy_line, policy_lines
from qnetsim.analysis.figures.style import (
    FORMATS,
    SCREEN,
    STYLES,
    bit_unit,
    power_unit,
    save,
    svg,
)
from qnetsim.analysis.places import FIGURE_NAMES
from qnetsim.analysis.report import report_sources, write_report
from qnetsim.case import load
from qnetsim.cli import main
from qnetsim.runs.batch import run_policies
from qnetsim.trace.files.curve_file import read_curve
from tests.support import ROOT
from tests.support.commands import call, data
from tests.support.helpers import outages

PLACED = [style for style in STYLES.values() if style.placed]


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    scenario = outages(slots=60, replications=2)
    return run_policies(scenario, scenario.policy, tmp_path_factory.mktemp("styles"))


@pytest.fixture(scope="module")
def comparison(traces: list[Path]) -> Comparison:
    return compare_traces(traces)


def test_every_figure_has_the_width_of_its_style(comparison: Comparison, tmp_path: Path) -> None:
    curves = {"fedsac": read_curve(ROOT / "models" / "fedsac-nsfnet.h5")}
    with report_sources(comparison, curves) as sources:
        found = drawings(sources)
        assert set(found) == set(FIGURE_NAMES) - {"training"}
        for style in PLACED:
            assert style.width_in is not None
            # one column is where things do not fit
            for drawing in found.values() if style.narrow else (found["costs"],):
                figure = drawing.draw(style)
                paths = {kind: tmp_path / f"{drawing.name}.{kind}" for kind in FORMATS}
                for path in paths.values():
                    save(figure, path, style)
                pixels = int.from_bytes(paths["png"].read_bytes()[16:20], "big")
                assert pixels == round(style.width_in * 300) and style.dpi == 300
                box = re.search(rb"/MediaBox \[ 0 0 ([\d.]+)", paths["pdf"].read_bytes())
                assert box is not None and float(box[1]) == pytest.approx(72 * style.width_in)
                text = paths["svg"].read_text("utf-8")
                wide = re.search(r'<svg [^>]*width="([\d.]+)pt"', text)
                assert wide is not None and float(wide[1]) == pytest.approx(72 * style.width_in)
                assert figure.get_figheight() <= style.tallest_in


def test_text_is_text_and_fonts_are_whole(comparison: Comparison, tmp_path: Path) -> None:
    style = STYLES["ieee-column"]
    with report_sources(comparison, {}) as sources:
        figure = drawings(sources)["costs"].draw(style)
    save(figure, tmp_path / "f.pdf", style)
    save(figure, tmp_path / "f.svg", style)
    pdf = (tmp_path / "f.pdf").read_bytes()
    assert b"/Type3" not in pdf and b"/CIDFontType2" in pdf
    words = re.findall(r"<text[^>]*>([^<]+)</text>", (tmp_path / "f.svg").read_text("utf-8"))
    assert any(word.startswith("cost per slot") for word in words)
    assert {policy.name for policy in comparison.policies} <= set(words)


def test_titles_are_for_the_screen_only(comparison: Comparison) -> None:
    with report_sources(comparison, {}) as sources:
        drawing = drawings(sources)["costs"]
        assert drawing.draw(SCREEN).get_suptitle() == sources.title != ""
        assert all(drawing.draw(style).get_suptitle() == "" for style in PLACED)


def test_seven_policies_are_told_apart_without_colour() -> None:
    for style in PLACED:
        looks = [policy_line(number, style) for number in range(14)]
        assert len({str(look["ls"]) for look in looks[:7]}) == 7
        assert len({look["marker"] for look in looks[:7]}) == 7
        assert len({(str(look["ls"]), look["marker"]) for look in looks}) == 14
    screen = [policy_line(number, SCREEN) for number in range(14)]
    assert len({(str(look["ls"]), look["color"]) for look in screen}) == 14
    assert all("marker" not in look for look in screen)
    assert len(set(HATCHES.values())) == len(HATCHES)


def test_equal_policies_do_not_hide_each_other() -> None:
    """On the screen each is drawn where the others leave a gap; what differs stays whole."""
    one, other = np.array([1.0, 2.0]), np.array([1.0, 3.0])
    looks = policy_lines([one, other, one.copy(), one.copy()], SCREEN)
    assert looks[1] == policy_line(1, SCREEN)
    cycle = {sum(looks[number]["ls"][1]) for number in (0, 2, 3)}
    assert len(cycle) == 1
    length = cycle.pop()
    drawn = np.zeros(int(length))
    for number in (0, 2, 3):
        start, (on, _) = looks[number]["ls"]
        drawn += (np.arange(length) + start) % length < on
    assert (drawn == 1).all()
    for style in PLACED:
        assert policy_lines([one, one.copy()], style) == [policy_line(n, style) for n in (0, 1)]


def test_one_scale_of_utilisation_for_page_and_print(comparison: Comparison) -> None:
    """The darker the more, and both ends apart from a white and from a dark page."""
    with report_sources(comparison, {}) as sources:
        draw = drawings(sources)["network"].draw
        maps = [draw(style).axes[0].collections[0].get_cmap()(range(256)) for style in PLACED]
        screen = draw(SCREEN).axes[0].collections[0].get_cmap()(range(256))
    assert all((colours == screen).all() for colours in maps)
    linear = ((screen[:, :3] + 0.055) / 1.055) ** 2.4
    light = linear @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(light) < 0).all()
    assert 1.05 / (light.max() + 0.05) > 1.8
    assert (light.min() + 0.05) / (0.006 + 0.05) > 2.4


def test_bars_have_hatches_beside_colours(comparison: Comparison) -> None:
    with report_sources(comparison, {}) as sources:
        drawing = drawings(sources)["costs"]
        plain, hatched = (drawing.draw(style).axes[0] for style in (SCREEN, PLACED[0]))
    assert {bar.get_hatch() for bar in plain.patches} == {None}
    colours = {str(bar.get_facecolor()) for bar in hatched.patches}
    assert len({bar.get_hatch() for bar in hatched.patches}) == len(colours) > 1


def test_quantities_of_slots_are_steps(comparison: Comparison) -> None:
    with report_sources(comparison, {}) as sources:
        found = drawings(sources)
        for name in ("keys", "partings", "waiting"):
            for axes in found[name].draw(PLACED[0]).axes:
                lines = [line for line in axes.lines if len(line.get_xdata()) > 2]
                assert lines
                assert {line.get_drawstyle() for line in lines} == {"steps-post"}
        keys = found["keys"].draw(SCREEN).axes[0].lines[0]
    assert keys.get_xdata()[-1] == 60.0
    assert keys.get_ydata()[-1] == keys.get_ydata()[-2]


@pytest.mark.parametrize(
    ("largest", "factor", "text"),
    [
        (0.0, 1, ""),
        (7.0, 1, ""),
        (999.0, 1, ""),
        (1000.0, 1e3, ", 10³"),
        (2e10, 1e9, ", 10⁹"),
        (0.02, 1e-3, ", 10⁻³"),
        (np.inf, 1, ""),
    ],
)
def test_labels_name_a_power_that_leaves_plain_numbers(
    largest: float, factor: float, text: str
) -> None:
    unit = power_unit(largest)
    assert unit.factor == pytest.approx(factor)
    assert unit.text == text


def test_bits_have_their_multiples() -> None:
    assert bit_unit(0.5).text == "bit"
    assert bit_unit(25_000).text == "kbit"
    assert bit_unit(3e20) == (1e15, "Pbit")


def test_no_axis_has_a_factor_at_its_end(comparison: Comparison) -> None:
    with report_sources(comparison, {}) as sources:
        for drawing in drawings(sources).values():
            figure = drawing.draw(SCREEN)
            svg(figure)
            for axes in figure.axes:
                for axis in (axes.xaxis, axes.yaxis):
                    assert axis.get_offset_text().get_text() == ""
                    places = [abs(place) for place in axis.get_majorticklocs()]
                    assert max(places, default=0) < 2000


def test_a_report_in_a_style_keeps_its_page(comparison: Comparison, tmp_path: Path) -> None:
    style = STYLES["ieee-page"]
    plain = write_report(comparison, tmp_path / "a", formats=("svg",))
    placed = write_report(comparison, tmp_path / "b", formats=("svg",), style=style)
    assert plain.read_bytes() == placed.read_bytes()
    assert 'width="515.52pt"' in (tmp_path / "b" / "figures" / "costs.svg").read_text("utf-8")
    again = write_report(comparison, tmp_path / "c", formats=("svg",), style=style)
    for path in sorted((tmp_path / "b" / "figures").iterdir()):
        assert path.read_bytes() == (again.parent / "figures" / path.name).read_bytes()


def test_one_figure_is_written_to_one_file(
    traces: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "new" / "fig.pdf"
    names = [str(path) for path in traces]
    unstyled = ["report", *names, "--figure", "costs"]
    asked = [*unstyled, "--style", "ieee-column"]
    found = data(capsys, *asked, "--out", str(picture))
    assert found["figure"] == str(picture) and found["style"] == "ieee-column"
    assert "mean over all slots of 2 worlds" in found["caption"]
    assert [path.name for path in picture.parent.iterdir()] == ["fig.pdf"]
    before = picture.read_bytes()
    for options, message in (
        (["--out", str(picture)], "--force"),
        (["--out", str(tmp_path / "fig.gif")], "must end in one of .png, .svg, .pdf"),
        ([], "such as --out costs.pdf"),
        (["--out", str(tmp_path / "f.pdf"), "--formats", "pdf"], "--formats goes with a report"),
    ):
        code, _, err = call(capsys, *asked, *options)
        assert code == 2 and message in err, (options, err)
    code, _, err = call(capsys, *unstyled, "--out", str(tmp_path / "f.pdf"), "--style", "nature")
    assert code == 2 and "ieee-column" in err
    assert picture.read_bytes() == before
    assert call(capsys, *asked, "--out", str(picture), "--force")[0] == 0
    assert picture.read_bytes() == before


def test_unknown_and_missing_figures_are_named(
    traces: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = str(tmp_path / "f.svg")
    code, _, err = call(capsys, "report", str(traces[0]), "--figure", "cost", "--out", picture)
    assert code == 2 and all(name in err for name in FIGURE_NAMES)
    code, _, err = call(capsys, "report", str(traces[0]), "--figure", "training", "--out", picture)
    assert code == 2 and "no federated task" in err
    assert not Path(picture).exists()


def test_the_page_on_figures_names_them_all() -> None:
    page = " ".join((ROOT / "docs" / "tutorials" / "figures.md").read_text("utf-8").split())
    assert ", ".join(f"`{name}`" for name in FIGURE_NAMES) in page


def test_tasks_without_a_round_are_drawn_without_a_word(tmp_path: Path) -> None:
    """Warnings are errors here: an empty legend was one."""
    scenario = load(ROOT / "scenarios" / "fel.toml", slots=5, replications=1)
    paths = run_policies(scenario, scenario.policy[:2], tmp_path)
    comparison = compare_traces(paths)
    write_report(comparison, tmp_path / "r", formats=("svg",))
    with report_sources(comparison, {}) as sources:
        figure = drawings(sources)["training"].draw(PLACED[0])
    (legend,) = figure.legends
    names = [text.get_text() for text in legend.get_texts()]
    assert names == [policy.name for policy in comparison.policies]


def test_rates_and_plans_take_styles(tmp_path: Path) -> None:
    def width(path: Path) -> int:
        return int.from_bytes(path.read_bytes()[16:20], "big")

    for command in (
        ["rates", "nsfnet", "--out", str(tmp_path / "a.png")],
        [
            "plan",
            "nsfnet",
            "--sensitivity",
            "demand.mean=2:3:2",
            "--figure",
            str(tmp_path / "b.png"),
        ],
    ):
        with pytest.raises(SystemExit) as caught:
            main([*command, "--style", "ieee-column", "--json"])
        assert not caught.value.code
    assert width(tmp_path / "a.png") == width(tmp_path / "b.png") == 1050
