"""The map: nodes by their coordinates, labels apart, every policy, fibres without keys."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from qnetsim.analysis import compare_traces
from qnetsim.analysis.compare import Comparison
from qnetsim.analysis.figures.layout import Layout, _by_coordinates, network_layout
from qnetsim.analysis.figures.network_map import UNUSED, map_figure
from qnetsim.analysis.figures.node_labels import Box, overlap, place_labels
from qnetsim.analysis.figures.style import SCREEN, STYLES, Style
from qnetsim.errors import TraceFormatError
from qnetsim.locations import Location
from qnetsim.runs.batch import run_policies
from qnetsim.scenario import PolicyTable
from qnetsim.trace import open_trace
from tests.support.helpers import nsfnet

# topohub leaves files open
pytestmark = pytest.mark.filterwarnings(
    "ignore:unclosed file:ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)

NETWORKS = ("nsfnet", "usnet", "topohub:sndlib/germany50", "topohub:backbone/africa_nosc")


def compared(folder: Path, topology: str, policies: list[PolicyTable] | None = None) -> Comparison:
    changes = {"run__slots": "6", "run__replications": "1", "demand__requests": "12"}
    scenario = nsfnet(**changes, network__topology=repr(topology))
    return compare_traces(run_policies(scenario, policies or [PolicyTable(name="evf")], folder))


def drawn(comparison: Comparison, style: Style = SCREEN):  # type: ignore[no-untyped-def]
    with open_trace(comparison.policies[0].runs[0].trace) as trace:
        return map_figure(comparison, trace, style=style), network_layout(trace)


@pytest.fixture(scope="module", params=NETWORKS)
def network(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    return compared(tmp_path_factory.mktemp("map"), request.param)


@pytest.mark.parametrize("style", ["screen", "ieee-column"])
def test_labels_do_not_overlap(style: str, network: Comparison) -> None:
    figure, layout = drawn(network, STYLES[style])
    renderer = FigureCanvasAgg(figure).get_renderer()
    (axes,) = (axes for axes in figure.axes if axes.get_title())
    boxes = [text.get_window_extent(renderer) for text in axes.texts]
    assert len(boxes) >= min(len(layout.nodes), 12)
    frame = figure.bbox
    for i, box in enumerate(boxes):
        assert frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0
        for other in boxes[:i]:
            assert not box.overlaps(other)


def test_the_busiest_nodes_are_named_first(tmp_path: Path) -> None:
    figure, layout = drawn(compared(tmp_path, NETWORKS[-1]), STYLES["ieee-column"])
    shown = {text.get_text() for text in figure.axes[0].texts}
    degrees = np.bincount(layout.fibres.ravel())
    assert len(layout.nodes) > 100 and len(shown) < len(layout.nodes)
    busiest = [layout.labels[n] for n in np.argsort(-degrees, kind="stable")[:3]]
    assert shown >= {label for label in busiest if len(label) <= 18}


def test_a_label_takes_the_place_that_fibres_leave() -> None:
    dots = np.array([[50.0, 50.0], [90.0, 50.0]])
    lines = dots[np.array([[0, 1]])]
    found = place_labels(dots, [(20, 8), (20, 8)], [0, 1], lines, Box(0, 0, 100, 100), 2)
    assert found[0].low >= 50 or found[0].high <= 50 or found[0].right <= 50
    assert found[1].right <= 90 + 20
    crowd = np.array([[50.0, 50.0]] * 9)
    kept = place_labels(crowd, [(30, 30)] * 9, range(9), lines, Box(0, 0, 100, 100), 0.1)
    boxes = list(kept.values())
    assert 0 < len(boxes) < 9
    assert not any(overlap(a, b) for i, a in enumerate(boxes) for b in boxes[:i])
    assert not place_labels(crowd[:1], [(200, 9)], [0], lines, Box(0, 0, 100, 100), 1)


def test_places_and_names_come_from_topohub(tmp_path: Path) -> None:
    with open_trace(compared(tmp_path, "topohub:sndlib/germany50").policies[0].runs[0].trace) as t:
        layout = network_layout(t)
    assert layout.geographic and "Hamburg" in layout.labels
    place = dict(zip(layout.labels, layout.places.tolist(), strict=True))
    assert place["Hamburg"][1] > place["Muenchen"][1] and place["Aachen"][0] < place["Berlin"][0]
    # as far as on the earth: 504 km from Berlin to Munich, 477 km to Cologne
    across, along = (
        np.hypot(*np.subtract(place["Berlin"], place[b])) for b in ("Koeln", "Muenchen")
    )
    assert across / along == pytest.approx(477 / 504, rel=0.04)


def test_networks_without_coordinates_follow_lengths(tmp_path: Path) -> None:
    with open_trace(compared(tmp_path, "nsfnet").policies[0].runs[0].trace) as trace:
        assert "locations" not in trace.provenance
        layout = network_layout(trace)
    assert not layout.geographic and set(layout.labels) == {str(n) for n in range(1, 15)}


def test_maps_cross_the_date_line() -> None:
    nodes = ["tokyo", "apia", "lima"]
    known = {
        "tokyo": Location(longitude=140.0, latitude=35.0),
        "apia": Location(longitude=-172.0, latitude=-14.0),
        "lima": Location(longitude=-77.0, latitude=-12.0),
    }
    places = _by_coordinates(nodes, np.array([[0, 1], [1, 2]]), known)
    assert places is not None
    assert places[0, 0] < places[1, 0] < places[2, 0]


def test_nodes_without_coordinates_stand_between_neighbours() -> None:
    ends = np.array([[0, 1], [1, 2], [2, 0], [2, 3]])
    known = {
        "a": Location(longitude=0.0, latitude=0.0),
        "b": Location(longitude=10.0, latitude=0.0),
    }
    places = _by_coordinates(["a", "b", "c", "d"], ends, known)
    assert places is not None
    # but for the room that nodes at one place take
    assert places[2] == pytest.approx((places[0] + places[1]) / 2, abs=0.21)
    assert len(np.unique(places, axis=0)) == 4
    assert _by_coordinates(["a", "b", "c", "d", "e"], ends, known) is None


def test_every_policy_has_its_map(tmp_path: Path) -> None:
    tables = [PolicyTable(name="evf", label=f"evf{n}") for n in range(8)]
    tables.append(PolicyTable(name="perfect"))
    figure, _ = drawn(compared(tmp_path, "nsfnet", tables))
    titles = {axes.get_title() for axes in figure.axes} - {""}
    assert titles == {table.title for table in tables}


def test_fibres_that_made_no_keys_look_unused(tmp_path: Path) -> None:
    from matplotlib.colors import to_rgba

    comparison = compared(tmp_path, "nsfnet")
    (run,) = comparison.policies[0].runs
    idle = int((run.produced_bits == 0).sum())
    assert 0 < idle < 21
    figure, _ = drawn(comparison)
    used, unused = figure.axes[0].collections[:2]
    assert len(used.get_segments()) == 21 - idle
    assert len(unused.get_segments()) == idle
    assert tuple(unused.get_edgecolor()[0]) == to_rgba(UNUSED)
    assert unused.get_linestyle()[0][1] is not None
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["made no keys"]


def test_damaged_places_are_refused(tmp_path: Path) -> None:
    comparison = compared(tmp_path, "topohub:sndlib/abilene")
    with open_trace(comparison.policies[0].runs[0].trace) as trace:
        trace.provenance["locations"] = {"0": {"longitude": 500.0, "latitude": 1.0}}
        with pytest.raises(TraceFormatError, match=r"provenance\.locations: 0: "):
            network_layout(trace)


def test_layouts_have_a_ratio() -> None:
    ends = np.array([[0, 1]])
    flat = Layout(("a", "b"), ("a", "b"), ends, np.array([[0.0, 0.0], [2.0, 1.0]]), True)
    assert flat.ratio == 0.5
    assert Layout(flat.nodes, flat.labels, ends, flat.places * [0, 1], True).ratio > 1
