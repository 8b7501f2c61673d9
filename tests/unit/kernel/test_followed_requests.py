"""Which requests are followed: all, those that were lost, or a sample that no policy changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qnetsim.kernel import key_managers, request_log
from qnetsim.kernel.followed_requests import SAMPLE_SLOTS, FollowedRequests
from tests.support.followed import told
from tests.support.followed_runs import a_run
from tests.support.helpers import run
from tests.support.random_cases import following

LOST = {"blocked", "interrupted"}


@pytest.mark.parametrize("kernel", ["numba", "numpy", "loop"])
@pytest.mark.parametrize("seed", [3, 8, 11, 17])
def test_lost_and_sampled_requests_are_those_among_all(
    seed: int, kernel: str, tmp_path: Path
) -> None:
    case, policy, _ = a_run(seed, tmp_path, requests="all")
    everybody = told(run(case, policy, kernel=kernel))
    lost = told(run(following(case, requests="blocked"), policy, kernel=kernel))
    assert lost == [row for row in everybody if row["fate"] in LOST]
    sample = following(case, requests="sample", requests_sample=0.4)
    drawn = told(run(sample, policy, kernel=kernel))
    chosen = FollowedRequests("sample", 0.4, case.scenario.run.seed, 0)
    names = np.array([[row["arrival_slot"], row["request"]] for row in everybody]).T
    kept = chosen.sampled(names[0], names[1], case.forecast.requests)
    assert drawn == [row for row, is_in in zip(everybody, kept, strict=True) if is_in]
    assert 0 < len(drawn) < len(everybody)


def test_few_slots_at_once_and_little_room_change_no_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case, policy, _ = a_run(8, tmp_path, requests="all")
    found = told(run(case, policy, kernel="loop"))
    monkeypatch.setattr(key_managers, "FIRST_ROWS", 1)
    assert request_log.NOTE_ROWS > 1
    monkeypatch.setattr(request_log, "NOTE_ROWS", 1)
    for kernel in ("numba", "numpy", "loop"):
        assert told(run(case, policy, kernel=kernel)) == found


def test_a_run_that_follows_nobody_notes_nothing(tmp_path: Path) -> None:
    case, policy, _ = a_run(8, tmp_path, requests="none")
    result = run(case, policy, kernel="loop")
    managers = result.simulation.managers
    assert managers.request_log is None
    assert managers.state.notes.size == 0
    assert not result.requests and "entries" not in result.columns


def test_the_sample_is_the_same_in_any_order_and_of_its_share() -> None:
    chosen = FollowedRequests("sample", 0.25, 7, 3)
    slots = np.repeat(np.arange(3 * SAMPLE_SLOTS), 20)
    numbers = np.tile(np.arange(20), 3 * SAMPLE_SLOTS)
    found = chosen.sampled(slots, numbers, 20)
    assert found.mean() == pytest.approx(0.25, abs=0.01)
    order = np.random.default_rng(1).permutation(len(slots))
    assert (chosen.sampled(slots[order], numbers[order], 20) == found[order]).all()
    for other in (FollowedRequests("sample", 0.25, 7, 4), FollowedRequests("sample", 0.25, 8, 3)):
        assert (other.sampled(slots, numbers, 20) != found).any()
