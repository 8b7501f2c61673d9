"""Times of foreign demand: ISO 8601 or seconds, as whole nanoseconds."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from qnetsim.units import TICKS_PER_SECOND, exact

#: Latest time in seconds; what is later counts in something else.
MOST_S = 9 * 10**9
#: Seconds from which a number is taken for one since 1970, not since the start of the file.
EPOCH_S = 10**8
#: Times as SNDlib, TOTEM and others write them into names of files and into META sections.
_STAMP = re.compile(
    r"(?<!\d)((?:19|20)\d\d)-?(0[1-9]|1[0-2])-?(0[1-9]|[12]\d|3[01])"
    r"[-_T ]?([01]\d|2[0-3])[-:_]?([0-5]\d)(?!\d)"
)
_DAY = re.compile(r"((?:19|20)\d\d)-?(0[1-9]|1[0-2])(?:-?(0[1-9]|[12]\d|3[01]))?")
#: Dates and times without a sign between their parts; seconds since 1970 have ten digits.
COMPACT_DATE = re.compile(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])")
_COMPACT_TIME = re.compile(COMPACT_DATE.pattern + r"(?:[01]\d|2[0-3])[0-5]\d(?:[0-5]\d)?")
_SLASHES = re.compile(r"(\d{4})/(\d{1,2})/(\d{1,2})(?=$|[ T])")
#: Milliseconds since 1970, which have thirteen digits from 2001 to 2286.
MILLISECONDS = re.compile(r"[1-9]\d{12}")
_GRANULARITY = re.compile(r"(\d{1,6})\s*(s|sec|min|h|hour|day)s?", re.IGNORECASE)
_SECONDS = {"s": 1, "sec": 1, "min": 60, "h": 3600, "hour": 3600, "day": 86400}
_START = datetime(1970, 1, 1, tzinfo=UTC)


def time_of(text: str) -> int | str:
    """Nanoseconds of a time, or what is wrong with it.

    Parameters
    ----------
    text : str
        Seconds, ISO 8601 with ``-`` or ``/``, 12 or 14 digits of a date and time, or 13 of
        milliseconds since 1970; without an offset it is UTC.
    """
    if MILLISECONDS.fullmatch(text):
        return int(text) * (TICKS_PER_SECOND // 1000)
    if _COMPACT_TIME.fullmatch(text):
        return _of_iso(f"{text[:8]}T{text[8:]}")
    try:
        seconds = float(text)
    except ValueError:
        return _of_iso(text)
    if "_" in text or not math.isfinite(seconds) or abs(seconds) > MOST_S:
        return f"{text!r} is not a time; give seconds up to {MOST_S:,}, or ISO 8601"
    return round(exact(seconds) * TICKS_PER_SECOND)


def _of_iso(text: str) -> int | str:
    try:
        found = datetime.fromisoformat(_SLASHES.sub(_with_hyphens, text))
        if found.tzinfo is None:
            found = found.replace(tzinfo=UTC)
        since = found - _START
    except (ValueError, OverflowError):
        return f"{text!r} is not a time; give seconds, or ISO 8601 such as 2004-03-01T00:05:00Z"
    nanoseconds = (since // timedelta(microseconds=1)) * 1000
    if abs(nanoseconds) > MOST_S * TICKS_PER_SECOND:
        return f"{text!r} is too far from today"
    return nanoseconds


def _with_hyphens(date: re.Match[str]) -> str:
    return f"{date[1]}-{int(date[2]):02}-{int(date[3]):02}"


def date_of(text: str) -> int | str:
    """As :func:`time_of`, where eight digits are a date: ``20040301``."""
    return _of_iso(text) if COMPACT_DATE.fullmatch(text) else time_of(text)


def reader_of(texts: Iterable[str]) -> Callable[[str], int | str]:
    """What reads the times of a column: eight digits are dates where all of them are."""
    return date_of if all(map(COMPACT_DATE.fullmatch, texts)) else time_of


def stamp_in(text: str) -> int | None:
    """Nanoseconds of the only time that stands in a text, such as the name of a file."""
    found = _STAMP.findall(text)
    if len(found) != 1:
        return None
    try:
        time = datetime(*map(int, found[0]), tzinfo=UTC)  # type: ignore[misc, arg-type]
    except ValueError:
        return None
    return int((time - _START).total_seconds()) * TICKS_PER_SECOND


def day_or_month(text: str) -> tuple[int | None, int | None]:
    """Nanoseconds of a date (``20050201``), or the number of a month (``200502``)."""
    found = _DAY.fullmatch(text.strip())
    if found is None:
        return None, None
    year, month = int(found[1]), int(found[2])
    if found[3] is None:
        return None, year * 12 + month
    time = _of_iso(f"{year:04}-{month:02}-{int(found[3]):02}")
    return (time, None) if isinstance(time, int) else (None, None)


def granularity_s(text: str) -> float:
    """Seconds of ``5min`` or ``1day``; zero where it is none of a fixed length."""
    found = _GRANULARITY.fullmatch(text.strip())
    return float(int(found[1]) * _SECONDS[found[2].lower()]) if found else 0.0


def shown_time(nanoseconds: int) -> str:
    """A time as text."""
    seconds, rest = divmod(nanoseconds, TICKS_PER_SECOND)
    if seconds < EPOCH_S:
        return f"{nanoseconds / TICKS_PER_SECOND:g} s"
    text = (_START + timedelta(seconds=seconds, microseconds=rest // 1000)).isoformat()
    return text.replace("+00:00", "Z")
