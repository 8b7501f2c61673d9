"""The array kernel equals the event-per-request reference, configuration by configuration."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path

import pytest

from tests.support.random_cases import compare

SEEDS = range(40)


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], dict[str, int]]:
    """Compare the configuration of a seed, once, and say what happened in it."""
    return lru_cache(maxsize=None)(partial(compare, folder=tmp_path_factory.mktemp("cases")))


@pytest.mark.parametrize("seed", SEEDS)
def test_kernel_equals_the_reference(seed: int, compared: Callable[[int], dict[str, int]]) -> None:
    compared(seed)


@pytest.mark.parametrize("seed", range(100, 116))
def test_kernel_equals_the_reference_over_parallel_fibres(seed: int, tmp_path: Path) -> None:
    compare(seed, tmp_path, twins=True)


def test_the_configurations_exercise_everything(
    compared: Callable[[int], dict[str, int]],
) -> None:
    happened: dict[str, int] = {}
    for seed in SEEDS:
        for what, count in compared(seed).items():
            happened[what] = happened.get(what, 0) + count
    assert all(count > 0 for count in happened.values()), happened
