"""Stores that hold keys ahead of the first slot."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from qnetsim.analysis.audit import audit
from qnetsim.errors import ScenarioError
from qnetsim.runs.simulate import simulate
from qnetsim.scenario import PolicyTable, parse_scenario
from qnetsim.trace import open_trace
from tests.support.helpers import TINY, Scripted, nsfnet, run

KERNELS = ("loop", "numpy", "numba")


def tiny(tmp_path: Path, management: str) -> str:
    """One fibre; a request for ten bits in each of four slots; nothing can be lit on demand."""
    path = tmp_path / "net.csv"
    path.write_text("source,target,length_km\na,b,100\n")
    return TINY.format(
        topology=str(path),
        network="qkd_wavelengths = 3",
        levels=2,
        demand='kind = "table"\nprobabilities = [0, 1]\npairs = [["a", "b"]]',
        management=management,
    )


@pytest.mark.parametrize("kernel", KERNELS)
def test_first_slots_live_on_what_was_there(tmp_path: Path, kernel: str) -> None:
    text = tiny(tmp_path, "store_bits = 40\nkey_lifetime_slots = 2\ninitial_bits = 35\n")
    nothing = np.zeros((4, 1), int)
    found = run(parse_scenario(text), Scripted(nothing, nothing, hold=4), kernel=kernel).columns
    # they are as old as what slot -1 would have left, so slot 1 is their last
    assert found["reservation_consumed_bits"][:, 0].tolist() == [10, 10, 0, 0]
    assert found["reservation_stored_bits"][:, 0].tolist() == [25, 0, 0, 0]
    assert found["reservation_expired_bits"][:, 0].tolist() == [0, 15, 0, 0]
    assert found["reservation_produced_bits"].sum() == 0
    assert found["on_demand_produced_bits"][:, 0].tolist() == [0, 0, 10, 10]


def test_a_trace_says_so_and_its_ledger_adds_up(tmp_path: Path) -> None:
    changes = {"key_management__store_bits": "50000", "key_management__key_lifetime_slots": "3"}
    scenario = nsfnet(run__slots="20", **changes, key_management__initial_bits="12345")
    path = simulate(scenario, PolicyTable(name="sip"), tmp_path / "t.h5")
    with open_trace(path) as trace:
        assert trace.provenance["scenario"]["key_management"]["initial_bits"] == 12345
        assert all(finding.passed for finding in audit(trace))
        totals = {
            flow: trace.column(f"ledger/reservation_{flow}_bits")
            for flow in ("produced", "consumed", "expired", "overflowed", "stored")
        }
    out = sum(totals[flow] for flow in ("consumed", "expired", "overflowed", "stored"))
    np.testing.assert_array_equal(totals["produced"] + 12345, out)
    with h5py.File(path, "r+") as file:
        said = file.attrs["provenance"]
        file.attrs["provenance"] = said.replace('"initial_bits": 12345', '"initial_bits": 12346')
    with open_trace(path) as trace:
        ledger = next(finding for finding in audit(trace) if finding.name == "ledger")
    assert ledger.passed is False


def test_nothing_at_the_start_is_what_was_meant_before() -> None:
    before = nsfnet(key_management__store_bits="50000", key_management__key_lifetime_slots="3")
    zero = nsfnet(
        key_management__store_bits="50000",
        key_management__key_lifetime_slots="3",
        key_management__initial_bits="0",
    )
    some = before.with_changes({"key_management.initial_bits": 1})
    assert "initial_bits" not in zero.model_dump()["key_management"]
    assert "warmup_slots" not in zero.model_dump()["run"]
    assert before.digest() == zero.digest() != some.digest()


@pytest.mark.parametrize(
    ("management", "message"),
    [
        ("store_bits = 40\nkey_lifetime_slots = 2\ninitial_bits = 41", "at most store_bits, 40"),
        ("initial_bits = 1", "at most store_bits, 0"),
        ("store_bits = 40\ninitial_bits = 5", "give key_lifetime_slots >= 1"),
    ],
)
def test_what_no_slot_could_have_left_is_refused(
    tmp_path: Path, management: str, message: str
) -> None:
    with pytest.raises(ScenarioError, match=message):
        parse_scenario(tiny(tmp_path, management + "\n"))
