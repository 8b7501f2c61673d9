"""Node-link JSON, as NetworkX and others write it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from qnetsim.errors import TopologyError
from qnetsim.network.formats.foreign import ForeignGraph, ForeignLink, ForeignNode, Silence, refuse

NO_SILENCE = Silence()
#: Names under which links stand.
LINK_LISTS = ("edges", "links")


def from_json(name: str, text: str) -> ForeignGraph:
    """Read the text of a JSON file.

    Raises
    ------
    TopologyError
        It is no JSON, or has another form.
    """
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise TopologyError([f"{name}:{error.lineno}: is not JSON: {error.msg}"]) from None
    except (ValueError, RecursionError):
        text = "is not usable JSON: too many digits or nested too deeply"
        raise TopologyError([f"{name}: {text}"]) from None
    return from_node_link(name, data)


def from_node_link(name: str, data: Any, silence: Silence = NO_SILENCE) -> ForeignGraph:
    """Read node-link form: ``nodes`` with ``id``, ``edges`` or ``links`` with their two ends.

    Raises
    ------
    TopologyError
        Naming what has another form.
    """
    inner = data.get("graph") if isinstance(data, dict) else None
    if isinstance(inner, dict) and "nodes" in inner and "nodes" not in data:
        # JSON Graph Format wraps the whole
        data = inner
    lists = [
        key for key in LINK_LISTS if isinstance(data, dict) and isinstance(data.get(key), list)
    ]
    if not (isinstance(data, dict) and isinstance(data.get("nodes"), list | dict) and lists):
        raise TopologyError(
            [f"{name}: is not node-link JSON; give an object with lists 'nodes' and 'edges'"]
        )
    filled = [key for key in lists if data[key]] or lists
    if len(filled) > 1:
        raise TopologyError([f"{name}: has both 'edges' and 'links'; leave one of them out"])
    problems: list[str] = []
    notes: list[str] = []
    nodes = _nodes(name, data["nodes"], problems, notes)
    links = _links(name, filled[0], data[filled[0]], nodes, problems)
    refuse(problems, "", name)
    whole = data.get("graph")
    return ForeignGraph(
        name,
        tuple(links),
        tuple(nodes),
        directed=data.get("directed") is True,
        multigraph=data.get("multigraph") is True,
        attributes=_texts(whole) if isinstance(whole, dict) else {},
        silence=silence,
        notes=tuple(notes),
    )


def _nodes(
    name: str, listed: Sequence[Any] | Mapping[str, Any], problems: list[str], notes: list[str]
) -> list[ForeignNode]:
    if isinstance(listed, Mapping):
        listed = [
            {**(entry if isinstance(entry, dict) else {}), "id": key}
            for key, entry in listed.items()
        ]
    key = "id"
    if listed and not any(isinstance(node, dict) and "id" in node for node in listed):
        others = [
            k for k in ("name", "label") if all(isinstance(n, dict) and k in n for n in listed)
        ]
        if others:
            key = others[0]
            notes.append(f"nodes have no 'id' and are named by {key!r}")
    nodes = []
    for i, node in enumerate(listed):
        where = f"{name}: nodes[{i}]"
        if isinstance(node, dict) and is_name(node.get(key)):
            more = {k: v for k, v in node.items() if k != key}
            nodes.append(ForeignNode(str(node[key]), where, _texts(more)))
        else:
            problems.append(f"{where}: give an object with an 'id'")
    return nodes


def _links(
    name: str,
    key: str,
    listed: Sequence[Any],
    nodes: Sequence[ForeignNode],
    problems: list[str],
) -> list[ForeignLink]:
    names = {node.name for node in nodes}
    found: list[tuple[str, Any, Any, dict[str, Any]]] = []
    for i, edge in enumerate(listed):
        where = f"{name}: {key}[{i}]"
        ends = [edge.get("source"), edge.get("target")] if isinstance(edge, dict) else []
        if not ends or not all(map(is_name, ends)):
            problems.append(f"{where}: give an object with 'source', 'target' and 'length_km'")
            continue
        more = {k: v for k, v in edge.items() if k not in {"source", "target"}}
        found.append((where, ends[0], ends[1], _texts(more)))
    # older writers give the places of nodes in the list
    named = [end for _, source, target, _ in found for end in (source, target)]
    places = all(isinstance(end, int) and 0 <= end < len(nodes) for end in named)
    if places and not {str(end) for end in named} <= names:
        found = [(w, nodes[a].name, nodes[b].name, more) for w, a, b, more in found]
    return [
        ForeignLink(str(source), str(target), where, more, _key(more))
        for where, source, target, more in found
    ]


def _key(attributes: Mapping[str, Any]) -> str:
    """What tells a link from others between its ends."""
    return next((str(attributes[k]) for k in ("id", "key") if is_name(attributes.get(k))), "")


def is_name(value: object) -> bool:
    """Whether a value can be the name of a node."""
    return isinstance(value, str | int) and not isinstance(value, bool)


def _texts(attributes: Mapping[Any, Any]) -> dict[str, Any]:
    """Attributes whose names are texts; JSON Graph Format keeps them under ``metadata``."""
    found = {str(key): value for key, value in attributes.items()}
    inner = found.pop("metadata", None)
    if isinstance(inner, dict):
        return {**{str(key): value for key, value in inner.items()}, **found}
    return found if inner is None else {**found, "metadata": inner}
