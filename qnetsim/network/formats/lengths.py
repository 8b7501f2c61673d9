"""Lengths of links: under which name, in which unit, or from the coordinates of their ends."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from statistics import median

from qnetsim.errors import TopologyError
from qnetsim.locations import PAIR_KEYS, Location
from qnetsim.network.formats.distances import HALFWAY_KM, great_circle_km, number_of, point_of
from qnetsim.network.formats.foreign import (
    Attributes,
    ForeignGraph,
    ForeignLink,
    ForeignNode,
    refuse,
    some,
)
from qnetsim.network.formats.node_places import seem_metres, times_the_distance
from qnetsim.network.formats.unit_names import (
    UNITS,
    WRITTEN,
    is_bare_unit,
    is_unit_key,
    last_unit,
    plain_name,
    unit_in_name,
    unit_of,
)
from qnetsim.plain_text import counted
from qnetsim.scenario import TopologyTable

#: Names under which files give a length in km, in this order.
LENGTH_KEYS = ("length_km", "length", "dist")
_ELSE = re.compile("capac|rate|speed|bandwidth|loss|atten|bps")
_LIKELY = re.compile("dist|len|km")
#: Lengths that are so many times the distances, or so small a part of them, are in another unit.
UNLIKELY = 100.0


@dataclass(frozen=True)
class Lengths:
    """Lengths of the links of a file, in km.

    Attributes
    ----------
    km : tuple
        As the file has it where it is in km, so that what is no number can be shown. None for
        a link that is left out.
    keys : frozenset of str
        Attributes that were used.
    notes, asked : tuple of str
        What was done of its own accord, and because of a key.
    """

    km: tuple[object, ...]
    keys: frozenset[str]
    notes: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()


def lengths_of(
    graph: ForeignGraph, nodes: Mapping[str, ForeignNode], table: TopologyTable
) -> Lengths:
    """Lengths of all links.

    Raises
    ------
    TopologyError
        Some have none, or in a unit that is not known; with the key that mends it.
    """
    reader = _Reader(graph, nodes, table)
    return reader.read()


class _Reader:
    def __init__(
        self, graph: ForeignGraph, nodes: Mapping[str, ForeignNode], table: TopologyTable
    ) -> None:
        self.graph = graph
        self.nodes = nodes
        self.table = table
        self.places = {name: Location.read(name, node.attributes) for name, node in nodes.items()}
        self.ignored = {name.casefold() for name in table.ignore}
        self.keys: set[str] = set()
        self.sure = table.length_unit is not None
        self.problems: list[str] = []
        self.asked: list[str] = []

    def read(self) -> Lengths:
        graph, table = self.graph, self.table
        if table.coordinates is None and table.route_factor != 1.0:
            text = 'network.route_factor goes with network.coordinates = "great_circle"'
            raise TopologyError([f"{graph.name}: {text}; give both or none"])
        if table.coordinates == "great_circle" and table.route_factor < 1:
            text = f"network.route_factor {table.route_factor:g} is below 1"
            raise TopologyError(
                [f"{graph.name}: {text}; no fibre is shorter than its great circle"]
            )
        found = [self._given(link) for link in graph.links]
        refuse(self.problems, "", graph.name)
        self._refuse_unlikely(found)
        missing = [i for i, km in enumerate(found) if km is None]
        if table.coordinates is not None:
            self._refuse_needless(found, missing)
            missing = self._measure(found, missing)
        self._fill(found, missing)
        self._raise_short(found)
        return Lengths(tuple(found), frozenset(self.keys), (), tuple(self.asked))

    def _named(self, attributes: Attributes) -> list[str]:
        """Attributes that are lengths, by the table or by their names."""
        wanted = self.table.length_key
        if wanted is not None:
            exact = [key for key in attributes if key == wanted]
            return exact or [key for key in attributes if key.casefold() == wanted.casefold()]
        names = [key for key in attributes if key.casefold() not in self.ignored]
        first = [key for wanted in LENGTH_KEYS for key in names if plain_name(key) == wanted]
        return first + [key for key in names if key not in first and unit_in_name(key)]

    def _given(self, link: ForeignLink) -> object:
        """Length that the file gives; None for none."""
        named = self._named(link.attributes)
        said = [key for key in named if not _empty(link.attributes[key])]
        self.keys.update(named)
        if not said:
            return None
        for key in said:
            if isinstance(values := link.attributes[key], list | tuple):
                shown = some([str(value) for value in values])
                self.problems.append(
                    f"{link.title}: {key} has {counted(len(values), 'value')}, {shown}; give one"
                )
        found = [self._in_km(link, key) for key in said]
        if len({number_of(km) for km in found}) > 1:
            texts = " and ".join(f"{key} = {link.attributes[key]}" for key in said)
            self.problems.append(
                f"{link.title}: has several lengths, {texts}; network.length_key names the one "
                "that counts"
            )
        return found[0]

    def _in_km(self, link: ForeignLink, key: str) -> object:
        value = link.attributes[key]
        units: dict[str, str] = {}
        written = WRITTEN.fullmatch(value.strip()) if isinstance(value, str) else None
        if written:
            self._note_unit(units, f"{value.strip()!r}", written[2], link)
            value = written[1]
        in_name = unit_in_name(key)
        if in_name is None and self.table.length_unit is None:
            in_name = self._last_unit(link, key)
        for where in (link.attributes, self.graph.attributes):
            for name, text in where.items():
                if name.casefold() in self.ignored or not is_unit_key(name, key) or _empty(text):
                    continue
                # beside a length with its unit, a bare unit may be that of something else
                if unit_of(text) is None and is_bare_unit(name) and (units or in_name):
                    continue
                self._note_unit(units, f"{name} = {text!r}", text, link, name)
                self.keys.add(name)
        if in_name is not None:
            units[in_name] = f"the name {key}"
        if self.table.length_unit is not None:
            units[self.table.length_unit] = f'network.length_unit = "{self.table.length_unit}"'
        if len(units) > 1:
            text = f"{link.title}: the length is in {' and in '.join(units)}, by "
            self.problems.append(
                text + f"{' and '.join(units.values())}; one of them is wrong (network.ignore "
                "leaves attributes out)"
            )
        self.sure = self.sure or bool(units)
        unit = next(iter(units), "km")
        return value if unit == "km" else _converted(value, UNITS[unit])

    def _last_unit(self, link: ForeignLink, key: str) -> str | None:
        """The unit with which the name of a length ends."""
        unit, strange = last_unit(key)
        if strange:
            self.problems.append(
                f"{link.title}: the name {key} ends in a unit that is not read ({strange}); give "
                "lengths in m, km or mi, or say by network.length_unit in which of them they are"
            )
        return unit

    def _note_unit(
        self, units: dict[str, str], source: str, text: object, link: ForeignLink, name: str = ""
    ) -> None:
        unit = unit_of(text)
        if unit is None:
            how = f'; network.ignore = ["{name}"] if it is not that of the length' if name else ""
            self.problems.append(
                f"{link.title}: the unit {str(text)[:40]!r} of a length is not known; "
                f"allowed: m, km, mi{how}"
            )
            return
        units.setdefault(unit, source)

    def _refuse_unlikely(self, found: Sequence[object]) -> None:
        """Refuse lengths that are no km by far, where the file does not give their unit."""
        numbers = [(i, number_of(km)) for i, km in enumerate(found)]
        known = [(i, km) for i, km in numbers if km is not None and 0 < km < math.inf]
        if self.sure or not known:
            return
        remedy = 'network.length_unit says which it is ("m", "km" or "mi")'
        far = [self.graph.links[i].title for i, km in known if km > HALFWAY_KM]
        given = [(self.graph.links[i], km) for i, km in known]
        factor = times_the_distance(given, self._apart)
        if factor is None:
            factor = 1.0
            if seem_metres(given, self.nodes):
                text = "the lengths are metres, if x and y of the nodes are degrees"
                raise TopologyError([f"{self.graph.name}: {text}; {remedy}"])
        if factor > UNLIKELY or (factor < 1 / UNLIKELY and not self._drawn_to_scale(known)):
            text = f"the lengths are {factor:.3g} times the distances by the coordinates"
            raise TopologyError([f"{self.graph.name}: {text}, so they are not in km; {remedy}"])
        if far:
            text = f"longer than half the way around the earth, if they are in km: {some(far)}"
            raise TopologyError(
                [f"{self.graph.name}: {counted(len(far), 'fibre')} {text}; {remedy}"]
            )

    def _drawn_to_scale(self, known: Sequence[tuple[int, float]]) -> bool:
        """Whether the coordinates are no degrees: lengths are distances in their plane."""
        pairs = [(km, self._plane(self.graph.links[i])) for i, km in known]
        ratios = [km / apart for km, apart in pairs if apart]
        return bool(ratios) and 0.5 < median(ratios) < 2

    def _apart(self, link: ForeignLink) -> float | None:
        """Distance of the ends by their degrees."""
        ends = [self.places.get(end) for end in (link.source, link.target)]
        a, b = ends
        if a is None or b is None or a.longitude is None or b.longitude is None:
            return None
        return great_circle_km(a, b)

    def _refuse_needless(self, found: Sequence[object], missing: Sequence[int]) -> None:
        if missing or not found:
            return
        keys = ", ".join(f'"{key}"' for key in sorted(self.keys) if not is_unit_key(key))
        text = f"every link has a length ({keys}), so network.coordinates has nothing to do"
        raise TopologyError(
            [f"{self.graph.name}: {text}; leave it out, or set network.ignore = [{keys}]"]
        )

    def _measure(self, found: list[object], missing: Sequence[int]) -> list[int]:
        """Lengths from coordinates; returns the links that still have none."""
        left = []
        circle = self.table.coordinates == "great_circle"
        for i in missing:
            link = self.graph.links[i]
            apart = self._apart(link) if circle else self._plane(link)
            if apart is None:
                left.append(i)
            else:
                # to the metre: coordinates say no more
                found[i] = round(apart * self.table.route_factor, 3)
        count = counted(len(missing) - len(left), "length")
        how = "by great circle" if circle else "in the plane"
        factor = f", times {self.table.route_factor:g}" if self.table.route_factor != 1 else ""
        self.asked.append(f"{count} {how}{factor}")
        named = {key for node in self.nodes.values() for key in node.attributes}
        if circle and (pairs := sorted(named & set(PAIR_KEYS))):
            self.asked.append(f"{' and '.join(pairs)} of nodes taken as longitude, latitude")
        return left

    def _plane(self, link: ForeignLink) -> float | None:
        ends = [self.nodes.get(end) for end in (link.source, link.target)]
        points = [point_of(node) if node is not None else None for node in ends]
        a, b = points
        return None if a is None or b is None else math.dist(a, b)

    def _fill(self, found: list[object], missing: Sequence[int]) -> None:
        rest = self.table.missing_length
        if not missing:
            return
        titles = [f"{self.graph.links[i].source}–{self.graph.links[i].target}" for i in missing]
        if rest is None:
            self._refuse_missing(missing, len(found))
        elif rest == "drop":
            self.asked.append(
                f"{counted(len(missing), 'link')} without a length dropped: {some(titles)}"
            )
        else:
            for i in missing:
                found[i] = rest
            self.asked.append(
                f"{rest:g} km for {counted(len(missing), 'link')} without a length: {some(titles)}"
            )

    def _refuse_missing(self, missing: Sequence[int], count: int) -> None:
        graph, table = self.graph, self.table
        links = [graph.links[i] for i in missing]
        ends = {end: None for link in links for end in (link.source, link.target)}
        unplaced = [
            end for end in ends if (p := self.places.get(end)) is None or p.longitude is None
        ]
        problems = [f"{link.title}: the length is missing" for link in links]
        rest = "network.missing_length = 100.0 gives such links a length"
        if len(missing) == count and count > 3:
            names = " or ".join(self._wanted())
            problems = [f"{graph.name}: the length is missing: no link has one under {names}"]
        elif len(missing) < count:
            rest += ', and network.missing_length = "drop" leaves them out'
        if table.coordinates is not None:
            remedy = f"{counted(len(unplaced), 'node has', 'nodes have')} no coordinates: "
            refuse(problems, f"{remedy}{some(unplaced)}; {rest}", graph.name)
        remedies = []
        if others := self._numeric(links):
            likely = f' = "{others[0]}"' if _LIKELY.search(others[0].casefold()) else ""
            text = f"links have {some(others, 12)}; network.length_key{likely} names the length"
            remedies.append(text)
        if len(unplaced) < len(ends):
            text = 'network.coordinates = "great_circle" measures the distances of the ends'
            lacking = f" ({some(unplaced)} have no coordinates)" if unplaced else ""
            remedies.append(text + lacking)
        elif any(point_of(node) for node in self.nodes.values()):
            text = 'network.coordinates = "plane" measures distances in the drawing, in units of '
            remedies.append(f"{text}network.route_factor km")
        refuse(problems, "; ".join([*remedies, rest]), graph.name)

    def _numeric(self, links: Sequence[ForeignLink]) -> list[str]:
        """Attributes that are numbers and might be lengths, the likeliest first."""
        found = {k: None for link in links for k, v in link.attributes.items() if _may_be(v)}
        known = self.graph.silence.traffic | self.graph.silence.drawn | {"id", "key"}
        return sorted(
            (k for k in found if k.casefold() not in known and not _ELSE.search(k.casefold())),
            key=lambda key: not _LIKELY.search(key.casefold()),
        )

    def _wanted(self) -> tuple[str, ...]:
        return LENGTH_KEYS if self.table.length_key is None else (self.table.length_key,)

    def _raise_short(self, found: list[object]) -> None:
        least = self.table.min_length_km
        if least is None:
            return
        short = [
            i for i, km in enumerate(found) if (n := number_of(km)) is not None and 0 <= n < least
        ]
        for i in short:
            found[i] = least
        if short:
            titles = [f"{self.graph.links[i].source}–{self.graph.links[i].target}" for i in short]
            self.asked.append(
                f"{counted(len(short), 'length')} raised to {least:g} km: {some(titles)}"
            )


def _empty(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _may_be(value: object) -> bool:
    """Whether a value may be a length: a number, or one with its unit."""
    written = WRITTEN.fullmatch(value.strip()) if isinstance(value, str) else None
    return bool(number_of(value)) or (written is not None and unit_of(written[2]) is not None)


def _converted(value: object, km: Decimal) -> object:
    """A length in km; what is no number stays, to be shown."""
    if isinstance(value, bool):
        return value
    try:
        return float(Decimal(str(value).strip()) * km)
    except (ArithmeticError, ValueError):
        return value
