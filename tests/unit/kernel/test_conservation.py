"""The ledger: keys are conserved slot by slot, across intervals and chunks, and counted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qnetsim.compiling import compiled, have_numba
from qnetsim.errors import LedgerError
from qnetsim.kernel import Ledger
from qnetsim.kernel.ledger import Columns
from qnetsim.kernel.serving import sums
from qnetsim.vocabulary import FLOWS, POOLS
from tests.support.lines import line_case

MOST = 2**53 - 1


@pytest.fixture(params=["array steps", "plain loops"])
def ledger(tmp_path: Path, request: pytest.FixtureRequest) -> Ledger:
    made_by = sums if request.param == "plain loops" else None
    return Ledger(line_case(tmp_path).network.topology, "test", made_by)


def flows(slots: int, **cells: dict[tuple[int, int], int]) -> Columns:
    """Columns of three fibres; ``POOL_FLOW={(slot, fibre): bits}`` fills cells."""
    columns = {f"{p}_{f}_bits": np.zeros((slots, 3), dtype=np.int64) for p in POOLS for f in FLOWS}
    columns["arrived"] = np.arange(slots)
    for name, values in cells.items():
        for place, bits in values.items():
            columns[f"{name}_bits"][place] = bits
    return columns


def close(ledger: Ledger, *parts: Columns):
    for part in parts:
        ledger.add(part)
    return ledger.close({})


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("flow", ["consumed", "expired", "overflowed", "stored"])
def test_what_is_produced_goes_one_of_four_ways(ledger: Ledger, pool: str, flow: str) -> None:
    block = close(
        ledger, flows(2, **{f"{pool}_produced": {(1, 2): 5}, f"{pool}_{flow}": {(1, 2): 5}})
    )
    assert block.totals[f"{pool}_produced_bits"].tolist() == [0, 0, 5]
    assert block.totals[f"{pool}_{flow}_bits"].tolist() == [0, 0, 5]
    assert sum(int(total.sum()) for total in block.totals.values()) == 10


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("flow", FLOWS)
@pytest.mark.parametrize("bits", [1, -1])
def test_a_bit_too_many_or_too_few_is_noticed(
    ledger: Ledger, pool: str, flow: str, bits: int
) -> None:
    cells = {
        f"{pool}_produced": {(1, 1): 9},
        f"{pool}_consumed": {(1, 1): 2},
        f"{pool}_expired": {(1, 1): 2},
        f"{pool}_overflowed": {(1, 1): 2},
        f"{pool}_stored": {(1, 1): 3},
    }
    columns = flows(2, **cells)
    columns[f"{pool}_{flow}_bits"][1, 1] += bits
    with pytest.raises(LedgerError, match=rf"policy test: .* in slot 1 on fibre b–c, {pool} pool"):
        close(ledger, columns)


def test_stores_are_carried_from_slot_to_slot_and_from_chunk_to_chunk(ledger: Ledger) -> None:
    first = flows(2, reservation_produced={(0, 0): 7}, reservation_stored={(0, 0): 7, (1, 0): 4})
    first["reservation_consumed_bits"][1, 0] = 3
    one = close(ledger, first)
    assert (one.first_slot, one.slots) == (0, 2)
    # two intervals of the next chunk
    keep = flows(1, reservation_stored={(0, 0): 4})
    use = flows(2, reservation_consumed={(0, 0): 1, (1, 0): 1}, reservation_stored={(0, 0): 3})
    use["reservation_stored_bits"][1, 0] = 2
    two = close(ledger, keep, use)
    assert (two.first_slot, two.slots) == (2, 3)
    assert two.columns["reservation_stored_bits"][:, 0].tolist() == [4, 3, 2]
    assert two.columns["arrived"].tolist() == [0, 0, 1]
    totals = {name: int(two.totals[f"reservation_{name}_bits"][0]) for name in FLOWS}
    assert totals == {"produced": 7, "consumed": 5, "expired": 0, "overflowed": 0, "stored": 2}
    # what an earlier block said stays as it was
    assert one.totals["reservation_consumed_bits"].tolist() == [3, 0, 0]
    assert one.totals["reservation_stored_bits"].tolist() == [4, 0, 0]
    with pytest.raises(
        LedgerError, match="in slot 6 on fibre a–b, reservation pool: stored before 2, produced 0"
    ):
        close(ledger, flows(1, reservation_stored={(0, 0): 2}), flows(1))


def test_other_totals_are_kept_as_they_are_now(ledger: Ledger) -> None:
    seen = np.array([3])
    ledger.add(flows(1))
    block = ledger.close({"relay_bits": seen})
    seen += 1
    assert block.totals["relay_bits"].tolist() == [3]


def test_changing_what_was_handed_in_changes_no_store(ledger: Ledger) -> None:
    columns = flows(1, on_demand_produced={(0, 1): 5}, on_demand_stored={(0, 1): 5})
    close(ledger, columns)
    columns["on_demand_stored_bits"][:] = 0
    close(ledger, flows(1, on_demand_stored={(0, 1): 5}))


@pytest.mark.parametrize("flow", ["consumed", "expired", "overflowed"])
def test_as_many_bits_as_can_be_counted_are_allowed(ledger: Ledger, flow: str) -> None:
    cells = {"reservation_produced": {(0, 0): MOST}, f"reservation_{flow}": {(0, 0): MOST}}
    close(ledger, flows(1, **cells))
    cells = {"reservation_produced": {(0, 0): MOST + 1}, f"reservation_{flow}": {(0, 0): MOST + 1}}
    with pytest.raises(LedgerError, match="too many to count, in slot 1"):
        close(ledger, flows(1, **cells))


def test_each_flow_has_the_same_bound(ledger: Ledger) -> None:
    """Stored bits reach the bound although production of no slot does."""
    columns = flows(2, reservation_produced={(0, 0): MOST, (1, 0): 1})
    columns["reservation_stored_bits"][:, 0] = MOST, MOST + 1
    with pytest.raises(LedgerError, match="too many to count, in slot 1"):
        close(ledger, columns)


def test_flows_that_cancel_are_noticed(ledger: Ledger) -> None:
    """A negative number that another one makes up for is no flow of bits."""
    cells = {"on_demand_consumed": {(0, 2): -4}, "on_demand_overflowed": {(0, 2): 4}}
    with pytest.raises(LedgerError, match="slot 0 on fibre c–d, on_demand pool"):
        close(ledger, flows(1, **cells))


def test_totals_beyond_64_bits_are_named(ledger: Ledger) -> None:
    def full(slots: int) -> Columns:
        columns = flows(slots)
        for name in ("produced", "expired"):
            columns[f"on_demand_{name}_bits"][:, 1] = MOST
        return columns

    # 1024 such slots are just below 2**63 bits
    close(ledger, full(512))
    close(ledger, full(500))
    with pytest.raises(
        LedgerError,
        match="more bits than 64-bit totals hold by slot 1025, on_demand pool, produced",
    ):
        close(ledger, full(14))


def test_the_totals_of_more_slots_at_once_do_not_wrap_around(ledger: Ledger) -> None:
    """The sums of 4096 such slots are as good as zero in 64 bits."""
    columns = flows(4096)
    for name in ("produced", "expired"):
        columns[f"on_demand_{name}_bits"][:, 1] = MOST
    with pytest.raises(LedgerError, match="hold by slot 2047, on_demand pool, produced"):
        close(ledger, columns)


def test_an_error_in_a_long_block_is_named_by_its_slot(ledger: Ledger) -> None:
    close(ledger, flows(10))
    columns = flows(3000)
    columns["on_demand_consumed_bits"][2500, 2] = 4
    with pytest.raises(LedgerError, match="in slot 2510 on fibre c–d, on_demand pool"):
        close(ledger, columns)


def test_flows_that_are_zero_throughout_are_named(ledger: Ledger) -> None:
    cells = {f"reservation_{flow}": {(1500, 0): 3} for flow in ("produced", "consumed")}
    block = close(ledger, flows(2000, **cells))
    everything = {f"{pool}_{flow}_bits" for pool in POOLS for flow in FLOWS}
    assert block.blank == everything - {f"{name}_bits" for name in cells}


@pytest.mark.skipif(not have_numba(), reason="numba is not installed")
def test_compiled_sums_balance_as_they_stand() -> None:
    rng = np.random.default_rng(4)
    for bits in (2**10, 2**53, 2**62):
        produced, consumed, expired, overflowed, stored = rng.integers(-5, bits, (5, 40, 3))
        for honest in (True, False):
            if honest:
                consumed, expired, overflowed = consumed * 0, expired * 0, overflowed * 0
                stored = np.cumsum(produced, axis=0)
            results = []
            for made_by in (sums, compiled(sums)):
                kept, total = np.zeros(3, np.int64), np.zeros((5, 3), np.int64)
                found = np.zeros(5, np.int64)
                with np.errstate(over="ignore"):
                    differ = made_by.balance(
                        produced, consumed, expired, overflowed, stored, kept, total, found
                    )
                results.append((int(differ), kept.tolist(), total.tolist(), found.tolist()))
            assert results[0] == results[1]
            assert results[0][3][0] == np.bitwise_or.reduce(produced, axis=None)
