"""Every topology of the topohub package reads, or says the key that mends it, and then reads."""

from __future__ import annotations

from pathlib import Path

import pytest
import topohub

from qnetsim.errors import TopologyError
from qnetsim.network.formats import read_with_notes
from qnetsim.scenario import TopologyTable

pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning"
)  # topohub leaves its data files open


def names() -> list[str]:
    data = Path(topohub.__file__).parent / "data"
    return sorted(
        path.relative_to(data).with_suffix("").as_posix() for path in data.rglob("*.json")
    )


def read_or_mended(name: str) -> str:
    """Whether a topology reads as it is, or with the key that its error names."""
    try:
        found = read_with_notes(f"topohub:{name}")
    except TopologyError as error:
        assert "network.min_length_km = 0.1" in str(error), error
        table = TopologyTable(topology=f"topohub:{name}", min_length_km=0.1)
        found = read_with_notes(table)
        assert min(found.topology.lengths_km) == 0.1
        return "mended"
    assert found.notes == ()
    return "read"


def test_a_link_of_length_zero_has_a_way_out() -> None:
    ends = {name: read_or_mended(name) for name in names() if name.startswith("topozoo/A")}
    assert set(ends.values()) == {"read", "mended"}


@pytest.mark.slow
def test_every_name_reads_or_is_mended() -> None:
    found = names()
    ends = [read_or_mended(name) for name in found]
    assert len(found) >= 700
    assert ends.count("read") > 0.8 * len(found)
