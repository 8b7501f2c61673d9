"""Node-link JSON, as NetworkX and others write it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from qnetsim.errors import TopologyError
from qnetsim.network.formats.ends import find_ends
from qnetsim.network.formats.foreign import (
    ForeignGraph,
    ForeignLink,
    ForeignNode,
    Silence,
    flat,
    refuse,
)

NO_SILENCE = Silence()
#: Names under which links stand.
LINK_LISTS = ("edges", "links")


#: Most values of one name that are spelled out.
MOST_TWICE = 21
#: What stands at the top of a file and is no attribute of the network.
_FRAME = frozenset({"nodes", "directed", "multigraph", "graph", *LINK_LISTS})


class _Edge(NamedTuple):
    where: str
    source: Any
    target: Any
    attributes: dict[str, Any]


def from_json(name: str, text: str, ends: tuple[str, str] | None = None) -> ForeignGraph:
    """Read the text of a JSON file.

    Raises
    ------
    TopologyError
        It is no JSON, has another form, or says two things under one name.
    """
    twice: list[str] = []

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            for key, value in pairs:
                if value != found[key] and len(twice) < MOST_TWICE:
                    both = f"{str(value)[:40]} and {str(found[key])[:40]}"
                    twice.append(f"{name}: an object has {key[:60]!r} twice, {both}")
        return found

    try:
        data = json.loads(text, object_pairs_hook=once)
    except json.JSONDecodeError as error:
        raise TopologyError([f"{name}:{error.lineno}: is not JSON: {error.msg}"]) from None
    except (ValueError, RecursionError):
        text = "is not usable JSON: too many digits or nested too deeply"
        raise TopologyError([f"{name}: {text}"]) from None
    refuse(twice, "leave one of both out", name)
    return from_node_link(name, data, ends=ends)


def from_node_link(
    name: str,
    data: Any,
    silence: Silence = NO_SILENCE,
    ends: tuple[str, str] | None = None,
) -> ForeignGraph:
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
    listed = data[filled[0]]
    both = find_ends(f"{name}: {filled[0]}", *_fields(listed), ends) if listed else ("", "")
    found = _links(f"{name}: {filled[0]}", listed, both, problems)
    refuse(problems, "", name)
    links = _by_name(found, nodes, notes)
    whole = data.get("graph")
    top = {key: value for key, value in data.items() if key not in _FRAME}
    return ForeignGraph(
        name,
        tuple(links),
        tuple(nodes),
        directed=data["directed"] if isinstance(data.get("directed"), bool) else None,
        multigraph=data.get("multigraph") is True,
        attributes={**_texts(top), **(_texts(whole) if isinstance(whole, dict) else {})},
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


def _fields(listed: Sequence[Any]) -> tuple[list[str], Callable[[str], str | None]]:
    """Fields of links, and what finds one by its name, whatever its case."""
    fields = list(dict.fromkeys(key for edge in listed if isinstance(edge, dict) for key in edge))
    spelled: dict[str, str] = {}
    for field in fields:
        spelled.setdefault(field.casefold(), field)
    return fields, lambda name: name if name in fields else spelled.get(name.casefold())


def _links(
    where: str, listed: Sequence[Any], both: tuple[str, str], problems: list[str]
) -> list[_Edge]:
    """Links with their ends as they stand there."""
    found = []
    for i, edge in enumerate(listed):
        ends = [edge.get(end) for end in both] if isinstance(edge, dict) else []
        if not ends or not all(map(is_name, ends)):
            source, target = map(repr, both)
            problems.append(f"{where}[{i}]: give an object with {source}, {target} and a length")
            continue
        more = {k: v for k, v in edge.items() if k not in both}
        found.append(_Edge(f"{where}[{i}]", ends[0], ends[1], _texts(more)))
    return found


def _by_name(
    found: Sequence[_Edge], nodes: Sequence[ForeignNode], notes: list[str]
) -> list[ForeignLink]:
    """Links between names of nodes.

    Older writers give the places of nodes in the list. That is certain only where no node has a
    number for its name.
    """
    named = [end for edge in found for end in (edge.source, edge.target)]
    numbers = any(re.fullmatch(r"-?[0-9]+", node.name) for node in nodes)
    places = all(isinstance(end, int) and 0 <= end < len(nodes) for end in named)
    if named and places and not numbers:
        notes.append("links name nodes by their places in the list, from 0")
        found = [
            edge._replace(source=nodes[edge.source].name, target=nodes[edge.target].name)
            for edge in found
        ]
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
    inner = attributes.get("metadata")
    if not isinstance(inner, dict):
        return flat(attributes)
    return flat({**inner, **{key: v for key, v in attributes.items() if key != "metadata"}})
