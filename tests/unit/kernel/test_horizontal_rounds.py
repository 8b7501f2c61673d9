"""Horizontal tasks in the simulated network: counted as they are run, with drop-outs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qnetsim.case import open_case
from qnetsim.case.task_leaks import open_leaks
from qnetsim.errors import SettingError
from qnetsim.scenario import Scenario
from qnetsim.vocabulary import RoundStatus
from qnetsim.world.attendance import draw_attendance
from tests.support.rounds import equal, go, world

TASK = """
[[fel]]
kind = "horizontal"
mode = "{mode}"
dataset = "wine"
owner = "2"
head = ["11", "13"]
workers = [["3", "8"], ["9", "5"]]
rounds = 4
local_steps = 3
standardise = true
intercept = true
l2 = 0.01
test_share = 0.2
{more}
"""
RESTLESS = """
patience_s = 4.0
on_demand_channels = 30
compute_s = 0.2
compute_spread = 0.5
worker_mtbf_s = 8
worker_mttr_s = 4
"""


def scenario(mode: str, more: str = "", slots: int = 40) -> Scenario:
    return world(TASK.format(mode=mode, more=more), slots)


def test_real_equals_counted_in_the_network_with_drop_outs() -> None:
    more = RESTLESS + "pad_ciphertexts = true\n"
    counted, real = (go(scenario(mode, more)) for mode in ("counted", "real"))
    equal(counted, real)
    status = counted.ledger["round_status"]
    assert RoundStatus.DONE in status.tolist()
    workers = counted.ledger["round_workers"]
    # some round went on without a worker
    assert ((workers[1:] > 0) & (workers[1:] < 4)).any()
    done = (status == RoundStatus.DONE)[1:]
    assert np.isfinite(counted.ledger["test_auc"][1:][done]).all()
    assert np.isfinite(counted.ledger["loss"][1:][done]).all()


def test_keys_stand_by_the_kinds_of_horizontal_messages() -> None:
    found = go(scenario("counted", "on_demand_channels = 30"))
    bits = found.ledger["round_key_bits"]
    assert bits.shape[1] == 20 + 13
    # nothing of vertical tasks, and masks in every round
    assert not bits[:, :20].any()
    assert (bits[1:, 28] > 0).all()


def test_keys_of_masks_avoid_those_who_have_masked_numbers() -> None:
    task = scenario("counted").with_changes({"fel.0.owner": "1", "fel.0.head": ["6", "2"]})
    with pytest.raises(SettingError, match="keys of 'masks' from '3' to '8' must avoid"):
        open_case(task)
    leaks = list(open_leaks(scenario("counted", "privacy = {avoid = 'none'}").fel[0]))
    assert any("take them off" in leak for leak in leaks)
    assert not any("label holder" in leak for leak in leaks)


def test_answers_about_missing_workers_are_checked_and_may_be_attacked(tmp_path: Path) -> None:
    """They are sent only where somebody does not deliver."""
    attack = '[[fel.attack]]\nkind = "drop"\npurpose = "mask corrections"\n'
    case = open_case(scenario("counted", attack))
    assert case.scenario.fel[0].attack[0].purpose == "mask corrections"
    # workers share masks by themselves, and reach the owner over the head alone
    path = tmp_path / "net.csv"
    fibres = ("w,x", "x,y", "w,y", "w,h", "x,h", "y,h", "h,o")
    path.write_text("source,target,length_km\n" + "".join(f"{one},10\n" for one in fibres))
    alone = Scenario.model_validate(
        {
            "network": {"topology": str(path)},
            "fel": [
                {
                    "kind": "horizontal",
                    "dataset": "wine",
                    "owner": "o",
                    "head": "h",
                    "workers": ["w", "x", "y"],
                }
            ],
        }
    )
    with pytest.raises(SettingError, match=r"keys of 'mask corrections' from '[wxy]' to 'o'"):
        open_case(alone)


def test_no_worker_of_a_horizontal_task_is_always_there() -> None:
    found = draw_attendance(scenario("counted", "worker_dropout = 0.9").fel[0], 0, 1, 0, 10**9)
    assert found.missing[1:].any(axis=0).all()
    vertical = world(
        '[[fel]]\ndataset = "wine"\nowner = "2"\nhead = "11"\nworkers = ["3", "8"]\n'
        "worker_dropout = 0.9\n"
    )
    holder = draw_attendance(vertical.fel[0], 0, 1, 0, 10**9).missing[:, -1]
    assert not holder.any()
