"""Where a node stands on the earth, and what its place is called: for maps, never for a result."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

#: Names under which files give a node's place, in this order, whatever their case.
LONGITUDE_KEYS = ("longitude", "lon", "lng", "long")
LATITUDE_KEYS = ("latitude", "lat")
#: Names of pairs of longitude and latitude.
PAIR_KEYS = ("pos", "coordinates", "coords")
NAME_KEYS = ("name", "label")
#: Longest name of a place that is kept, in characters.
LONGEST_NAME = 100


@dataclass(frozen=True)
class Location:
    """What a topology says of the place of a node.

    Attributes
    ----------
    name : str or None
        Where it differs from the node's own.
    longitude, latitude : float or None
        In degrees; both or none.
    """

    name: str | None = None
    longitude: float | None = None
    latitude: float | None = None

    @property
    def known(self) -> bool:
        """Whether it says anything."""
        return self.name is not None or self.longitude is not None

    @classmethod
    def read(cls, node: str, attributes: Mapping[str, Any]) -> Location:
        """Location in the attributes of a node in a file.

        Coordinates that are no degrees are none: many files draw their nodes in a plane.
        """
        keys = {str(key).lower(): value for key, value in attributes.items()}
        name = next((keys[key] for key in NAME_KEYS if key in keys), None)
        position = next((keys[key] for key in PAIR_KEYS if key in keys), None)
        if isinstance(position, list | tuple) and len(position) == 2:
            longitude, latitude = position
        else:
            longitude = next((keys[key] for key in LONGITUDE_KEYS if key in keys), None)
            latitude = next((keys[key] for key in LATITUDE_KEYS if key in keys), None)
        placed = _degrees(longitude, 180), _degrees(latitude, 90)
        if None in placed:
            placed = None, None
        named = isinstance(name, str) and 0 < len(name) <= LONGEST_NAME and name != node
        return cls(str(name) if named else None, *placed)

    @classmethod
    def stored(cls, value: Any) -> Location:
        """Location in the provenance of a trace.

        Raises
        ------
        ValueError
            It is none.
        """
        if not isinstance(value, dict) or value.keys() - {"name", "longitude", "latitude"}:
            raise ValueError(f"{str(value)[:60]!r} is no location")
        name = value.get("name")
        if name is not None and not (isinstance(name, str) and 0 < len(name) <= LONGEST_NAME):
            raise ValueError(f"name is {str(name)[:60]!r}, not a short text")
        placed = value.get("longitude"), value.get("latitude")
        degrees = _degrees(placed[0], 180), _degrees(placed[1], 90)
        if degrees != placed or (placed[0] is None) != (placed[1] is None):
            raise ValueError(f"{str(placed)[:60]} are not a longitude and a latitude")
        return cls(name, *degrees)

    def as_table(self) -> dict[str, str | float]:
        """What is known, for the provenance of a trace."""
        return {key: value for key, value in asdict(self).items() if value is not None}


def _degrees(value: Any, most: int) -> float | None:
    """A number of degrees; None for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) and abs(found) <= most else None


def node_titles(nodes: Sequence[str], locations: Sequence[Location]) -> tuple[str, ...]:
    """What nodes are called where people read it: labels, beside the id where one is no name alone.

    Parameters
    ----------
    nodes : sequence of str
        Ids.
    locations : sequence of Location
        Of each node; empty where nothing is known of any.
    """
    if not any(place.name for place in locations):
        return tuple(nodes)
    names = [place.name or node for node, place in zip(nodes, locations, strict=True)]
    pairs = list(zip(nodes, names, strict=True))
    borne = Counter([*names, *(node for node, name in pairs if node != name)])
    return tuple(
        name if name == node or borne[name] == 1 else f"{name} ({node})" for node, name in pairs
    )
