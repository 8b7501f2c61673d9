"""An error ahead of the first slot leaves nothing, or what was there before."""

from __future__ import annotations

from pathlib import Path

import pytest

from qnetsim.errors import PolicyError
from qnetsim.policies import Policy
from qnetsim.policies.base import Decision, Observation, Setting
from qnetsim.replay.replay import replay
from qnetsim.replay.replay_batch import replay_policies
from qnetsim.runs.batch import run_policies
from qnetsim.runs.simulate import simulate
from tests.support.helpers import nsfnet

SPEC = nsfnet(run__slots="20", run__replications="2")


class FailsToPrepare(Policy):
    """Fails as soon as it is told the setting."""

    def prepare(self, setting: Setting, plan: object) -> None:
        raise RuntimeError("no table")

    def decide(self, observation: Observation) -> Decision:
        raise AssertionError


class FailsToDecide(Policy):
    """Fails at the first decision."""

    def decide(self, observation: Observation) -> Decision:
        raise RuntimeError("no idea")


FAILING = pytest.mark.parametrize("policy", [FailsToPrepare, FailsToDecide])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulate(SPEC, "random", tmp_path_factory.mktemp("whole") / "random-r000.h5")


@FAILING
def test_a_run_leaves_no_file_and_no_folder(policy: type[Policy], tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="policy Fails"):
        simulate(SPEC, policy, tmp_path / "new" / "folder" / "t.h5")
    assert not list(tmp_path.iterdir())


@FAILING
def test_a_run_by_force_leaves_what_was_there(
    policy: type[Policy], whole: Path, tmp_path: Path
) -> None:
    path = tmp_path / "t.h5"
    path.write_bytes(whole.read_bytes())
    with pytest.raises(PolicyError):
        simulate(SPEC, policy, path, force=True)
    assert path.read_bytes() == whole.read_bytes()
    assert [p.name for p in tmp_path.iterdir()] == ["t.h5"]


@FAILING
@pytest.mark.parametrize("workers", [1, 2])
def test_a_comparison_leaves_nothing(policy: type[Policy], workers: int, tmp_path: Path) -> None:
    with pytest.raises(PolicyError):
        run_policies(SPEC, [policy], tmp_path / "new" / "folder", workers=workers)
    assert not list(tmp_path.iterdir())


@FAILING
def test_a_comparison_keeps_what_it_finished(policy: type[Policy], tmp_path: Path) -> None:
    with pytest.raises(PolicyError):
        run_policies(SPEC, ["random", policy], tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"comparison.json", "random-r000.h5"}


@FAILING
@pytest.mark.parametrize("force", [False, True])
def test_a_second_comparison_leaves_the_first(
    policy: type[Policy], force: bool, tmp_path: Path
) -> None:
    run_policies(SPEC, ["random"], tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(PolicyError):
        run_policies(SPEC, {"random" if force else "own": policy}, tmp_path, force=force)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@FAILING
def test_replays_leave_nothing(policy: type[Policy], whole: Path, tmp_path: Path) -> None:
    with pytest.raises(PolicyError):
        replay(whole, policy, tmp_path / "new" / "t.h5")
    with pytest.raises(PolicyError):
        replay_policies([whole], [policy], tmp_path / "new")
    assert not list(tmp_path.iterdir())
