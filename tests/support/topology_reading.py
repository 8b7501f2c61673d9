"""Short ways to read a topology from a text, or to see it refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from qnetsim.errors import TopologyError
from qnetsim.network.formats import ReadTopology, read_with_notes
from qnetsim.scenario import TopologyTable


def read(folder: Path, name: str, text: str, **keys: object) -> ReadTopology:
    """Read a text as a file of this name."""
    path = folder / name
    path.write_text(text, "utf-8")
    return read_with_notes(TopologyTable.model_validate({"topology": str(path), **keys}))


def refused(folder: Path, name: str, text: str, *parts: str, **keys: object) -> None:
    """See a text refused, with all of these words."""
    with pytest.raises(TopologyError) as error:
        read(folder, name, text, **keys)
    assert all(part in str(error.value) for part in parts), str(error.value)


def fibres(found: ReadTopology) -> dict[str, float]:
    """Lengths of fibres by their names."""
    topology = found.topology
    return {topology.fibre_name(e): km for e, km in enumerate(topology.lengths_km)}
