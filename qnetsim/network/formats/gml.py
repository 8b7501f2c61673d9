"""GML as people have it: with or without labels, labels that stand twice, parallel edges."""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

from qnetsim.errors import TopologyError
from qnetsim.network.formats.foreign import (
    ForeignGraph,
    ForeignLink,
    ForeignNode,
    flat,
    refuse,
    some,
)
from qnetsim.network.formats.graphml import ZOO
from qnetsim.plain_text import counted

#: Deepest nesting of lists that is read.
MOST_DEPTH = 50
_TOKEN = re.compile(
    r"""(?P<space>\s+|\#[^\n]*)
    |(?P<key>[A-Za-z_][\w.:-]*)
    |(?P<text>"[^"]*")
    |(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]))
    |(?P<open>\[)
    |(?P<close>\])""",
    re.VERBOSE | re.ASCII,
)


class _Token(NamedTuple):
    kind: str
    text: str
    line: int


class _List(NamedTuple):
    """A list of GML: values by key in small letters, in order."""

    line: int
    pairs: list[tuple[str, Any]]

    def all(self, key: str) -> list[Any]:
        return [value for name, value in self.pairs if name.lower() == key]

    def one(self, key: str) -> Any:
        """First value of a key that is no list; None for none."""
        return next((v for v in self.all(key) if not isinstance(v, _List)), None)

    def several(self, file: str, keys: Sequence[str]) -> list[str]:
        """Problems of keys that have several values where one is needed."""
        found = {key: list(dict.fromkeys(map(str, self.all(key)))) for key in keys}
        return [
            f"{file}:{self.line}: has several values of {key}, {some(values)}; leave one"
            for key, values in found.items()
            if len(values) > 1
        ]

    def values(self, but: Collection[str] = ()) -> dict[str, Any]:
        """Values by their names, those within lists as ``outer.inner``.

        A name that stands several times has a list of values, as NetworkX writes lists.
        """
        inner: dict[str, list[Any]] = {}
        for name, value in self.pairs:
            if name.lower() not in but:
                found = value.values() if isinstance(value, _List) else value
                inner.setdefault(name, []).append(found)
        return flat({name: _one_of(name, values) for name, values in inner.items()})


def _one_of(name: str, values: list[Any]) -> Any:
    # twice the same says no more, but for a place
    same = all(value == values[0] for value in values)
    return values[0] if len(values) == 1 or (same and name.lower() != "pos") else values


def from_gml(name: str, text: str) -> ForeignGraph:
    """Read the text of a GML file.

    Nodes are named by their labels where each has one of its own, else by their ids.

    Raises
    ------
    TopologyError
        Naming the lines that are no GML, or lack what a node or an edge needs.
    """
    graphs = [graph for graph in _parsed(name, text).all("graph") if isinstance(graph, _List)]
    if len(graphs) != 1:
        raise TopologyError(
            [f"{name}: has {len(graphs)} graphs; give a GML file with one graph [ … ]"]
        )
    graph = graphs[0]
    notes: list[str] = []
    problems: list[str] = []
    nodes, by_id = _nodes(name, graph, notes, problems)
    links = _links(name, graph, by_id, problems)
    refuse(problems, "", name)
    return ForeignGraph(
        name,
        links,
        nodes,
        directed=graph.one("directed") == 1,
        multigraph=graph.one("multigraph") == 1,
        attributes=graph.values({"node", "edge", "directed", "multigraph"}),
        silence=ZOO,
        notes=tuple(notes),
    )


def _nodes(
    name: str, graph: _List, notes: list[str], problems: list[str]
) -> tuple[tuple[ForeignNode, ...], dict[str, str]]:
    """Nodes of a graph, and their names by id; adds notes, and what they lack."""
    listed = [node for node in graph.all("node") if isinstance(node, _List)]
    for node in listed:
        if node.one("id") is None:
            problems.append(f"{name}:{node.line}: a node has no id; give it one, an integer")
        problems += node.several(name, ("id", "label"))
    by_id = _names(listed, notes)
    nodes = tuple(
        ForeignNode(
            by_id[str(node.one("id"))],
            f"{name}:{node.line}",
            node.values({"id"}),
            _drawn(node),
        )
        for node in listed
        if node.one("id") is not None
    )
    return nodes, by_id


def _links(
    name: str, graph: _List, by_id: dict[str, str], problems: list[str]
) -> tuple[ForeignLink, ...]:
    """Links between the named nodes; adds what edges lack."""
    links = []
    for edge in graph.all("edge"):
        if not isinstance(edge, _List):
            continue
        ends = [edge.one(end) for end in ("source", "target")]
        problems += edge.several(name, ("source", "target", "id"))
        if None in ends:
            problems.append(f"{name}:{edge.line}: an edge needs source and target; add them")
            continue
        more = edge.values({"source", "target"})
        key = str(edge.one("id") if edge.one("id") is not None else more.get("key", ""))
        source, target = (by_id.get(str(end), str(end)) for end in ends)
        links.append(ForeignLink(source, target, f"{name}:{edge.line}", more, key))
    return tuple(links)


def _names(listed: list[_List], notes: list[str]) -> dict[str, str]:
    """Name of each node by its id: its label, if every node has one of its own."""
    labels = [str(node.one("label") if node.one("label") is not None else "") for node in listed]
    ids = [str(node.one("id")) for node in listed]
    if all(labels) and len(set(labels)) == len(labels) and len(set(ids)) == len(ids):
        return dict(zip(ids, labels, strict=True))
    if any(labels):
        less = sum(not label for label in labels)
        why = (
            f"{counted(less, 'node has', 'nodes have')} no label" if less else "labels stand twice"
        )
        notes.append(f"nodes are named by their ids: {why}")
    return {number: number for number in ids}


def _drawn(node: _List) -> tuple[float, float] | None:
    for graphics in node.all("graphics"):
        if isinstance(graphics, _List):
            x, y = graphics.one("x"), graphics.one("y")
            if isinstance(x, int | float) and isinstance(y, int | float):
                return float(x), float(y)
    return None


def _tokens(name: str, text: str) -> Iterator[_Token]:
    line = 1
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            rest = text[at : at + 30].partition("\n")[0]
            raise TopologyError(
                [
                    f'{name}:{line}: is not GML at {rest!r}; write keys, numbers, "texts" and '
                    "[ lists ]"
                ]
            )
        if found.lastgroup != "space":
            yield _Token(found.lastgroup or "", found[0], line)
        line += found[0].count("\n")
        at = found.end()


def _parsed(name: str, text: str) -> _List:
    """Lists within lists."""
    stack = [_List(1, [])]
    key: str | None = None
    for token in _tokens(name, text):
        if token.kind == "key" and key is None:
            key = token.text
        elif token.kind == "close" and key is None and len(stack) > 1:
            stack.pop()
        elif token.kind == "open" and key is not None:
            if len(stack) > MOST_DEPTH:
                raise TopologyError(
                    [f"{name}:{token.line}: is nested deeper than {MOST_DEPTH} lists"]
                )
            inner = _List(token.line, [])
            stack[-1].pairs.append((key, inner))
            stack.append(inner)
            key = None
        elif token.kind in {"text", "number", "key"} and key is not None:
            stack[-1].pairs.append((key, _value(name, token)))
            key = None
        else:
            what = f"a value for {key!r}" if key is not None else "a key"
            raise TopologyError(
                [f"{name}:{token.line}: has {token.text[:30]!r} in place of {what}; mend this line"]
            )
    if len(stack) > 1 or key is not None:
        open_line = stack[-1].line
        raise TopologyError(
            [f"{name}:{open_line}: a list has no end, or a key no value; add ']' or it"]
        )
    return stack[0]


def _value(name: str, token: _Token) -> Any:
    if token.kind == "text":
        return html.unescape(token.text[1:-1])
    if token.kind == "key":
        # some write words without quotes, and numbers that are none
        return token.text
    try:
        return int(token.text) if re.fullmatch(r"[+-]?\d+", token.text) else float(token.text)
    except ValueError:
        raise TopologyError([f"{name}:{token.line}: a number has too many digits"]) from None
