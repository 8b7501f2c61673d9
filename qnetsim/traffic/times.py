"""Times of foreign demand: ISO 8601 or seconds, as whole nanoseconds."""

from __future__ import annotations

import math
import re
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
_GRANULARITY = re.compile(r"(\d{1,6})\s*(s|sec|min|h|hour|day)s?", re.IGNORECASE)
_SECONDS = {"s": 1, "sec": 1, "min": 60, "h": 3600, "hour": 3600, "day": 86400}
_START = datetime(1970, 1, 1, tzinfo=UTC)


def time_of(text: str) -> int | str:
    """Nanoseconds of a time, or what is wrong with it.

    Parameters
    ----------
    text : str
        Seconds, or ISO 8601; without an offset it is UTC.
    """
    try:
        seconds = float(text)
    except ValueError:
        return _of_iso(text)
    if "_" in text or not math.isfinite(seconds) or abs(seconds) > MOST_S:
        return f"{text!r} is not a time; give seconds up to {MOST_S:,}, or ISO 8601"
    return round(exact(seconds) * TICKS_PER_SECOND)


def _of_iso(text: str) -> int | str:
    try:
        found = datetime.fromisoformat(text)
        if found.tzinfo is None:
            found = found.replace(tzinfo=UTC)
        since = found - _START
    except (ValueError, OverflowError):
        return f"{text!r} is not a time; give seconds, or ISO 8601 such as 2004-03-01T00:05:00Z"
    nanoseconds = (since // timedelta(microseconds=1)) * 1000
    if abs(nanoseconds) > MOST_S * TICKS_PER_SECOND:
        return f"{text!r} is too far from today"
    return nanoseconds


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
