"""Write a network of fibres as CSV, node-link JSON or GraphML."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from qnetsim.errors import UsageError
from qnetsim.fibre_loss import FibreLoss
from qnetsim.network.formats.foreign import some
from qnetsim.network.topology import Topology, natural_order


def writable(path: Path) -> None:
    """Refuse a file whose name has no format that is written.

    Raises
    ------
    UsageError
    """
    if path.suffix.lower() not in _WRITERS:
        raise UsageError(f"{path}: ends in none of {', '.join(_WRITERS)}; give such a name")


def save_topology(topology: Topology, path: Path) -> tuple[str, ...]:
    """Write a network to a file, whole or not at all.

    Parameters
    ----------
    topology : Topology
    path : Path
        Ends in ``.csv``, ``.json`` or ``.graphml``; a file that is there is replaced.

    Returns
    -------
    tuple of str
        What the format has no place for.

    Raises
    ------
    UsageError
        It cannot be written.
    """
    text = _WRITERS[path.suffix.lower()](topology)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_text(text, "utf-8", newline="\n")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from None
    return _lost(topology, path)


def _lost(topology: Topology, path: Path) -> tuple[str, ...]:
    if path.suffix.lower() != ".csv":
        return ()
    lost = []
    names = [*topology.nodes, *(topology.label(i) for i in range(len(topology.fibres)))]
    if spaced := [name for name in names if name != name.strip()]:
        lost.append(f"spaces around names are left out: {some([repr(name) for name in spaced])}")
    if topology.locations:
        lost.append("labels and coordinates of nodes are left out, which .json and .graphml keep")
    ends = {topology.nodes[end] for pair in topology.fibres for end in pair}
    if len(ends) < len(topology.nodes):
        lost.append("nodes without a fibre are left out, which .json and .graphml keep")
    if tuple(natural_order(topology.nodes)) != topology.nodes:
        lost.append("nodes get the order of their names, and .json and .graphml keep theirs")
    return tuple(lost)


def _fibres(topology: Topology) -> list[dict[str, Any]]:
    """What is known of each fibre."""
    losses = topology.losses or [FibreLoss()] * len(topology.fibres)
    found = []
    for fibre, (a, b) in enumerate(topology.fibres):
        entry: dict[str, Any] = {"source": topology.nodes[a], "target": topology.nodes[b]}
        entry["length_km"] = topology.lengths_km[fibre]
        if label := topology.label(fibre):
            entry["name"] = label
        if losses[fibre].attenuation_db_km is not None:
            entry["attenuation_db_km"] = losses[fibre].attenuation_db_km
        if losses[fibre].extra_loss_db:
            entry["extra_loss_db"] = losses[fibre].extra_loss_db
        found.append(entry)
    return found


def _places(topology: Topology) -> list[dict[str, Any]]:
    """What is known of each node beside its name."""
    if not topology.locations:
        return [{} for _ in topology.nodes]
    return [place.as_table() for place in topology.locations]


def _csv(topology: Topology) -> str:
    fibres = _fibres(topology)
    columns = list(dict.fromkeys(key for entry in fibres for key in entry))
    # a first cell with such a sign would begin a comment
    quoted = any(node.startswith("#") for node in topology.nodes)
    text = io.StringIO()
    writer = csv.DictWriter(
        text,
        columns,
        restval="",
        lineterminator="\n",
        quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL,
    )
    writer.writeheader()
    writer.writerows(fibres)
    return text.getvalue()


def _json(topology: Topology) -> str:
    nodes = [
        {"id": node, **place} for node, place in zip(topology.nodes, _places(topology), strict=True)
    ]
    whole = {
        "directed": False,
        "multigraph": bool(topology.twins),
        "nodes": nodes,
        "edges": _fibres(topology),
    }
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def _graphml(topology: Topology) -> str:
    lines = ['<?xml version="1.0" encoding="UTF-8"?>']
    lines.append('<graphml xmlns="http://graphml.graphdrawing.org/xmlns">')
    for kind, names in (
        ("node", ("name", "longitude", "latitude")),
        ("edge", ("length_km", "name", "attenuation_db_km", "extra_loss_db")),
    ):
        for name in names:
            typed = "string" if name == "name" else "double"
            lines.append(
                f'<key id="{kind}_{name}" for="{kind}" attr.name="{name}" attr.type="{typed}"/>'
            )
    lines.append('<graph edgedefault="undirected">')
    for node, place in zip(topology.nodes, _places(topology), strict=True):
        lines.append(f"<node id={quoteattr(node)}>{_data('node', place)}</node>")
    for entry in _fibres(topology):
        source, target = (quoteattr(str(entry.pop(end))) for end in ("source", "target"))
        lines.append(f"<edge source={source} target={target}>{_data('edge', entry)}</edge>")
    return "\n".join([*lines, "</graph>", "</graphml>"]) + "\n"


def _data(kind: str, values: Mapping[str, Any]) -> str:
    return "".join(
        f'<data key="{kind}_{name}">{_escaped(str(value))}</data>' for name, value in values.items()
    )


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


_WRITERS: Mapping[str, Callable[[Topology], str]] = {
    ".csv": _csv,
    ".json": _json,
    ".graphml": _graphml,
}
