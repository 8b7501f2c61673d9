"""Links that are one fibre or several: opposite directions, parallel links, parts of a network."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from qnetsim.network.formats.foreign import some
from qnetsim.network.topology import RawFibre
from qnetsim.plain_text import counted
from qnetsim.scenario import TopologyTable


@dataclass(frozen=True)
class Candidate:
    """A link with its length, that may become a fibre.

    Attributes
    ----------
    fibre : RawFibre
        With the name that the file gives it.
    key : str
        Tells it from other links between its ends; "" where the file does not.
    order : int
        Place in the file.
    """

    fibre: RawFibre
    key: str
    order: int

    @property
    def ends(self) -> frozenset[str]:
        """Its two nodes."""
        return frozenset((self.fibre.source, self.fibre.target))

    @property
    def km(self) -> float:
        """Its length; nan where it is no number."""
        try:
            return float(str(self.fibre.length_km))
        except ValueError:
            return math.nan

    @property
    def title(self) -> str:
        """Its place, its ends and its length."""
        fibre = self.fibre
        return f"{fibre.where}: fibre {fibre.source}–{fibre.target} of {fibre.length_km} km"


def groups(links: Iterable[Candidate]) -> dict[frozenset[str], list[Candidate]]:
    """Links by their two nodes."""
    found: dict[frozenset[str], list[Candidate]] = {}
    for link in links:
        found.setdefault(link.ends, []).append(link)
    return found


def sort_parallel(
    links: Sequence[Candidate],
    table: TopologyTable,
    multigraph: bool,
    notes: list[str],
) -> list[Candidate]:
    """Keep parallel links as fibres with names of their own, or only the shortest.

    Those that nothing tells apart, or that the table refuses, stay without names.
    """
    how = table.parallel_fibres
    kept: list[Candidate] = []
    beside: list[str] = []
    dropped = 0
    for group in groups(links).values():
        if len(group) == 1:
            kept += group
        elif how == "shortest":
            first = min(group, key=lambda link: (link.km, link.order))
            kept.append(replace(first, order=group[0].order))
            dropped += len(group) - 1
        elif how == "refuse" or (how == "distinct" and not (multigraph or _told_apart(group))):
            # refused by the checks of a topology, which take them for duplicates
            kept += [replace(link, fibre=replace(link.fibre, name=None)) for link in group]
        else:
            kept += _named(group)
            if kept[-1].fibre.name != group[-1].fibre.name:
                beside.append(f"{group[0].fibre.source}–{group[0].fibre.target}")
    if beside:
        notes.append(f"parallel fibres, named by the file's keys or numbered: {some(beside)}")
    if dropped:
        notes.append(f"of parallel links the shortest kept, {counted(dropped, 'other')} left out")
    return sorted(kept, key=lambda link: link.order)


def _told_apart(group: Sequence[Candidate]) -> bool:
    if _differ([link.fibre.name or "" for link in group]):
        return True
    # an id of its own for each direction says nothing of cables
    one_way = len({link.fibre.source for link in group}) == 1
    return one_way and _differ([link.key for link in group])


def _differ(tags: Sequence[str]) -> bool:
    return all(tags) and len(set(tags)) == len(tags)


def _named(group: Sequence[Candidate]) -> list[Candidate]:
    """Parallel links with names of their own: those of the file, its keys, or numbers."""
    names = [link.fibre.name or "" for link in group]
    keys = [link.key for link in group]
    numbers = [str(i + 1) for i in range(len(group))]
    for tags in (names, keys, numbers):
        if _differ(tags):
            break
    return [
        replace(link, fibre=replace(link.fibre, name=tag))
        for link, tag in zip(group, tags, strict=True)
    ]


def largest_part(nodes: Sequence[str], links: Sequence[Candidate]) -> set[str]:
    """Nodes of the part with the most of them; of equal ones, that of the first node."""
    root = {node: node for node in nodes}

    def top(node: str) -> str:
        while root[node] != node:
            root[node] = root[root[node]]
            node = root[node]
        return node

    for link in links:
        if link.fibre.source in root and link.fibre.target in root:
            root[top(link.fibre.source)] = top(link.fibre.target)
    parts: dict[str, list[str]] = {}
    for node in nodes:
        parts.setdefault(top(node), []).append(node)
    sizes = {first: len(part) for first, part in parts.items()}
    return set(parts[max(sizes, key=sizes.__getitem__)]) if parts else set()
