"""Read a table of key rates over distance."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path

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
        text = path.read_text("utf-8-sig")
    except FileNotFoundError:
        raise ValueError(f"{path}: no such rate table") from None
    except IsADirectoryError:
        raise ValueError(f"{path}: is a folder; give the path of a .csv file") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path}: is not UTF-8 text") from None
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ValueError(f"{str(path)!r} is not a path: {error}") from None
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
