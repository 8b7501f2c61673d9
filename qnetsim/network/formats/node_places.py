"""Places of nodes: which of the forms that files have are degrees on the earth."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from statistics import median

from qnetsim.locations import Location
from qnetsim.network.formats.distances import great_circle_km, number_of, point_of
from qnetsim.network.formats.foreign import Attributes, ForeignGraph, ForeignLink, ForeignNode

#: Names of the attribute of a network that says what its x and y are.
CRS_KEYS = ("crs", "srid", "spatial_ref")
_DEGREES = re.compile(r"epsg:+4326|\b4326\b|wgs[ _]?(19)?84(?!.*utm)|crs:?84|proj=longlat", re.I)
#: Names ahead of those of a place, in attributes within others.
_WITHIN = ("location", "coordinates", "coords", "position", "geo", "pos")
#: Lengths over distances by which metres were taken for kilometres.
METRES = 500.0, 2000.0


def placed(graph: ForeignGraph) -> ForeignGraph:
    """A graph whose nodes have longitude and latitude under these names, where they are known.

    x and y are degrees where the file says so by its reference system (``crs``). Pairs between -1
    and 1, one of them no integer, are a drawing where all nodes have such: NetworkX makes them.
    """
    if graph.nodes is None:
        return graph
    systems = [
        key
        for key, value in graph.attributes.items()
        if key.casefold() in CRS_KEYS and _DEGREES.search(str(value))
    ]
    on_earth = bool(systems)
    drawn = _all_within_one(graph.nodes)
    nodes = tuple(_placed(node, on_earth, drawn) for node in graph.nodes)
    more = {key: value for key, value in graph.attributes.items() if key not in systems}
    return replace(graph, nodes=nodes, attributes=more)


def _placed(node: ForeignNode, on_earth: bool, drawn: bool) -> ForeignNode:
    keys = {key.casefold(): value for key, value in node.attributes.items()}
    if drawn:
        pair = keys["pos"]
        rest = {key: value for key, value in node.attributes.items() if key.casefold() != "pos"}
        return replace(node, attributes=rest, plane=(float(pair[0]), float(pair[1])))
    if Location.read("", node.attributes).longitude is not None:
        return node
    for ahead in _WITHIN:
        within = {
            key[len(ahead) + 1 :]: value
            for key, value in node.attributes.items()
            if key.casefold().startswith(f"{ahead}.")
        }
        if within and (found := _degrees(within)):
            return replace(node, attributes={**node.attributes, **found})
    if on_earth:
        x, y = keys.get("x"), keys.get("y")
        if found := _degrees({"longitude": x, "latitude": y}):
            return replace(node, attributes={**node.attributes, **found})
    return node


def _degrees(attributes: Attributes) -> dict[str, float]:
    place = Location.read("", attributes)
    if place.longitude is None or place.latitude is None:
        return {}
    return {"longitude": place.longitude, "latitude": place.latitude}


def _all_within_one(nodes: Sequence[ForeignNode]) -> bool:
    """Whether all nodes have a ``pos`` of a drawing and no other place."""
    if len(nodes) < 2:
        return False
    for node in nodes:
        pair = {key.casefold(): value for key, value in node.attributes.items()}.get("pos")
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            return False
        numbers = [number_of(value) for value in pair]
        if any(number is None or not abs(number) <= 1 for number in numbers):
            return False
    return True


def times_the_distance(
    links: Sequence[tuple[ForeignLink, float]], apart: Callable[[ForeignLink], float | None]
) -> float | None:
    """How many times the distances of their ends lengths are, in the middle; None for unknown.

    Ends within a kilometre count only where no others are there: places are rounded.
    """
    found = [(km, distance) for link, km in links if (distance := apart(link))]
    far = [(km, distance) for km, distance in found if distance > 1]
    near = [(km, distance) for km, distance in found if distance > 0.01]
    ratios = [km / distance for km, distance in far or near]
    return median(ratios) if ratios else None


def seem_metres(
    links: Sequence[tuple[ForeignLink, float]], nodes: Mapping[str, ForeignNode]
) -> bool:
    """Whether lengths are metres, if x and y of the file are degrees, which it does not say."""

    def apart(link: ForeignLink) -> float | None:
        ends = [nodes.get(end) for end in (link.source, link.target)]
        points = [point_of(node) if node is not None else None for node in ends]
        places = [
            Location.read("", {"longitude": point[0], "latitude": point[1]})
            for point in points
            if point is not None
        ]
        if len(places) < 2 or None in (places[0].longitude, places[1].longitude):
            return None
        return great_circle_km(places[0], places[1])

    factor = times_the_distance(links, apart)
    return factor is not None and METRES[0] < factor < METRES[1] and math.isfinite(factor)
