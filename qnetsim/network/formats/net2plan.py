"""Designs of Net2Plan: ``.n2p``, in the layout of version 0.2 and in the later one."""

from __future__ import annotations

from qnetsim.errors import TopologyError
from qnetsim.locations import Location
from qnetsim.network.formats.foreign import (
    ForeignGraph,
    ForeignLink,
    ForeignNode,
    Silence,
    refuse,
)
from qnetsim.network.formats.xml_tree import XmlElement
from qnetsim.plain_text import counted

NET2PLAN = Silence(
    drawn=frozenset(
        {"isup", "layerswithiconsdefined", "nominalcolor", "bidirectionalpairid", "description"}
        | {"maplayout2nodexypositionmap", "monitoredorforecastedtraffics", "trafficpredictor"}
        | {"propagationspeedinkmpersecond", "name", "population", "timezone", "xcoord", "ycoord"}
    ),
    traffic=frozenset({"capacity", "linkcapacity", "linkcapacityinerlangs"}),
)
#: Nodes of Net2Plan's own, which stand for origins and ends of anycast demand.
VIRTUAL = "VIRTUAL"


def from_net2plan(name: str, root: XmlElement) -> ForeignGraph:
    """Read the tree of a design.

    Raises
    ------
    TopologyError
        Links have no ends.
    """
    physical = root.first("physicalTopology")
    notes: list[str] = []
    if physical is not None:
        # nodes are named by their places in the list, from 0
        elements = physical.named("node")
        ids = {str(i): element for i, element in enumerate(elements)}
        layer = physical
    else:
        elements = root.named("node")
        ids = {element.attributes.get("id", ""): element for element in elements}
        layer = _layer(name, root, notes)
    on_earth = all(Location.read("", _place(element)).longitude is not None for element in elements)
    problems: list[str] = []
    links = []
    for element in layer.named("link"):
        given = dict(element.attributes)
        ends = [given.pop(end, None) for end in ("originNodeId", "destinationNodeId")]
        if ends[0] is None or ends[1] is None:
            text = "a <link> needs originNodeId and destinationNodeId; add them"
            problems.append(f"{name}:{element.line}: {text}")
            continue
        key = given.pop("id", "")
        given.pop("name", None)
        for more in element.named("attribute"):
            given[more.attributes.get("key", "")] = more.attributes.get("value", "")
        links.append(ForeignLink(ends[0], ends[1], f"{name}:{element.line}", given, key))
    refuse(problems, "", name)
    reached = {end for link in links for end in (link.source, link.target)}
    nodes = [
        _node(node, f"{name}:{element.line}", element, on_earth)
        for node, element in ids.items()
        if node in reached or not _virtual(element)
    ]
    return ForeignGraph(
        name, tuple(links), tuple(nodes), directed=True, silence=NET2PLAN, notes=tuple(notes)
    )


def _layer(name: str, root: XmlElement, notes: list[str]) -> XmlElement:
    """The layer with the fibres: the default one, else the first that has links."""
    layers = root.named("layer") or root.named("networkLayer") or [root]
    default = [layer for layer in layers if layer.attributes.get("isDefaultLayer") == "true"]
    chosen = next((layer for layer in (*default, *layers) if layer.named("link")), None)
    if chosen is None:
        raise TopologyError([f"{name}: no layer has a link; give a design with its fibres"])
    others = [layer for layer in layers if layer is not chosen and layer.named("link")]
    if others:
        title = chosen.attributes.get("name") or "default"
        notes.append(
            f"links of the layer {title!r}; {counted(len(others), 'other layer')} left out"
        )
    return chosen


def _place(element: XmlElement) -> dict[str, str]:
    found = element.attributes
    keys = {"longitude": "xCoord", "latitude": "yCoord"}
    return {key: found[axis] for key, axis in keys.items() if axis in found}


def _virtual(element: XmlElement) -> bool:
    return any(VIRTUAL in tag.attributes.get("value", "") for tag in element.named("tag"))


def _node(node: str, where: str, element: XmlElement, on_earth: bool) -> ForeignNode:
    attributes = {
        k: v for k, v in element.attributes.items() if k not in {"id", "xCoord", "yCoord"}
    }
    for more in element.named("attribute"):
        attributes[more.attributes.get("key", "")] = more.attributes.get("value", "")
    place = _place(element)
    if on_earth:
        return ForeignNode(node, where, attributes | place)
    try:
        return ForeignNode(
            node, where, attributes, (float(place["longitude"]), float(place["latitude"]))
        )
    except (KeyError, ValueError):
        return ForeignNode(node, where, attributes)
