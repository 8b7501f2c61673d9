"""CSV: one link on a line, columns by name in any order."""

from __future__ import annotations

from qnetsim.csv_rows import CsvTable, read_csv
from qnetsim.errors import CsvError, TopologyError
from qnetsim.network.formats.foreign import ForeignGraph, ForeignLink

#: Names under which files give the two ends of a link, in this order.
SOURCES = ("source", "src", "from", "origin", "node1", "node_1", "node a", "a", "start", "u")
TARGETS = ("target", "dst", "to", "destination", "node2", "node_2", "node b", "b", "end", "v")


def from_csv(name: str, text: str) -> ForeignGraph:
    """Read the text of a CSV file.

    Raises
    ------
    TopologyError
        Naming the lines that are wrong.
    """
    try:
        table = read_csv(name, text)
        places = _ends(table)
    except CsvError as error:
        raise TopologyError(list(error.problems)) from None
    more = [(i, column) for i, column in enumerate(table.header) if i not in places]
    links = []
    for number, cells in enumerate(table.rows):
        given = {column or f"column {i + 1}": cells[i] for i, column in more}
        source, target = (cells[place] for place in places)
        links.append(ForeignLink(source, target, table.where(number), given, given.get("id", "")))
    return ForeignGraph(name, tuple(links))


def _ends(table: CsvTable) -> tuple[int, int]:
    """Columns of source and target."""
    for source, target in zip(SOURCES, TARGETS, strict=True):
        found = table.find(source), table.find(target)
        if found[0] is not None and found[1] is not None:
            return found[0], found[1]
    table.find_all(("source", "target", "length_km"))
    raise AssertionError
