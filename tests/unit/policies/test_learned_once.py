"""What learned policies work out once: for all agents, for all slots, for all runs."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from qnetsim.case import open_case
from qnetsim.policies.learned import features, tensor_file, weights
from qnetsim.policies.learned.model_files import MODELS
from qnetsim.policies.learned.policies import FedSAC
from qnetsim.policies.learned.weights import read_weights
from qnetsim.runs.batch import run_policies
from qnetsim.scenario import PolicyTable
from qnetsim.trace import open_trace
from tests.support.calls import counted
from tests.support.helpers import nsfnet


def test_runs_of_a_comparison_share_weights_and_what_they_see(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = nsfnet(run__slots="12", run__replications="3")
    weights._weights_in.cache_clear()
    taken_apart = counted(monkeypatch, tensor_file, "_refuse_repeats")
    fitted = counted(monkeypatch, features.Units, "__init__")
    asked = counted(monkeypatch, FedSAC, "decide")
    tables = [PolicyTable(name="fedsac"), PolicyTable(name="decsac")]
    run_policies(scenario, tables, tmp_path)
    assert len(taken_apart) == 2
    assert len(fitted) == 2
    # all that the shipped ones see stays: each of 14 agents decides once a run
    assert len(asked) == 3 * 14
    with (
        open_trace(tmp_path / "fedsac-r000.h5") as one,
        open_trace(tmp_path / "fedsac-r002.h5") as other,
    ):
        reserved = one.column("decisions/qkd_channels")
        assert (reserved == reserved[0]).all()
        np.testing.assert_array_equal(reserved, other.column("decisions/qkd_channels"))


def test_a_file_of_weights_that_changed_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    shutil.copy(MODELS / "decsac-nsfnet.safetensors", path)
    first = read_weights(path)
    assert read_weights(path) is first
    shutil.copy(MODELS / "decppo-nsfnet.safetensors", path)
    second = read_weights(path)
    assert second.sha256 == read_weights(MODELS / "decppo-nsfnet.safetensors").sha256
    assert second.sha256 != first.sha256


def test_what_follows_from_a_setting_is_kept_with_it() -> None:
    setting = open_case(nsfnet()).setting
    made: list[int] = []

    def make() -> list[int]:
        made.append(1)
        return made

    assert setting.once("it", make) is setting.with_solver(setting.solver).once("it", make)
    assert made == [1]
    open_case(nsfnet(run__slots="3")).setting.once("it", make)
    assert made == [1, 1]
