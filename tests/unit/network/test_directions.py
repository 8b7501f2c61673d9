"""Which opposite links of a file are one fibre, and what of them counts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.topology_reading import fibres, read, refused


def graph(links: list[dict[str, Any]], **whole: Any) -> str:
    nodes = dict.fromkeys(link[end] for link in links for end in ("source", "target"))
    return json.dumps({**whole, "nodes": [{"id": node} for node in nodes], "links": links})


def link(ends: str, km: object, **more: Any) -> dict[str, Any]:
    return {"source": ends[0], "target": ends[1], "length_km": km, **more}


NAMED = [
    link("xy", 10, name="A"),
    link("xy", 20, name="B"),
    link("yx", 21, name="B"),
    link("yx", 11, name="A"),
]


@pytest.mark.parametrize(
    ("how", "lengths"),
    [("mean", (10.5, 20.5)), ("shortest", (10.0, 20.0)), ("longest", (11.0, 21.0))],
)
@pytest.mark.parametrize("tag", ["name", "key"])
def test_parallel_fibres_are_paired_by_names_and_keys(
    how: str, lengths: tuple[float, float], tag: str, tmp_path: Path
) -> None:
    links = [{**entry, tag: entry["name"]} for entry in NAMED]
    if tag == "key":
        links = [{k: v for k, v in entry.items() if k != "name"} for entry in links]
    text = graph(links, directed=True, multigraph=True)
    found = fibres(read(tmp_path, "n.json", text, directions=how))
    assert {name[-3:]: km for name, km in found.items()} == dict(
        zip(("(A)", "(B)"), lengths, strict=True)
    )


def test_the_error_pairs_by_names_too(tmp_path: Path) -> None:
    text = graph(NAMED, directed=True, multigraph=True)
    opposite = "fibre x–y of 10 km: is unlike in length the opposite one ({}: links[3]"
    refused(tmp_path, "n.json", text, opposite.format(tmp_path / "n.json"))


def test_counted_keys_pair_less_than_lengths(tmp_path: Path) -> None:
    # NetworkX counts keys anew in each direction
    links = [link("xy", 10, key=0), link("xy", 20, key=1)]
    links += [link("yx", 20, key=0), link("yx", 10, key=1)]
    found = read(tmp_path, "n.json", graph(links, directed=True, multigraph=True))
    assert found.topology.lengths_km == (10.0, 20.0)


def test_pairs_that_nothing_tells_are_refused(tmp_path: Path) -> None:
    links = [link("xy", 10), link("xy", 20), link("yx", 11), link("yx", 21)]
    text = graph(links, directed=True)
    told = "fibre x–y of 10 km: may belong to that of 11 km", 'network.directions = "separate"'
    for how in ("mean", "longest", "shortest"):
        refused(tmp_path, "n.json", text, *told, directions=how)
    one = read(tmp_path, "n.json", text, directions="shortest", parallel_fibres="shortest")
    assert one.topology.lengths_km == (10.0,)


def test_many_parallel_links_are_paired_in_a_moment(tmp_path: Path) -> None:
    links = [link("xy", i + 1) for i in range(4000)]
    links += [link("yx", 4000 - i) for i in range(4000)]
    found = read(tmp_path, "n.json", graph(links, directed=True), parallel_fibres="keep")
    assert found.topology.lengths_km == tuple(float(i + 1) for i in range(4000))


def test_the_mean_is_that_of_losses_too(tmp_path: Path) -> None:
    links = [
        link("xy", 10, attenuation_db_km=0.2, extra_loss_db=1),
        link("yx", 20, attenuation_db_km=0.5, extra_loss_db=2),
    ]
    topology = read(tmp_path, "n.json", graph(links, directed=True), directions="mean").topology
    assert topology.lengths_km == (15.0,)
    # 2 and 10 dB: 6 dB over 15 km
    assert topology.losses[0].attenuation_db_km == pytest.approx(0.4)
    assert topology.losses[0].extra_loss_db == 1.5
    del links[1]["attenuation_db_km"]
    text = graph(links, directed=True)
    refused(tmp_path, "n.json", text, "only one direction has attenuation_db_km", directions="mean")


@pytest.mark.parametrize(("how", "loss"), [("shortest", 0.2), ("longest", 0.5)])
def test_losses_decide_between_equal_lengths(how: str, loss: float, tmp_path: Path) -> None:
    links = [link("xy", 10, attenuation_db_km=0.5), link("yx", 10, attenuation_db_km=0.2)]
    if how == "longest":
        links.reverse()
    topology = read(tmp_path, "n.json", graph(links, directed=True), directions=how).topology
    assert topology.losses[0].attenuation_db_km == loss


BOTH = [link("ab", 5, id=0), link("ba", 5, id=1), link("bc", 7, id=2), link("cb", 7, id=3)]


def test_ids_of_each_direction_are_no_cables(tmp_path: Path) -> None:
    found = read(tmp_path, "n.json", graph(BOTH))
    assert found.topology.lengths_km == (5.0, 7.0)
    assert found.notes == ("both directions of 2 fibres are one fibre each",)
    assert read(tmp_path, "n.json", graph(BOTH, directed=False)).topology.lengths_km == (5.0, 7.0)
    # one link stands alone: nothing says whether the others are directions or cables
    text = graph(BOTH[:3])
    refused(tmp_path, "n.json", text, "is a duplicate", 'network.directions = "shortest"')
    one = read(tmp_path, "n.json", text, directions="shortest").topology
    assert one.lengths_km == (5.0, 7.0)
    two = read(tmp_path, "n.json", text, parallel_fibres="keep").topology
    assert two.lengths_km == (5.0, 5.0, 7.0)
    # names and multigraphs tell cables apart, whichever way they are written
    named = [{**entry, "name": f"cable {i}"} for i, entry in enumerate(BOTH)]
    assert len(read(tmp_path, "n.json", graph(named, directed=False)).topology.fibres) == 4
    assert len(read(tmp_path, "n.json", graph(BOTH, multigraph=True)).topology.fibres) == 4


GRAPHML = """<graphml><key id="l" for="edge" attr.name="length_km"/><graph edgedefault="undirected">
<node id="a"/><node id="b"/><node id="c"/>
<edge id="e0" source="a" target="b"{}><data key="l">5</data></edge>
<edge id="e1" source="b" target="a"{}><data key="l">5</data></edge>
{}</graph></graphml>"""


def test_graphml_with_both_directions(tmp_path: Path) -> None:
    assert read(tmp_path, "n.graphml", GRAPHML.format("", "", "")).topology.lengths_km == (5.0,)
    alone = '<edge id="e2" source="b" target="c"{}><data key="l">7</data></edge>'
    text = GRAPHML.format("", "", alone.format(""))
    refused(tmp_path, "n.graphml", text, "is a duplicate")
    flag = ' directed="true"'
    found = read(tmp_path, "n.graphml", GRAPHML.format(flag, flag, alone.format(flag)))
    assert found.topology.lengths_km == (5.0, 7.0)
    mixed = read(tmp_path, "n.graphml", GRAPHML.format(flag, flag, alone.format("")))
    assert mixed.notes[0] == "edges with and without a direction are read alike"
