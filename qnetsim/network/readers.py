"""Read a topology: bundled, CSV, node-link JSON, GraphML, GML, or from the topohub package."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from qnetsim.errors import TopologyError, UsageError
from qnetsim.input_files import read_text_input
from qnetsim.locations import Location
from qnetsim.network.topology import RawFibre, Topology, check_topology
from qnetsim.plain_text import counted
from qnetsim.scenario.tables.graph import GRAPH

BUNDLED: Mapping[str, str] = {
    "nsfnet": "14 nodes, 21 fibres, 300-2800 km (Ramaswami & Sivarajan; Net2Plan NSFNET_N14_E42)",
    "nsfnet-22": "14 nodes, 22 fibres, 150-2400 km (DeepRMSA: Chen et al., J. Lightwave "
    "Technol. 37(16), 2019, doi:10.1109/JLT.2019.2923615)",
    "usnet": "24 nodes, 43 fibres, 250-2600 km; fibre 3-5 is disputed, 800 km kept",
    "cambridge-2019": "deployed, losses measured (Dynes et al., npj Quantum Inf. 5, 101 (2019))",
    "madqci-2024": "deployed, losses measured (Martin et al., npj Quantum Inf. 10, 80 (2024))",
    "secoqc-2008": "deployed, some losses measured (Peev et al., New J. Phys. 11, 075001 (2009))",
    "tokyo-2010": "deployed, losses measured (Sasaki et al., Opt. Express 19, 10387 (2011))",
}

#: Longest topology file that is read.
MOST_TOPOLOGY_BYTES = 2**28
#: Names under which files give a fibre's length in km, in this order.
LENGTH_KEYS = ("length_km", "length", "dist")
HEADER = ["source", "target", "length_km"]


def read_topology(reference: str) -> Topology:
    """Read a topology by name or path.

    Parameters
    ----------
    reference : str
        ``nsfnet``, ``usnet``, ``topohub:NAME``, or a path ending in ``.csv``, ``.json``,
        ``.graphml`` or ``.gml``.

    Raises
    ------
    TopologyError
        Unknown name, unreadable file, or a graph that is not a network of fibres.
    """
    if reference in BUNDLED:
        folder = resources.files("qnetsim") / "data"
        if (table := folder / f"{reference}.csv").is_file():
            return _from_csv(reference, table.read_text("utf-8"))
        return _from_json(reference, (folder / f"{reference}.json").read_text("utf-8"))
    if reference.startswith("topohub:"):
        return _from_topohub(reference)
    if reference.startswith(GRAPH):
        raise TopologyError(
            [
                f"{reference!r} was given as a graph in Python, and only a name of it is left; "
                "give the graph, or a file of it"
            ]
        )
    path = Path(reference)
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise TopologyError(
            [
                f"{reference!r} is not a topology; allowed: {', '.join(BUNDLED)}, topohub:NAME, "
                f"or a path that ends in {', '.join(_READERS)}"
            ]
        )
    try:
        text = read_text_input(path, "topology file", MOST_TOPOLOGY_BYTES)
    except UsageError as error:
        raise TopologyError([str(error)]) from None
    return reader(reference, text)


def _from_csv(name: str, text: str) -> Topology:
    rows = csv.reader(io.StringIO(text))
    try:
        header = [cell.strip() for cell in next(rows, [])]
    except csv.Error as error:
        raise TopologyError([f"{name}:1: is not CSV: {error}"]) from None
    if header != HEADER:
        raise TopologyError(
            [f"{name}:1: the header is {','.join(header)!r}; it must be {','.join(HEADER)!r}"]
        )
    fibres: list[RawFibre] = []
    problems: list[str] = []
    try:
        for row in rows:
            cells = [cell.strip() for cell in row]
            if not any(cells):
                continue
            where = f"{name}:{rows.line_num}"
            if len(cells) != len(HEADER):
                problems.append(
                    f"{where}: has {counted(len(cells), 'cell')}; give source,target,length_km"
                )
            else:
                fibres.append(RawFibre(cells[0], cells[1], cells[2], where))
    except csv.Error as error:
        problems.append(f"{name}:{rows.line_num}: is not CSV: {error}")
    if problems:
        raise TopologyError(problems)
    return check_topology(name, fibres)


def _from_json(name: str, text: str) -> Topology:
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise TopologyError([f"{name}:{error.lineno}: is not JSON: {error.msg}"]) from None
    except (ValueError, RecursionError):
        text = "is not usable JSON: too many digits or nested too deeply"
        raise TopologyError([f"{name}: {text}"]) from None
    return _from_node_link(name, data)


def _from_node_link(name: str, data: Any) -> Topology:
    """Node-link form: ``nodes`` with ``id``, ``edges`` (or ``links``) with source and target."""
    edges_key = "edges" if isinstance(data, dict) and "edges" in data else "links"
    if not (
        isinstance(data, dict)
        and isinstance(data.get("nodes"), list)
        and isinstance(data.get(edges_key), list)
    ):
        raise TopologyError(
            [f"{name}: is not node-link JSON; give an object with lists 'nodes' and 'edges'"]
        )
    problems: list[str] = []
    nodes: list[str] = []
    locations: list[Location] = []
    for i, node in enumerate(data["nodes"]):
        if isinstance(node, dict) and _is_name(node.get("id")):
            nodes.append(str(node["id"]))
            locations.append(Location.read(nodes[-1], node))
        else:
            problems.append(f"{name}: nodes[{i}]: give an object with an 'id'")
    fibres: list[RawFibre] = []
    for i, edge in enumerate(data[edges_key]):
        where = f"{name}: {edges_key}[{i}]"
        ends = (edge.get("source"), edge.get("target")) if isinstance(edge, dict) else ()
        if not ends or not all(map(_is_name, ends)):
            problems.append(f"{where}: give an object with 'source', 'target' and 'length_km'")
        else:
            losses = edge.get("attenuation_db_km"), edge.get("extra_loss_db")
            ends = str(ends[0]), str(ends[1])
            fibres.append(RawFibre(*ends, _length(edge), where, None, *losses))
    if problems:
        raise TopologyError(problems)
    return check_topology(name, fibres, nodes, locations)


def _is_name(value: object) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)


def _length(attributes: Mapping[str, Any]) -> object:
    for key in LENGTH_KEYS:
        if key in attributes:
            return attributes[key]
    return None


def _from_networkx(name: str, text: str, parse: Callable[[str], Any]) -> Topology:
    try:
        graph = parse(text)
    except Exception as error:  # noqa: BLE001 - the parsers raise whatever their input provokes
        kind = Path(name).suffix[1:]
        raise TopologyError([f"{name}: is not readable as {kind}: {error}"]) from None
    fibres = [
        RawFibre(str(a), str(b), _length(attributes), f"{name}: edge {i + 1}")
        for i, (a, b, attributes) in enumerate(graph.edges(data=True))
    ]
    locations = [Location.read(str(node), found) for node, found in graph.nodes(data=True)]
    return check_topology(name, fibres, [str(node) for node in graph.nodes], locations)


def _from_graphml(name: str, text: str) -> Topology:
    import networkx

    def parse(text: str) -> Any:
        graph = networkx.parse_graphml(text, force_multigraph=True)
        # networkx invents nodes that only edges name
        root = ElementTree.fromstring(text)
        declared = {e.get("id") for e in root.iter() if e.tag.endswith("}node") or e.tag == "node"}
        invented = [str(node) for node in graph.nodes if str(node) not in declared]
        if invented:
            raise ValueError(f"an edge names the node {invented[0]!r}, which is not declared")
        return graph

    return _from_networkx(name, text, parse)


def _from_gml(name: str, text: str) -> Topology:
    import networkx

    return _from_networkx(name, text, networkx.parse_gml)


def _from_topohub(reference: str) -> Topology:
    import topohub

    key = reference.removeprefix("topohub:")
    try:
        # a name is a place in the package's own folder, never above it
        if not re.fullmatch(r"\w[\w.-]*(/\w[\w.-]*)*", key) or ".." in key:
            raise KeyError(key)
        data = topohub.get(key)
    except (KeyError, ValueError, OSError):
        raise TopologyError(
            [
                f"{reference}: topohub has no topology {key!r}; names look like "
                "'topohub:sndlib/abilene' or 'topohub:topozoo/Abilene'"
            ]
        ) from None
    return _from_node_link(reference, data)


_READERS: Mapping[str, Callable[[str, str], Topology]] = {
    ".csv": _from_csv,
    ".json": _from_json,
    ".graphml": _from_graphml,
    ".gml": _from_gml,
}
