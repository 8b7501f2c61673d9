"""SNDlib networks, in XML and in the native text."""

from __future__ import annotations

import re
from typing import Any

from qnetsim.errors import TopologyError
from qnetsim.network.formats.foreign import (
    ForeignGraph,
    ForeignLink,
    ForeignNode,
    Silence,
    refuse,
)
from qnetsim.network.formats.xml_tree import XmlElement

#: Modules of capacity for classical traffic, and what they cost.
SNDLIB = Silence(
    drawn=frozenset({"x", "y"}),
    traffic=frozenset({"preinstalledcapacity", "modulecapacity"}),
)
#: First line of the native text.
NATIVE = re.compile(r"\s*\?\s*SNDlib\s+native\s+format\s*;", re.IGNORECASE)
_SECTION = re.compile(r"\s*([A-Z_]+)\s*\(\s*(\)?)\s*")
_NODE = re.compile(r"(\S+)(?:\s*\(\s*([^\s()]+)\s+([^\s()]+)\s*\))?")
_LINK = re.compile(r"(\S+)\s*\(\s*(\S+)\s+([^\s()]+)\s*\)\s*([^()]*)(?:\(([^()]*)\))?\s*")
_COSTS = ("preInstalledCapacity", "preInstalledCapacityCost", "routingCost", "setupCost")


def from_sndlib_xml(name: str, root: XmlElement) -> ForeignGraph:
    """Read the tree of an SNDlib network.

    Raises
    ------
    TopologyError
        Nodes or links lack their names.
    """
    structure = root.named("networkStructure")[0]
    problems: list[str] = []
    nodes = []
    kind = (structure.first("nodes") or XmlElement("", 0)).attributes.get("coordinatesType", "")
    for element in structure.all("node"):
        place = [element.first_text(axis) for axis in ("x", "y")]
        if "id" not in element.attributes:
            problems.append(f"{name}:{element.line}: a <node> has no id; give it one")
            continue
        where = f"{name}:{element.line}"
        nodes.append(_node(element.attributes["id"], where, place, kind == "geographical"))
    links = []
    for element in structure.all("link"):
        ends = [element.first_text(end) for end in ("source", "target")]
        if ends[0] is None or ends[1] is None:
            problems.append(
                f"{name}:{element.line}: a <link> needs <source> and <target>; add them"
            )
            continue
        attributes = {child.tag: child.text.strip() for child in element.children}
        for whole, part in (
            ("preInstalledModule", "preInstalled"),
            ("additionalModules", "module"),
        ):
            attributes.pop(whole, None)
            module = element.first(whole)
            for what in ("capacity", "cost"):
                if module is not None and (text := module.first_text(what)):
                    attributes[part + what.capitalize()] = text
        for end in ("source", "target"):
            attributes.pop(end, None)
        key = element.attributes.get("id", "")
        links.append(ForeignLink(ends[0], ends[1], f"{name}:{element.line}", attributes, key))
    refuse(problems, "", name)
    return ForeignGraph(name, tuple(links), tuple(nodes), silence=SNDLIB)


def _node(node: str, where: str, place: list[str | None], on_earth: bool) -> ForeignNode:
    """A node; its place is one in degrees, or in a drawing."""
    x, y = place
    if x is None or y is None:
        return ForeignNode(node, where)
    if on_earth:
        return ForeignNode(node, where, {"longitude": x, "latitude": y})
    try:
        return ForeignNode(node, where, {}, (float(x), float(y)))
    except ValueError:
        return ForeignNode(node, where)


def from_sndlib_native(name: str, text: str) -> ForeignGraph:
    """Read the native text of an SNDlib network.

    Raises
    ------
    TopologyError
        Naming the lines that are none of its sections.
    """
    nodes: list[ForeignNode] = []
    links: list[ForeignLink] = []
    problems: list[str] = []
    places: list[tuple[float, float] | None] = []
    section = ""
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.partition("#")[0].strip()
        where = f"{name}:{number}"
        if not line or NATIVE.match(line):
            continue
        opened = _SECTION.fullmatch(line)
        if not section:
            if opened is None:
                problems.append(f"{where}: {line[:60]!r} is no section; one begins as 'NODES ('")
            else:
                section = "" if opened[2] else opened[1]
        elif line == ")":
            section = ""
        elif section == "NODES" and (found := _NODE.fullmatch(line)):
            nodes.append(_node(found[1], where, [found[2], found[3]], True))
            places.append(_node(found[1], where, [found[2], found[3]], False).plane)
        elif section == "LINKS" and (found := _LINK.fullmatch(line)):
            links.append(ForeignLink(found[2], found[3], where, _costs(found), found[1]))
        elif section in {"NODES", "LINKS"}:
            problems.append(
                f"{where}: {line[:60]!r} is none of {section}; write "
                + (
                    "'ID ( LONGITUDE LATITUDE )'"
                    if section == "NODES"
                    else "'ID ( SOURCE TARGET ) …'"
                )
            )
    if section:
        problems.append(f"{name}: the section {section} has no end; add a line ')'")
    refuse(problems, "", name)
    known = [place for place in places if place is not None]
    if any(abs(x) > 180 or abs(y) > 90 for x, y in known):
        # pixels of a drawing: the text does not say which they are
        drawn = zip(nodes, places, strict=True)
        nodes = [ForeignNode(node.name, node.where, {}, place) for node, place in drawn]
    if not links:
        raise TopologyError([f"{name}: has no LINKS; give the file with the network, not a matrix"])
    return ForeignGraph(name, tuple(links), tuple(nodes), silence=SNDLIB)


def _costs(found: re.Match[str]) -> dict[str, Any]:
    """Capacities and costs of a link, those of zero left out."""
    attributes: dict[str, Any] = dict(zip(_COSTS, found[4].split(), strict=False))
    modules = (found[5] or "").split()
    attributes |= dict(zip(("moduleCapacity", "moduleCost"), modules[:2], strict=False))
    return {key: value for key, value in attributes.items() if value.strip("0.")}
