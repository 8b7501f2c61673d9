"""The thread that writes behind the simulation never ends without a word."""

from __future__ import annotations

import pytest

from qnetsim.trace.hdf5.write_behind import WriteBehind


def test_whatever_goes_wrong_behind_the_simulation_is_told() -> None:
    """Memory may end anywhere, and not only while something is written."""
    asked = []

    def size(item: int) -> int:
        asked.append(item)
        if len(asked) > 1:
            raise MemoryError
        return 1

    with pytest.raises(MemoryError), WriteBehind(lambda _: None, size) as behind:
        behind.put(0)
