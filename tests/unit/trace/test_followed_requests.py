"""Requests in a trace: as they were simulated, cut with the slots, completed, and checked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from qnetsim.analysis.request_audit import unlike_requests
from qnetsim.case import Case, open_case
from qnetsim.errors import TraceFormatError
from qnetsim.replay.verify import verify
from qnetsim.runs.simulate import simulate
from qnetsim.trace import open_trace
from qnetsim.trace.request_columns import REQUEST_COLUMNS
from qnetsim.trace.schema import CHUNK_ROWS, TRACE_WITH_REQUESTS
from tests.support.helpers import nsfnet, outages
from tests.support.random_cases import following

SLOTS = 2600
ROWS = [c for c in REQUEST_COLUMNS if c.counter and c.dims != (c.name,)]


@pytest.fixture(scope="module")
def case() -> Case:
    """The key layer at work, in three chunks of slots."""
    scenario = outages(SLOTS, 1).with_changes({"demand.requests": 6, "network.qkd_wavelengths": 24})
    return following(open_case(scenario), requests="all")


@pytest.fixture(scope="module")
def whole(case: Case, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole") / "t.h5"
    return simulate(case, "evf", out, kernel="numba")


class Stop(KeyboardInterrupt):
    pass


def stopped_after(slots: int) -> Callable[[int], None]:
    done = [0]

    def progress(count: int) -> None:
        done[0] += count
        if done[0] >= slots:
            raise Stop

    return progress


def test_a_run_that_is_stopped_holds_the_first_rows_and_is_completed(
    case: Case, whole: Path, tmp_path: Path
) -> None:
    out = tmp_path / "t.h5"
    with pytest.raises(Stop):
        simulate(case, "evf", out, kernel="loop", progress=stopped_after(1024))
    with open_trace(whole) as complete, open_trace(out) as part:
        assert part.kind is TRACE_WITH_REQUESTS
        assert 0 < part.slots < SLOTS
        rows = {c.path: part.column(c.path) for c in ROWS}
        for path, values in rows.items():
            np.testing.assert_array_equal(values, complete.column(path)[: len(values)], path)
        assert len(rows["requests/fate"]) == complete.column("requests/entries")[part.slots - 1]
        assert (rows["requests/end_slot"] < part.slots).all()
        assert not part.foreign_contents()
        assert part.content_digest() == part.attribute("content_digest")
    simulate(case, "evf", out, kernel="numba", resume=True)
    with open_trace(whole) as complete, open_trace(out) as again:
        assert again.attribute("content_digest") == complete.attribute("content_digest")


def test_every_kernel_writes_the_same_digest(case: Case, whole: Path, tmp_path: Path) -> None:
    found = simulate(case, "evf", tmp_path / "t.h5", kernel="numpy")
    with open_trace(whole) as one, open_trace(found) as other:
        assert one.attribute("content_digest") == other.attribute("content_digest")


def test_a_file_that_was_not_closed_is_read_as_far_as_it_was_committed(
    whole: Path, tmp_path: Path
) -> None:
    killed = tmp_path / "killed.h5"
    # rows of slots that were not committed may stand in a file after a kill
    killed.write_bytes(whole.read_bytes())
    with h5py.File(killed, "r+") as file:
        file["committed_slots"][...] = SLOTS - 1000
        file.attrs["status"] = "incomplete"
        # the last chunk of a table is written when the file is closed
        turns = len(file["requests/turn_entry"])
        for name in ("turn", *(c.name for c in ROWS if c.name.startswith("turn_"))):
            file[f"requests/{name}"].resize(turns - turns % CHUNK_ROWS, axis=0)
    with open_trace(killed) as part, open_trace(whole) as complete:
        assert part.slots == SLOTS - 1000
        counts = complete.column("requests/turns")
        assert 0 < part.followed_slots <= part.slots
        last = part.followed_slots - 1
        assert counts[last] <= turns - turns % CHUNK_ROWS
        assert last + 1 == part.slots or counts[last + 1] > turns - turns % CHUNK_ROWS
        assert len(part.requests) == complete.column("requests/entries")[last]
        assert len(part.column("requests/turn_entry")) == counts[last]
        assert unlike_requests(part) is None


@pytest.mark.parametrize("column", ["fate", "wait_ns", "turn_cause", "hop_fibre", "cause_fibre"])
def test_a_changed_row_is_found(column: str, whole: Path, tmp_path: Path) -> None:
    forged = tmp_path / "forged.h5"
    forged.write_bytes(whole.read_bytes())
    with h5py.File(forged, "r+") as file:
        dataset = file[f"requests/{column}"]
        place = len(dataset) // 2
        dataset[place] = dataset[place] + 1
    found = verify(forged, rerun=False)
    failed = {finding.name for finding in found.findings if finding.passed is False}
    assert "content digest" in failed
    if column == "fate":
        assert "followed requests" in failed
    with open_trace(forged) as trace, open_trace(whole) as complete:
        assert trace.content_digest() != complete.content_digest()


def test_a_run_that_comes_out_otherwise_names_the_row(whole: Path, tmp_path: Path) -> None:
    forged = tmp_path / "forged.h5"
    forged.write_bytes(whole.read_bytes())
    with h5py.File(forged, "r+") as file:
        file["requests/wait_ns"][700] += 5
    difference = verify(forged).difference
    assert difference is not None
    assert difference.column == "requests/wait_ns"
    assert difference.place == {"entry": 700}


@pytest.mark.parametrize(("column", "value"), [("entries", -1), ("entries", 2**50), ("hops", 9**9)])
def test_a_counter_that_counts_too_much_is_refused(
    column: str, value: int, whole: Path, tmp_path: Path
) -> None:
    forged = tmp_path / "forged.h5"
    forged.write_bytes(whole.read_bytes())
    with h5py.File(forged, "r+") as file:
        file[f"requests/{column}"][-1] = value
    with pytest.raises(TraceFormatError, match="is damaged"):
        open_trace(forged)


def test_a_reader_beside_the_writer_sees_whole_slots(case: Case, tmp_path: Path) -> None:
    out = tmp_path / "t.h5"
    seen = []

    def look(_: int) -> None:
        if not out.exists():
            return
        with open_trace(out) as trace:
            if trace.slots:
                followed = trace.followed_slots
                counts = trace.column("requests/entries")
                ends = trace.column("requests/end_slot")
                assert len(ends) == (counts[followed - 1] if followed else 0)
                assert (ends < followed).all()
                seen.append(followed)

    simulate(case, "evf", out, kernel="loop", progress=look)
    # ways are far fewer than a chunk holds, and are there all the same
    assert any(0 < followed < SLOTS for followed in seen), seen
    with open_trace(out) as trace:
        look(0)
        assert seen[-1] == trace.slots == SLOTS


def test_a_trace_without_requests_is_what_it_was(tmp_path: Path) -> None:
    scenario = nsfnet(run__slots="3")
    assert "trace" not in scenario.model_dump()
    path = simulate(scenario, "evf", tmp_path / "t.h5")
    with h5py.File(path) as file:
        assert "requests" not in file
        assert file.attrs["version"].tolist() == [1, 4]
        assert "trace" not in scenario.portable().model_dump(mode="json")


def test_tables_of_requests_are_frames_too(whole: Path) -> None:
    with open_trace(whole) as trace:
        entries = trace.frame("requests", "entry")
        assert len(entries) == len(trace.requests) == SLOTS * 6
        assert {"fate", "cause", "wait_ns"} <= set(entries)
        served = trace.requests["service_slot"].notna()
        assert served.sum() == trace.column("slots/served").sum()
