"""Random configurations come to the same digest by joined and long chunks as block by block."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.joined_runs import compare_paths


@pytest.mark.parametrize("seed", range(4))
def test_joined_chunks_give_the_digest_of_the_plain_path(seed: int, tmp_path: Path) -> None:
    compare_paths(seed, tmp_path, blocks=2)
