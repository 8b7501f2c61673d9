"""Lists of links in plain text, as DeepRMSA and optical-rl-gym have them."""

from __future__ import annotations

import re
from typing import Any

from qnetsim.errors import TopologyError
from qnetsim.network.formats.foreign import (
    UNNAMED,
    ForeignGraph,
    ForeignLink,
    ForeignNode,
    refuse,
)
from qnetsim.plain_text import counted

_BETWEEN = re.compile(r"\s*[,;]\s*|\s+")
_COUNT = re.compile(r"\d{1,7}")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|nan|inf", re.IGNORECASE)


def from_link_list(name: str, text: str) -> ForeignGraph:
    """Read lines of source, target and length; ahead of them may stand the counts of both.

    Raises
    ------
    TopologyError
        Naming the lines that are none, or a count that is not that of the file.
    """
    rows = []
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.partition("#")[0].strip()
        if line:
            rows.append((number, [cell for cell in _BETWEEN.split(line) if cell]))
    counts: list[int] = []
    while rows and len(counts) < 2 and len(rows[0][1]) == 1 and _COUNT.fullmatch(rows[0][1][0]):
        counts.append(int(rows.pop(0)[1][0]))
    if not counts and len(rows) > 1 and len(rows[0][1]) == 2 < len(rows[1][1]):
        # both counts on one line
        first = rows[0][1]
        if all(_COUNT.fullmatch(cell) for cell in first):
            counts = [int(cell) for cell in first]
            rows.pop(0)
    names = _header(rows)
    problems = []
    links = []
    for number, cells in rows:
        where = f"{name}:{number}"
        if len(cells) < 2 or len(cells) > len(names):
            few = f"{counted(len(cells), 'word')} in place of {' '.join(names)}"
            problems.append(f"{where}: has {few}; write one link on a line")
            continue
        given: dict[str, Any] = dict(zip(names[2:], cells[2:], strict=False))
        links.append(ForeignLink(cells[0], cells[1], where, given))
    refuse(problems, "a .csv file has a header, and columns by name", name)
    if not links:
        raise TopologyError(
            [f"{name}: has no link; write 'source target length' on a line for each"]
        )
    notes: tuple[str, ...] = ()
    if len(counts) > 1 and counts[1] == 2 * len(links):
        notes = (f"the count of links, {counts[1]:,}, is that of both directions",)
        counts = counts[:1]
    return ForeignGraph(name, tuple(links), _nodes(name, counts, links), notes=notes)


def _header(rows: list[tuple[int, list[str]]]) -> list[str]:
    """Names of the columns: those of a first line without a length, else the usual ones."""
    if rows:
        first = rows[0][1]
        if (
            len(first) > 2
            and not _NUMBER.fullmatch(first[2])
            and {"length", "dist"} & {re.sub(r"(?:ance|_?\(?km\)?)$", "", first[2].casefold())}
        ):
            rows.pop(0)
            return [*first[:2], "length", *first[3:]]
    width = max((len(cells) for _, cells in rows), default=3)
    return ["source", "target", "length", *(f"{UNNAMED}{i}" for i in range(4, width + 1))]


def _nodes(
    name: str, counts: list[int], links: list[ForeignLink]
) -> tuple[ForeignNode, ...] | None:
    """Nodes from 1, or from 0, where the file says how many there are; else those of the links."""
    if len(counts) > 1 and counts[1] != len(links):
        text = f"gives {counted(len(links), 'link')}, and {counts[1]:,} in the line of their count"
        raise TopologyError([f"{name}: {text}; correct one of them"])
    if not counts:
        return None
    ends = {end for link in links for end in (link.source, link.target)}
    for first in (1, 0):
        names = [str(i) for i in range(first, counts[0] + first)]
        if ends <= set(names):
            return tuple(ForeignNode(node, name) for node in names)
    if len(ends) != counts[0]:
        text = f"names {counted(len(ends), 'node')}, and {counts[0]:,} in the line of their count"
        raise TopologyError([f"{name}: {text}; correct one of them"])
    return None
