"""Read a topology: bundled, from a file of any known format, or from the topohub package.

A format's reader is imported where it is used: most runs read a bundled table.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from qnetsim.errors import TopologyError, UsageError
from qnetsim.extras import require
from qnetsim.input_files import read_input, read_text_input
from qnetsim.network.formats.columns import from_csv
from qnetsim.network.formats.foreign import ForeignGraph, Silence
from qnetsim.network.formats.to_network import ReadTopology, to_network
from qnetsim.network.topology import Topology
from qnetsim.scenario import TopologyTable
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
#: What topohub works out of its own traffic, and kinds of places.
TOPOHUB = Silence(drawn=frozenset({"ecmp_fwd", "ecmp_bwd", "type", "demands", "stats"}))


class TopologyWarning(UserWarning):
    """Something in a topology file is not used, or was settled without having been asked for."""


def read_topology(topology: str | TopologyTable) -> Topology:
    """Read a topology by name or path.

    Parameters
    ----------
    topology : str or TopologyTable
        ``nsfnet``, ``usnet``, ``topohub:NAME``, or the path of a file; or a table with this key
        and those that say how the file is read.

    Warns
    -----
    TopologyWarning
        In one line: attributes that are not used, links that were merged, and the like.

    Raises
    ------
    TopologyError
        Unknown name, unreadable file, or a graph that is not a network of fibres.
    """
    found = read_with_notes(topology)
    if found.notes:
        warn_of(found.topology.name, found.notes)
    return found.topology


def warn_of(name: str, notes: tuple[str, ...]) -> None:
    """Tell in one line how a topology was read."""
    warnings.warn(f"{name}: {'; '.join(notes)}", TopologyWarning, stacklevel=3)


def read_with_notes(topology: str | TopologyTable) -> ReadTopology:
    """Read a topology, and how it was read.

    Raises
    ------
    TopologyError
        As :func:`read_topology`.
    """
    if isinstance(topology, str):
        topology = TopologyTable.model_construct(topology=topology)
    return to_network(_foreign(topology.topology, topology.ends), topology)


def _foreign(reference: str, ends: tuple[str, str] | None) -> ForeignGraph:
    """What a file says."""
    path = Path(reference)
    suffix = path.suffix.lower()
    if ends is not None and suffix not in _BY_NAMES:
        text = f"network.ends goes with files that end in {', '.join(_BY_NAMES)}; leave it out"
        raise TopologyError([f"{reference}: {text}"])
    if reference in BUNDLED:
        folder = resources.files("qnetsim") / "data"
        if (table := folder / f"{reference}.csv").is_file():
            return from_csv(reference, table.read_text("utf-8"))
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
    if suffix not in _BY_NAMES and suffix not in _READERS:
        raise TopologyError(
            [
                f"{reference!r} is not a topology; allowed: {', '.join(BUNDLED)}, topohub:NAME, "
                f"or a path that ends in {', '.join((*_BY_NAMES, *_READERS))}"
            ]
        )
    try:
        if suffix in _BY_NAMES:
            return _BY_NAMES[suffix](reference, _text(path), ends)
        return _READERS[suffix](reference, path)
    except UsageError as error:
        raise TopologyError([str(error)]) from None


def _text(path: Path) -> str:
    return read_text_input(path, "topology file", MOST_TOPOLOGY_BYTES)


def _from_xml(name: str, path: Path) -> ForeignGraph:
    """GraphML, SNDlib or Net2Plan, by the root of the tree."""
    from qnetsim.network.formats.graphml import from_graphml
    from qnetsim.network.formats.net2plan import from_net2plan
    from qnetsim.network.formats.sndlib import from_sndlib_xml
    from qnetsim.network.formats.xml_tree import read_xml

    root = read_xml(name, read_input(path, "topology file", MOST_TOPOLOGY_BYTES))
    if root.tag == "graphml":
        return from_graphml(name, root)
    if root.tag == "network" and root.named("networkStructure"):
        return from_sndlib_xml(name, root)
    if root.tag == "network" and (root.named("node") or root.first("physicalTopology")):
        return from_net2plan(name, root)
    text = f"begins with <{root.tag[:40]}>; read are GraphML, networks of SNDlib and of Net2Plan"
    raise TopologyError([f"{name}: {text}"])


def _from_text(name: str, path: Path) -> ForeignGraph:
    """SNDlib's native text, by its first line, else a list of links."""
    from qnetsim.network.formats.link_list import from_link_list
    from qnetsim.network.formats.sndlib import NATIVE, from_sndlib_native

    text = _text(path)
    if NATIVE.match(text) or re.search(r"^\s*NODES\s*\(\s*$", text, re.MULTILINE):
        return from_sndlib_native(name, text)
    return from_link_list(name, text)


def _from_gml(name: str, path: Path) -> ForeignGraph:
    """GML, which is ISO 8859-1 by its description and UTF-8 by habit."""
    from qnetsim.network.formats.gml import from_gml

    raw = read_input(path, "topology file", MOST_TOPOLOGY_BYTES)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    return from_gml(name, text.replace("\r\n", "\n").replace("\r", "\n"))


def _from_json(name: str, text: str, ends: tuple[str, str] | None = None) -> ForeignGraph:
    from qnetsim.network.formats.node_link import from_json

    return from_json(name, text, ends)


def _from_topohub(reference: str) -> ForeignGraph:
    require(f"topology {reference!r}", "topohub")
    import topohub

    from qnetsim.network.formats.node_link import from_node_link

    key = reference.removeprefix("topohub:")
    try:
        # a name is a place in the package's own folder, never above it
        if not re.fullmatch(r"\w[\w.-]*(/\w[\w.-]*)*", key) or ".." in key:
            raise KeyError(key)
        data: Any = topohub.get(key)
    except (KeyError, ValueError, OSError):
        raise TopologyError(
            [
                f"{reference}: topohub has no topology {key!r}; names look like "
                "'topohub:sndlib/abilene' or 'topohub:topozoo/Abilene'"
            ]
        ) from None
    return from_node_link(reference, data, TOPOHUB)


#: Readers of files in which both ends of a link have names.
_BY_NAMES: Mapping[str, Callable[[str, str, tuple[str, str] | None], ForeignGraph]] = {
    ".csv": from_csv,
    ".tsv": from_csv,
    ".json": _from_json,
}
_READERS: Mapping[str, Callable[[str, Path], ForeignGraph]] = {
    ".graphml": _from_xml,
    ".gml": _from_gml,
    ".xml": _from_xml,
    ".n2p": _from_xml,
    ".txt": _from_text,
}
