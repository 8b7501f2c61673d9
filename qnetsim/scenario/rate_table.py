"""Read a table of key rates over distance."""

from __future__ import annotations

import math
from pathlib import Path

from qnetsim.csv_rows import read_csv
from qnetsim.errors import CsvError, UsageError
from qnetsim.input_files import read_text_input

#: Longest rate table that is read.
MOST_TABLE_BYTES = 2**26
COLUMNS = ("distance_km", "rate_bps")
Points = tuple[tuple[float, float], ...]


def read_rate_table(path: Path) -> Points:
    """Read a CSV file of key rates.

    Parameters
    ----------
    path : Path
        With the columns ``distance_km`` and ``rate_bps``.

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
        table = read_csv(str(path), read_text_input(path, "rate table", MOST_TABLE_BYTES), COLUMNS)
    except (UsageError, CsvError) as error:
        raise ValueError(str(error)) from None
    further = table.further(COLUMNS)
    if further:
        raise ValueError(
            f"{path}:{table.header_line}: {', '.join(map(repr, further))} is not used; the columns "
            f"are {' and '.join(COLUMNS)}; remove the others"
        )
    places = table.find_all(COLUMNS)
    return tuple(
        _point(table.where(i), [cells[place] for place in places])
        for i, cells in enumerate(table.rows)
    )


def _point(where: str, cells: list[str]) -> tuple[float, float]:
    try:
        distance, rate = map(float, cells)
    except ValueError:
        raise ValueError(
            f"{where}: {','.join(cells)!r} is not two numbers, a distance in km and a rate in bit/s"
        ) from None
    if not (math.isfinite(distance) and math.isfinite(rate)):
        raise ValueError(f"{where}: the numbers must be finite")
    return distance, rate
