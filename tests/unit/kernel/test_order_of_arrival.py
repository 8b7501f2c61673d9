"""The order in which requests come, as the key managers take it out of a world."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from qnetsim.kernel.serving.intervals import ChunkRows, Interval
from qnetsim.recycled import Recycled
from qnetsim.world.realisation import WorldChunk
from tests.support.lines import line_case

#: Nobody has a place of his own: all come together.
TOGETHER: list[list[int]] = []


def interval(folder: Path, classes: tuple[int, ...], **world: np.ndarray) -> Interval:
    case = line_case(folder, pairs='["a", "c"], ["a", "c"], ["a", "c"]')
    forecast = dataclasses.replace(case.forecast, classes=classes)
    chunk = WorldChunk(4, np.zeros((2, 1), dtype=np.int16), **world)
    ones = np.ones((1, 3), dtype=np.int64)
    return ChunkRows(chunk, case.network, forecast, Recycled()).interval(5, 6, ones, ones)


@pytest.mark.parametrize(
    ("classes", "order"), [((), TOGETHER), ((0, 0, 0), TOGETHER), ((1, 0, 1), [[1, 0, 2]])]
)
def test_urgent_sessions_come_first(
    tmp_path: Path, classes: tuple[int, ...], order: list[list[int]]
) -> None:
    found = interval(tmp_path, classes, holding=np.full((2, 3), 2))
    assert found.order.tolist() == order
    assert found.offset.tolist() == [[0, 0, 0] for _ in order]
    assert interval(tmp_path, classes).order.tolist() == TOGETHER


@pytest.mark.parametrize(
    ("classes", "order"), [((), [[1, 0, 2]]), ((1, 1, 0), [[1, 2, 0]]), ((0, 2, 1), [[1, 0, 2]])]
)
def test_at_one_instant_the_urgent_come_first(
    tmp_path: Path, classes: tuple[int, ...], order: list[list[int]]
) -> None:
    arrivals = np.array([[0, 0, 0], [5, 4, 5]])
    found = interval(tmp_path, classes, arrivals=arrivals)
    assert found.order.tolist() == order
    assert found.offset.tolist() == [[4, 5, 5]]
