"""Links that are one fibre or several: opposite directions, parallel links, parts of a network."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from qnetsim.network.formats.foreign import refuse, some
from qnetsim.network.topology import RawFibre
from qnetsim.plain_text import counted
from qnetsim.scenario import TopologyTable

#: Lengths that differ by less, relatively, are equal: files round both directions apart.
ALIKE = 1e-6


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


def _groups(links: Iterable[Candidate]) -> dict[frozenset[str], list[Candidate]]:
    found: dict[frozenset[str], list[Candidate]] = {}
    for link in links:
        found.setdefault(link.ends, []).append(link)
    return found


def _equal(a: Candidate, b: Candidate) -> bool:
    alike = str(a.fibre.length_km) == str(b.fibre.length_km) or math.isclose(
        a.km, b.km, rel_tol=ALIKE
    )
    losses = [(x.fibre.attenuation_db_km, x.fibre.extra_loss_db) for x in (a, b)]
    return alike and str(losses[0]) == str(losses[1])


def listed_both_ways(links: Sequence[Candidate]) -> bool:
    """Whether every link stands in both directions, one opposite for each."""
    if not links:
        return False
    for group in _groups(links).values():
        ahead = sum(link.fibre.source == group[0].fibre.source for link in group)
        if 2 * ahead != len(group):
            return False
    return True


def merge_directions(
    name: str, links: Sequence[Candidate], table: TopologyTable, notes: list[str]
) -> list[Candidate]:
    """Make one fibre of two opposite links.

    Raises
    ------
    TopologyError
        Two are unlike, and the table does not say which counts.
    """
    if table.directions == "separate":
        return list(links)
    kept: list[Candidate] = []
    problems: list[str] = []
    merged = 0
    for group in _groups(links).values():
        source = group[0].fibre.source
        ahead = [link for link in group if link.fibre.source == source]
        back = [link for link in group if link.fibre.source != source]
        merged += min(len(ahead), len(back))
        kept += _paired(ahead, back, table, problems)
    text = (
        'network.directions = "shortest", "longest" or "mean" makes one fibre of such two, '
        'and "separate" two'
    )
    refuse(problems, text, name)
    if merged:
        notes.append(f"both directions of {counted(merged, 'fibre')} are one fibre each")
    return sorted(kept, key=lambda link: link.order)


def _paired(
    ahead: list[Candidate], back: list[Candidate], table: TopologyTable, problems: list[str]
) -> list[Candidate]:
    """One link for each two opposite ones, and those that have no opposite."""
    kept = []
    left = []
    rest = list(back)
    for link in ahead:
        same = next((other for other in rest if _equal(link, other)), None)
        if same is None:
            left.append(link)
        else:
            rest.remove(same)
            kept.append(_earlier(link, same))
    while left and rest:
        one, other = left.pop(0), rest.pop(0)
        if table.directions == "equal":
            unlike = " in length" if not math.isclose(one.km, other.km, rel_tol=ALIKE) else ""
            problems.append(
                f"{one.title}: is unlike{unlike} the opposite one ({other.title}), a duplicate of "
                "it if fibres are undirected"
            )
        kept.append(_chosen(one, other, table.directions))
    return [*kept, *left, *rest]


def _earlier(a: Candidate, b: Candidate) -> Candidate:
    return a if a.order < b.order else b


def _chosen(a: Candidate, b: Candidate, how: str) -> Candidate:
    """One of two opposite links that are unlike."""
    order = min(a.order, b.order)
    first = _earlier(a, b)
    if how == "mean" and not math.isnan(a.km + b.km):
        fibre = replace(first.fibre, length_km=(a.km + b.km) / 2)
        return replace(first, fibre=fibre)
    pick: Callable[..., Candidate] = max if how == "longest" else min
    return replace(pick((a, b), key=lambda link: link.km), order=order)


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
    for group in _groups(links).values():
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
    return any(
        all(tags) and len(set(tags)) == len(group)
        for tags in ([link.fibre.name for link in group], [link.key for link in group])
    )


def _named(group: Sequence[Candidate]) -> list[Candidate]:
    """Parallel links with names of their own: those of the file, its keys, or numbers."""
    names = [link.fibre.name or "" for link in group]
    keys = [link.key for link in group]
    numbers = [str(i + 1) for i in range(len(group))]
    for tags in (names, keys, numbers):
        if all(tags) and len(set(tags)) == len(group):
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
