"""The array kernel equals the event-per-request reference, configuration by configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.random_cases import compare


@pytest.mark.parametrize("seed", range(40))
def test_kernel_equals_the_reference(seed: int, tmp_path: Path) -> None:
    compare(seed, tmp_path)


@pytest.mark.parametrize("seed", range(100, 116))
def test_kernel_equals_the_reference_over_parallel_fibres(seed: int, tmp_path: Path) -> None:
    compare(seed, tmp_path, twins=True)


def test_the_configurations_exercise_everything(tmp_path: Path) -> None:
    happened: dict[str, int] = {}
    for seed in range(40):
        for what, count in compare(seed, tmp_path).items():
            happened[what] = happened.get(what, 0) + count
    assert all(count > 0 for count in happened.values()), happened
