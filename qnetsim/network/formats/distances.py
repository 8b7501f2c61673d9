"""Distances of nodes by what a file says of their places."""

from __future__ import annotations

import math

from qnetsim.locations import Location
from qnetsim.network.formats.foreign import ForeignNode

#: Mean radius of the earth (IUGG), and the longest way between two places on it, in km.
EARTH_KM = 6371.0088
HALFWAY_KM = math.pi * EARTH_KM


def great_circle_km(a: Location, b: Location) -> float:
    """Distance on the earth of two places with coordinates (haversine)."""
    assert None not in (a.latitude, a.longitude, b.latitude, b.longitude)
    lat = [math.radians(place.latitude or 0.0) for place in (a, b)]
    lon = [math.radians(place.longitude or 0.0) for place in (a, b)]
    half = math.sin((lat[1] - lat[0]) / 2) ** 2
    half += math.cos(lat[0]) * math.cos(lat[1]) * math.sin((lon[1] - lon[0]) / 2) ** 2
    return 2 * EARTH_KM * math.asin(math.sqrt(min(half, 1.0)))


def number_of(value: object) -> float | None:
    """A number that a file gives, as a number or a text."""
    if value is None or isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def point_of(node: ForeignNode) -> tuple[float, float] | None:
    """Where a node is drawn."""
    if node.plane is not None:
        return node.plane
    keys = {str(key).casefold(): value for key, value in node.attributes.items()}
    drawn = keys.get("pos")
    pair = (
        drawn
        if isinstance(drawn, list | tuple) and len(drawn) == 2
        else (keys.get("x"), keys.get("y"))
    )
    x, y = map(number_of, pair)
    if x is None or y is None or not (math.isfinite(x) and math.isfinite(y)):
        return None
    return x, y
