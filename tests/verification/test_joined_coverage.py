"""Hundreds of random configurations by the path of long runs: ``make verify``."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.support.joined_runs import compare_paths

pytestmark = pytest.mark.slow

CONFIGURATIONS = 300


def test_the_path_of_long_runs_stays_in_step(tmp_path: Path) -> None:
    happened: Counter[str] = Counter()
    wrong = {}
    for seed in range(CONFIGURATIONS):
        try:
            found = compare_paths(seed, tmp_path)
        except AssertionError as error:
            wrong[seed] = str(error)
        else:
            happened.update({what: int(count > 0) for what, count in found.items()})
    assert not wrong
    assert min(happened.values()) >= CONFIGURATIONS // 20, happened
