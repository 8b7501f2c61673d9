"""Read a table of key rates over distance."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path

from qnetsim.errors import UsageError
from qnetsim.input_files import read_text_input

#: Longest rate table that is read.
MOST_TABLE_BYTES = 2**26
HEADER = ["distance_km", "rate_bps"]
Points = tuple[tuple[float, float], ...]


def read_rate_table(path: Path) -> Points:
    """Read a CSV file of key rates.

    Parameters
    ----------
    path : Path
        With the header ``distance_km,rate_bps``; lines that start with ``#`` are left out.

    Returns
    -------
    tuple of (float, float)
        Distance in km and rate in bit/s, as they stand in the file.

    Raises
    ------
    ValueError
        Saying which line is wrong, and what is allowed.
    """
    try:
        text = read_text_input(path, "rate table", MOST_TABLE_BYTES)
    except UsageError as error:
        raise ValueError(str(error)) from None
    points: list[tuple[float, float]] = []
    header: list[str] | None = None
    try:
        for number, row in enumerate(csv.reader(io.StringIO(text)), 1):
            cells = [cell.strip() for cell in row]
            if not any(cells) or cells[0].startswith("#"):
                continue
            if header is None:
                header = cells
                if header != HEADER:
                    raise ValueError(
                        f"{path}:{number}: the header is {','.join(header)!r}; "
                        f"it must be {','.join(HEADER)!r}"
                    )
                continue
            points.append(_point(path, number, cells))
    except csv.Error as error:
        raise ValueError(f"{path}: is not CSV: {error}") from None
    if header is None:
        raise ValueError(f"{path}: is empty; give the header {','.join(HEADER)} and the points")
    return tuple(points)


def _point(path: Path, number: int, cells: list[str]) -> tuple[float, float]:
    try:
        distance, rate = map(float, cells)
    except ValueError:
        raise ValueError(
            f"{path}:{number}: {','.join(cells)!r} is not two numbers, a distance in km and a rate "
            "in bit/s"
        ) from None
    if not (math.isfinite(distance) and math.isfinite(rate)):
        raise ValueError(f"{path}:{number}: the numbers must be finite")
    return distance, rate
