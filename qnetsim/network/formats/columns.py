"""CSV: one link on a line, columns by name in any order."""

from __future__ import annotations

from qnetsim.csv_rows import read_csv
from qnetsim.errors import CsvError, TopologyError
from qnetsim.network.formats.distances import number_of
from qnetsim.network.formats.ends import find_ends
from qnetsim.network.formats.foreign import ForeignGraph, ForeignLink


def from_csv(name: str, text: str, ends: tuple[str, str] | None = None) -> ForeignGraph:
    """Read the text of a CSV file.

    Parameters
    ----------
    name, text : str
    ends : tuple of (str, str), optional
        Columns of both ends; without it the usual names.

    Raises
    ------
    TopologyError
        Naming the lines that are wrong.
    """
    try:
        table = read_csv(name, text)

        def find(column: str) -> str | None:
            place = table.find(column)
            return None if place is None else table.header[place]

        known = [column for column in table.header if column]
        where = f"{name}:{table.header_line}"
        beside = [number_of(column) for column in known[2:]]
        if ends is None and beside and None not in beside:
            raise TopologyError(
                [
                    f"{where}: seems to be a link, {' '.join(known[:3])}; write a header above it, "
                    f"as source,target,length_km; if it is one, network.ends = "
                    f'["{known[0]}", "{known[1]}"] says so'
                ]
            )
        both = find_ends(where, known, find, ends)
    except CsvError as error:
        raise TopologyError(list(error.problems)) from None
    places = [table.header.index(column) for column in both]
    more = [(i, column) for i, column in enumerate(table.header) if i not in places]
    links = []
    for number, cells in enumerate(table.rows):
        given = {column or f"column {i + 1}": cells[i] for i, column in more}
        source, target = (cells[place] for place in places)
        links.append(ForeignLink(source, target, table.where(number), given, given.get("id", "")))
    return ForeignGraph(name, tuple(links))
