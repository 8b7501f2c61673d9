"""Units of lengths: their names, in values, in names of attributes and beside them."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache

#: Kilometres of a unit, exact.
UNITS = {"m": Decimal("0.001"), "km": Decimal(1), "mi": Decimal("1.609344")}
_SPELLED = {
    "m": r"m|met(?:er|re)s?",
    "km": r"km|kms|kilomet(?:er|re)s?",
    "mi": r"mi|miles?",
}
_WITH_UNIT = {
    unit: re.compile(
        rf"(?:(?:link|fib(?:er|re)|route|path|span)_?)?(?:length|len|dist(?:ance)?)_?(?:in_?)?(?:{text})"
    )
    for unit, text in _SPELLED.items()
}
#: Words for units that are not read, as they stand at the end of a name.
_UNREAD = frozenset(
    {"ft", "feet", "foot", "yd", "yds", "yard", "yards", "nm", "nmi", "inch", "inches", "mm", "cm"}
    | {"dm", "hm", "um", "millimetres", "millimeters", "centimetres", "centimeters", "furlongs"}
    | {"hop", "hops", "ms", "us", "ns", "sec", "secs", "seconds", "milliseconds", "minutes"}
    | {"hours", "deg", "degree", "degrees", "px", "pixel", "pixels"}
)
_BESIDE = re.compile(r"(?:(?:length|dist|distance)[_ ]?)?units?")
#: A number with its unit.
WRITTEN = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([A-Za-z]+)")


def unit_of(text: object) -> str | None:
    """The unit that a text names: m, km or mi."""
    word = str(text).strip().casefold()
    return next((u for u, spelled in _SPELLED.items() if re.fullmatch(spelled, word)), None)


@lru_cache(maxsize=1024)
def unit_in_name(key: str) -> str | None:
    """The unit in the name of an attribute that is a length, as in ``lengthInKm``."""
    name = plain_name(key)
    if name == "km":
        return "km"
    return next((unit for unit, form in _WITH_UNIT.items() if form.fullmatch(name)), None)


def name_words(name: str) -> list[str]:
    """Words of a name, in small letters: of ``lengthInKm`` length, in and km."""
    found = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_a-zA-Z]+", name)
    return [word.casefold() for word in found]


@lru_cache(maxsize=1024)
def last_unit(key: str) -> tuple[str | None, str]:
    """The unit in the last word of a name, or that word where it is a unit that is not read."""
    found = name_words(key)
    if not found:
        return None, ""
    if "nautical" in found[-2:]:
        return None, " ".join(found[-2:])
    return (None, found[-1]) if found[-1] in _UNREAD else (unit_of(found[-1]), "")


@lru_cache(maxsize=1024)
def plain_name(key: str) -> str:
    """A name in small letters, with nothing but them, digits and single underscores."""
    return re.sub(r"[^a-z0-9]+", "_", key.casefold()).strip("_")


def is_bare_unit(key: str) -> bool:
    """Whether an attribute is a unit of anything, by its name."""
    return key.strip().casefold() in {"unit", "units"}


@lru_cache(maxsize=1024)
def is_unit_key(key: str, length_key: str | None = None) -> bool:
    """Whether an attribute gives the unit of a length beside it."""
    name = key.strip().casefold()
    beside = length_key and re.fullmatch(re.escape(length_key.casefold()) + r"[_ ]?units?", name)
    return bool(beside or _BESIDE.fullmatch(name))
