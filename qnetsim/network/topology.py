"""The graph G(V, E) of fibres, checked."""

from __future__ import annotations

import hashlib
import json
import math
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, NamedTuple

from qnetsim.errors import TopologyError
from qnetsim.fibre_loss import FibreLoss
from qnetsim.locations import Location, node_titles
from qnetsim.plain_text import counted, fibre_name

#: Longest fibre that a file may have.
MAX_LENGTH_KM = 1e6
#: Least and most attenuation of a fibre in dB/km, and most extra loss in dB, that a file may give.
ATTENUATION_DB_KM = (0.01, 10.0)
MAX_EXTRA_LOSS_DB = 200.0
#: Longest own name of a fibre, in characters.
LONGEST_NAME = 100
#: Most problems of a file that a message lists.
MOST_PROBLEMS = 50


@dataclass(frozen=True)
class RawFibre:
    """A fibre as a file gives it; ``where`` names its place for messages.

    ``name`` tells parallel fibres apart; losses are None where the file gives none.
    """

    source: str
    target: str
    length_km: object
    where: str
    name: str | None = None
    attenuation_db_km: object = None
    extra_loss_db: object = None


class Neighbour(NamedTuple):
    """A neighbouring node, and the fibre to it."""

    node: int
    fibre: int


@dataclass(frozen=True)
class Topology:
    """An undirected graph of fibres; parallel ones have names of their own.

    Attributes
    ----------
    name : str
    nodes : tuple of str
        In topology order, which breaks ties between routes.
    fibres : tuple of (int, int)
        End points as positions in ``nodes``, in the order of the file.
    lengths_km : tuple of float
        Length of each fibre.
    locations : tuple of Location
        Of each node, for maps; empty where nothing is known of any.
    fibre_labels : tuple of str
        Own name of each fibre, "" for one that has none; empty where no fibre has one.
    losses : tuple of FibreLoss
        Of each fibre; empty where the file gives no loss.
    """

    name: str
    nodes: tuple[str, ...]
    fibres: tuple[tuple[int, int], ...]
    lengths_km: tuple[float, ...]
    locations: tuple[Location, ...] = ()
    fibre_labels: tuple[str, ...] = ()
    losses: tuple[FibreLoss, ...] = ()

    def __post_init__(self) -> None:
        for beside in set(self.twins.values()):
            labels = {self.label(fibre) for fibre in beside}
            if "" in labels or len(labels) < len(beside):
                a, b = (self.nodes[node] for node in self.fibres[beside[0]])
                text = f"{counted(len(beside), 'fibre')} join {a!r} and {b!r}"
                raise TopologyError([f"{self.name}: {text}; give each a name of its own"])

    @cached_property
    def _position(self) -> dict[str, int]:
        """Positions of the nodes by their names."""
        return {name: node for node, name in enumerate(self.nodes)}

    @cached_property
    def _between(self) -> dict[frozenset[int], tuple[int, ...]]:
        """Fibres of each pair of nodes that any joins."""
        found: dict[frozenset[int], tuple[int, ...]] = {}
        for fibre, ends in enumerate(self.fibres):
            key = frozenset(ends)
            found[key] = (*found.get(key, ()), fibre)
        return found

    @property
    def twins(self) -> Mapping[int, tuple[int, ...]]:
        """For each fibre with others beside it all fibres between its ends, ascending."""
        return MappingProxyType(self._twins)

    @cached_property
    def _twins(self) -> dict[int, tuple[int, ...]]:
        if len(self._between) == len(self.fibres):
            return {}
        return {e: beside for beside in self._between.values() if len(beside) > 1 for e in beside}

    @cached_property
    def neighbours(self) -> tuple[tuple[Neighbour, ...], ...]:
        """Neighbours of each node."""
        lists: list[list[Neighbour]] = [[] for _ in self.nodes]
        for fibre, (a, b) in enumerate(self.fibres):
            lists[a].append(Neighbour(b, fibre))
            lists[b].append(Neighbour(a, fibre))
        return tuple(tuple(entries) for entries in lists)

    def label(self, fibre: int) -> str:
        """Own name of a fibre; "" where it has none."""
        return self.fibre_labels[fibre] if self.fibre_labels else ""

    def fibre_name(self, fibre: int) -> str:
        """Return ``source–target`` of a fibre, with its own name where it has one."""
        a, b = self.fibres[fibre]
        return fibre_name(self.nodes[a], self.nodes[b], self.label(fibre))

    @cached_property
    def titles(self) -> tuple[str, ...]:
        """What each node is called where people read it: its label, or its id."""
        return node_titles(self.nodes, self.locations)

    def pair_title(self, source: int, target: int) -> str:
        """Two nodes where people read them."""
        return fibre_name(self.titles[source], self.titles[target])

    def fibre_title(self, fibre: int) -> str:
        """Name of a fibre where people read it: as its name, with the labels of nodes."""
        a, b = self.fibres[fibre]
        return fibre_name(self.titles[a], self.titles[b], self.label(fibre))

    def pair_entry(self, source: int, target: int) -> dict[str, Any]:
        """Two nodes as JSON documents have them, their labels beside them where there are any."""
        labels = {"names": [self.titles[source], self.titles[target]]}
        known = labels if self.titles != self.nodes else {}
        return {"source": self.nodes[source], "target": self.nodes[target], **known}

    def fibre_entry(self, fibre: int) -> dict[str, Any]:
        """Ends of a fibre, and its own name where it has one, as JSON documents have them."""
        own = {"label": self.label(fibre)} if self.label(fibre) else {}
        return self.pair_entry(*self.fibres[fibre]) | own

    def fibre_at(self, source: str, target: str, label: str = "") -> int:
        """Find the fibre between two nodes, in either direction.

        Parameters
        ----------
        source, target : str
        label : str
            Own name of the fibre; needed where several join the nodes.

        Raises
        ------
        LookupError
            There is no such fibre, or more than one; says which there are.
        """
        ends = frozenset((self._position.get(source, -1), self._position.get(target, -1)))
        beside = self._between.get(ends, ())
        if not beside:
            raise LookupError(f"no fibre joins {source!r} and {target!r} in {self.name}")
        found = [fibre for fibre in beside if label in ("", self.label(fibre))]
        if len(found) == 1:
            return found[0]
        names = ", ".join(self.fibre_name(fibre) for fibre in beside)
        if found:
            count = counted(len(found), "fibre")
            how = f"[{source!r}, {target!r}, {self.label(found[0])!r}] names the first of them"
            raise LookupError(f"{count} join {source!r} and {target!r}: {names}; {how}")
        raise LookupError(f"no fibre between {source!r} and {target!r} is named {label!r}: {names}")

    def digest(self) -> str:
        """SHA-256 over nodes, fibres, lengths, own names and losses, in any order; hexadecimal."""
        none = [""] * len(self.fibres)
        losses = [repr(sorted(loss.as_table().items())) for loss in self.losses]
        fibres = sorted(
            (*sorted((self.nodes[a], self.nodes[b])), repr(length), *filter(None, [label, loss]))
            for (a, b), length, label, loss in zip(
                self.fibres,
                self.lengths_km,
                self.fibre_labels or none,
                losses or none,
                strict=True,
            )
        )
        text = json.dumps([list(self.nodes), fibres], separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def components(self) -> tuple[int, ...]:
        """For each node the smallest node position that it is connected to."""
        root = [-1] * len(self.nodes)
        neighbours = self.neighbours
        for start in range(len(self.nodes)):
            if root[start] >= 0:
                continue
            root[start] = start
            stack = [start]
            while stack:
                for other, _ in neighbours[stack.pop()]:
                    if root[other] < 0:
                        root[other] = start
                        stack.append(other)
        return tuple(root)


def natural_order(names: Iterable[str]) -> list[str]:
    """Sort names so that "2" stands before "10" and "n2" before "n10"."""

    def key(name: str) -> tuple[tuple[int, int, str], ...]:
        # longer runs of digits are no numbers to Python
        parts = re.findall(r"[0-9]{1,4000}|[^0-9]+", name)
        return tuple((0, int(p), p) if p.isdecimal() and p.isascii() else (1, 0, p) for p in parts)

    return sorted(set(names), key=key)


def check_topology(
    name: str,
    fibres: Sequence[RawFibre],
    nodes: Sequence[str] | None = None,
    locations: Sequence[Location] = (),
) -> Topology:
    """Build a topology, or say everything that is wrong with it.

    Parameters
    ----------
    name : str
    fibres : sequence of RawFibre
    nodes : sequence of str, optional
        Topology order. Files that list no nodes (CSV) get the natural order of the names.
    locations : sequence of Location, optional
        Of each of these nodes.

    Raises
    ------
    TopologyError
        Self-loops, duplicate fibres without names of their own, missing, zero, negative or
        infinite lengths, unknown or duplicate nodes, no fibre at all; each named with its place.
    """
    problems: list[str] = []
    if nodes is None:
        nodes = natural_order(n for f in fibres for n in (f.source, f.target))
    index: dict[str, int] = {}
    for node in nodes:
        if node in index:
            problems.append(f"{name}: node {node!r} is listed twice; give each node its own name")
        index.setdefault(node, len(index))
    ends: list[tuple[int, int]] = []
    lengths: list[float] = []
    labels: list[str] = []
    losses: list[FibreLoss] = []
    seen: dict[frozenset[str], dict[str, str]] = {}
    for fibre in fibres:
        title = f"{fibre.where}: fibre {fibre.source}–{fibre.target}"
        beside = seen.setdefault(frozenset((fibre.source, fibre.target)), {})
        wrong = _fibre_problem(fibre, index, beside)
        beside.setdefault(fibre.name or "", f"{fibre.where} of {fibre.length_km} km")
        if wrong:
            problems.append(f"{title}: {wrong}")
        else:
            ends.append((index[fibre.source], index[fibre.target]))
            lengths.append(float(str(fibre.length_km)))
            labels.append(fibre.name or "")
            losses.append(_loss(fibre))
    if not fibres:
        problems.append(f"{name}: has no fibre; give at least one")
    if problems:
        more = (
            [f"{name}: and {len(problems) - MOST_PROBLEMS} more"]
            if len(problems) > MOST_PROBLEMS
            else []
        )
        raise TopologyError([*problems[:MOST_PROBLEMS], *more])
    known = tuple(locations) if any(place.known for place in locations) else ()
    named = tuple(labels) if any(labels) else ()
    lossy = tuple(losses) if any(loss != FibreLoss() for loss in losses) else ()
    return Topology(name, tuple(index), tuple(ends), tuple(lengths), known, named, lossy)


def _fibre_problem(fibre: RawFibre, index: dict[str, int], beside: dict[str, str]) -> str | None:
    """What is wrong; ``beside`` gives the places of fibres between the same nodes, by name."""
    for node in (fibre.source, fibre.target):
        if any(unicodedata.category(char) in {"Cc", "Cs"} for char in node):
            return f"node {node!r} has control characters in its name; use plain text"
        if not node:
            return "an end point has no name; name both nodes"
        if node not in index:
            return f"node {node!r} is not among the nodes; list it or correct the name"
    if fibre.source == fibre.target:
        how = 'network.self_loops = "drop" leaves it out'
        return f"is a self-loop; a fibre joins two different nodes ({how})"
    if beside and (not fibre.name or "" in beside or fibre.name in beside):
        earlier = beside.get(fibre.name or "", next(iter(beside.values())))
        return (
            f"of {fibre.length_km} km is a duplicate of the fibre at {earlier}; fibres have no "
            "direction, so give each node pair once, or each fibre its own name; or "
            'network.parallel_fibres = "keep" makes a fibre of each, and "shortest" one of them '
            'all, and network.directions = "shortest" one of two opposite ones'
        )
    return (
        _name_problem(fibre.name or "") or _length_problem(fibre.length_km) or _loss_problem(fibre)
    )


def _name_problem(name: str) -> str | None:
    if any(unicodedata.category(char) in {"Cc", "Cs"} for char in name):
        return f"its own name {name!r} has control characters; use plain text"
    if len(name) > LONGEST_NAME:
        return f"its own name {name[:20]!r}… is longer than {LONGEST_NAME} characters; shorten it"
    return None


def _loss_problem(fibre: RawFibre) -> str | None:
    least, most = ATTENUATION_DB_KM
    return _number_problem(
        fibre.attenuation_db_km, "attenuation", least, most, "dB/km"
    ) or _number_problem(fibre.extra_loss_db, "extra loss", 0.0, MAX_EXTRA_LOSS_DB, "dB")


def _number_problem(value: object, what: str, least: float, most: float, unit: str) -> str | None:
    if value is None:
        return None
    text = str(value).strip()
    allowed = f"give a number {least:g} .. {most:g} in {unit}"
    try:
        number = math.nan if isinstance(value, bool) or "_" in text else float(text)
    except ValueError:
        number = math.nan
    if not least <= number <= most:
        shown = text if len(text) <= 40 else f"{text[:40]}…"
        return f"the {what} is {shown!r}; {allowed}"
    return None


def _loss(fibre: RawFibre) -> FibreLoss:
    """Loss of a fibre whose values were checked."""
    given = fibre.attenuation_db_km, fibre.extra_loss_db
    attenuation, extra = (None if value is None else float(str(value)) for value in given)
    return FibreLoss(attenuation, extra or 0.0)


def _length_problem(value: object) -> str | None:
    allowed = "give a length > 0, at most 1000000, in km"
    text = str(value).strip()
    if value is None or not text:
        return f"the length is missing; {allowed}"
    if isinstance(value, bool) or not text.isascii() or "_" in text:
        return f"the length {value!r} is not a number; {allowed}"
    try:
        length = float(text)
    except ValueError:
        point = f", as {text.replace(',', '.')}" if re.fullmatch(r"[+-]?\d+,\d+", text) else ""
        return f"the length {value!r} is not a number; {allowed}{point}"
    if not math.isfinite(length):
        return f"the length {value!r} is not finite; {allowed}"
    if length == 0:
        return f"the length is zero; {allowed} (network.min_length_km = 0.1 makes it that long)"
    if length < 0:
        return f"the length {value!r} is negative; {allowed}"
    if length > MAX_LENGTH_KM:
        return f"the length {value!r} is too large; {allowed}"
    return None
