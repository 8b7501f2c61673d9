"""GraphML, that of yEd and the Topology Zoo included."""

from __future__ import annotations

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

#: What the Topology Zoo says of the speed of IP links, and what yEd draws.
ZOO = Silence(
    drawn=frozenset({"graphics", "labelgraphics", "template", "zorder"}),
    traffic=frozenset({"linkspeed", "linkspeedraw", "linkspeedunits"}),
)


def from_graphml(name: str, root: XmlElement) -> ForeignGraph:
    """Read the tree of a GraphML file.

    Raises
    ------
    TopologyError
        It has no graph, or links of more than two ends.
    """
    graphs = root.named("graph")
    if len(graphs) != 1:
        text = f"has {len(graphs)} graphs; give a GraphML file with one <graph>"
        raise TopologyError([f"{name}: {text}"])
    graph = graphs[0]
    over = [
        f"{name}:{e.line}: a hyperedge joins more than two nodes" for e in graph.all("hyperedge")
    ]
    refuse(over, "give an <edge> for each fibre", name)
    keys = _Keys(name, root)
    problems: list[str] = []
    nodes = _nodes(name, graph, keys, problems)
    links, flags = _links(name, graph, keys, problems)
    whole = keys.of(graph, "graph")
    refuse([*problems, *keys.problems], "", name)
    notes = ("edges with and without a direction are read alike",) if len(flags) > 1 else ()
    directed = "true" in flags
    return ForeignGraph(name, links, nodes, directed, False, whole, ZOO, notes)


def _nodes(
    name: str, graph: XmlElement, keys: _Keys, problems: list[str]
) -> tuple[ForeignNode, ...]:
    """Nodes of a graph, with the labels that yEd draws; adds what they lack."""
    nodes = []
    for element in graph.all("node"):
        if "id" not in element.attributes:
            problems.append(f"{name}:{element.line}: a <node> has no id; give it one")
            continue
        attributes = keys.of(element, "node")
        label = element.first_text("NodeLabel")
        if label is not None and not {"label", "name"} & {key.casefold() for key in attributes}:
            attributes["label"] = label
        where = f"{name}:{element.line}"
        nodes.append(ForeignNode(element.attributes["id"], where, attributes, _drawn(element)))
    return tuple(nodes)


def _links(
    name: str, graph: XmlElement, keys: _Keys, problems: list[str]
) -> tuple[tuple[ForeignLink, ...], set[str]]:
    """Links of a graph, and whether some are directed and some are not; adds what they lack."""
    links = []
    default = {"directed": "true"}.get(graph.attributes.get("edgedefault", ""), "false")
    flags: set[str] = set()
    for element in graph.all("edge"):
        ends = [element.attributes.get(end) for end in ("source", "target")]
        if ends[0] is None or ends[1] is None:
            problems.append(f"{name}:{element.line}: an <edge> needs source and target; add them")
            continue
        attributes = keys.of(element, "edge")
        label = element.first_text("EdgeLabel")
        if label is not None and "label" not in {key.casefold() for key in attributes}:
            attributes["label"] = label
        flags.add(element.attributes.get("directed", default))
        where = f"{name}:{element.line}"
        key = element.attributes.get("id") or attributes.get("id") or attributes.get("key") or ""
        links.append(ForeignLink(ends[0], ends[1], where, attributes, key))
    return tuple(links), flags


class _Keys:
    """Names and defaults of the data of a file."""

    def __init__(self, file: str, root: XmlElement) -> None:
        self.names: dict[str, str | None] = {}
        self.problems: list[str] = []
        self.file = file
        self.defaults: dict[str, dict[str, str]] = {"node": {}, "edge": {}, "graph": {}}
        for element in root.all("key"):
            attributes = element.attributes
            name = attributes.get("attr.name")
            # what yFiles keeps is drawn, and has no name
            self.names[attributes.get("id", "")] = name
            if name is not None and (default := element.first_text("default")) is not None:
                about = attributes.get("for", "all")
                for kind, defaults in self.defaults.items():
                    if about in {kind, "all"}:
                        defaults[name] = default

    def of(self, element: XmlElement, kind: str) -> dict[str, Any]:
        """Data of an element, by name."""
        found: dict[str, Any] = {}
        for data in element.named("data"):
            key = data.attributes.get("key", "")
            name = self.names.get(key, key)
            if name is None or data.children:
                continue
            value = data.text.strip()
            if found.setdefault(name, value) != value:
                self.problems.append(
                    f"{self.file}:{data.line}: {name} has two values, {found[name][:40]} and "
                    f"{value[:40]}; leave one of both out"
                )
        return {**self.defaults[kind], **found}


def _drawn(element: XmlElement) -> tuple[float, float] | None:
    """Where yEd draws a node."""
    geometry = element.first("Geometry")
    if geometry is None:
        return None
    try:
        return float(geometry.attributes["x"]), float(geometry.attributes["y"])
    except (KeyError, ValueError):
        return None
