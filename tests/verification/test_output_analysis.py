"""Intervals cover a mean that is known as often as they say."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.output_analysis import STUDIES, blocked_share, coverages


@pytest.mark.slow
def test_intervals_cover_the_mean_of_a_chain(tmp_path: Path) -> None:
    assert STUDIES == 200
    replicated, replicated_whole, batched, _ = coverages(tmp_path)
    for found in (replicated, batched):
        assert 0.90 <= found.share <= 0.99, found
        assert found.cut > 0
    # stores that start empty bias what is not cut
    known = blocked_share()
    assert replicated_whole.estimate > 1.15 * known
    assert abs(replicated.estimate - known) < 0.25 * abs(replicated_whole.estimate - known)
    assert replicated_whole.share < replicated.share
