"""Digests: every value of every chunk counts, and the definition that the reference page gives."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
import pytest

from qnetsim.replay.verify import verify
from qnetsim.runs.simulate import simulate
from qnetsim.scenario import PolicyTable
from qnetsim.trace import open_trace
from qnetsim.trace.column import Column
from qnetsim.trace.digest import ColumnDigest, ContentDigest, hash_of, is_blank
from qnetsim.trace.schema import (
    BY_PATH,
    CHUNK_ROWS,
    COLUMNS,
    TRACE,
    VERSION,
    WORLD,
)
from tests.support.helpers import nsfnet

#: Three whole chunks and a shorter one.
ROWS = 3 * CHUNK_ROWS + 128
#: A row of each chunk, the first and the last of all among them.
PLACES = (0, CHUNK_ROWS + 376, 3 * CHUNK_ROWS - 1, ROWS - 1)
NUMBERS = [c for c in COLUMNS if c.kind != "str"]

Values = npt.NDArray[Any]


def values_of(column: Column, rows: int = ROWS) -> Values:
    """Numbers none of which is the column's fill value."""
    shape = (rows, *(2 for _ in column.dims[1:]))
    return np.random.default_rng(6).integers(2, 99, shape).astype(column.kind)


def digests(column: Column, values: Values) -> tuple[str, str]:
    digest = ContentDigest()
    digest.update(column, values)
    return digest.hexdigest(), digest.file_hexdigest({})


@pytest.mark.parametrize("column", NUMBERS, ids=lambda c: c.path)
def test_one_changed_number_in_any_chunk_changes_the_digest(column: Column) -> None:
    """The content digest of a column that is not volatile; else that of the file."""
    before = digests(column, values_of(column))
    seen = {before[1]}
    for place in PLACES:
        values = values_of(column)
        values[place, ...] += 1
        after = digests(column, values)
        assert (after[0] == before[0]) == column.volatile
        seen.add(after[1])
    assert len(seen) == len(PLACES) + 1


@pytest.mark.parametrize("path", ["fibres/source", "world/request_target"])
def test_one_changed_name_changes_the_digest(path: str) -> None:
    column = BY_PATH[path]
    names = np.array([f"node {i}" for i in range(ROWS)], dtype=object)
    seen = {digests(column, names)[0]}
    for place in PLACES:
        changed = names.copy()
        changed[place] = "elsewhere"
        seen.add(digests(column, changed)[0])
    assert len(seen) == len(PLACES) + 1


def plainly(column: Column, values: Values, *, blockwise: bool = True) -> bytes:
    """Digest of a column, as the reference page of the trace format says it."""
    total = hashlib.sha256(f"{column.path} {column.kind}".encode())
    for first in range(0, len(values), 1024):
        block = values[first : first + 1024]
        if (block == column.fill).all():
            total.update(f"zeros{block.shape}".encode())
            continue
        data = block.astype("<" + column.kind).tobytes()
        total.update(f"block{block.shape}".encode())
        total.update(hashlib.sha256(data).digest() if blockwise else data)
    return total.digest()


def all_columns(found: dict[str, bytes], version: tuple[int, int] = VERSION) -> str:
    """Content digest, from those of some columns; the others are empty."""
    total = hashlib.sha256()
    for column in COLUMNS:
        if column.since <= version and not column.volatile:
            empty = hashlib.sha256(f"{column.path} {column.kind}".encode()).digest()
            total.update(column.path.encode() + found.get(column.path, empty))
    return total.hexdigest()


@pytest.mark.parametrize("version", [(1, 0), (1, 1), (1, 2), (1, 3), (1, 4)])
@pytest.mark.parametrize(
    "path",
    [
        "slots/served",
        "world/yield_ppm",
        "slots/qkd_reserved_cost",
        "world/levels",
        "decisions/plan_status",
    ],
)
def test_digest_is_that_of_the_reference_page(path: str, version: tuple[int, int]) -> None:
    """With chunks of fill values and of others, one that repeats, and a short one at the end."""
    column = BY_PATH[path]
    if column.since > version:
        assert path not in ContentDigest(version)._columns
        return
    values = values_of(column, 5 * CHUNK_ROWS + 40)
    values[CHUNK_ROWS : 2 * CHUNK_ROWS] = column.fill
    values[3 * CHUNK_ROWS : 4 * CHUNK_ROWS] = values[2 * CHUNK_ROWS : 3 * CHUNK_ROWS]
    values[4 * CHUNK_ROWS] = column.fill  # one row of fill values makes no blank block
    digest = ContentDigest(version)
    digest.update(column, values)
    expected = plainly(column, values, blockwise=version >= (1, 2))
    assert digest.hexdigest() == all_columns({path: expected}, version)
    # bytes in another order and strides hold the same numbers
    other = ContentDigest(version)
    other.update(column, np.repeat(values, 2, axis=0)[::2].astype(f">{column.kind}"))
    assert other.hexdigest() == digest.hexdigest()


def test_names_are_hashed_as_one_list() -> None:
    column = BY_PATH["fibres/source"]
    digest = ContentDigest()
    digest.update(column, np.array(["a", "bé"], dtype=object))
    text = hashlib.sha256(b"fibres/source str" + json.dumps(["a", "bé"]).encode())
    assert digest.hexdigest() == all_columns({column.path: text.digest()})


def test_blocks_given_one_by_one_are_those_of_one_array() -> None:
    column = BY_PATH["slots/served"]
    values = values_of(column)
    values[:CHUNK_ROWS] = 0
    digest = ContentDigest()
    digest.add_blank(column, (CHUNK_ROWS,))
    for first in range(CHUNK_ROWS, ROWS, CHUNK_ROWS):
        digest.add(column, values[first : first + CHUNK_ROWS])
    assert digest.hexdigest() == digests(column, values)[0]


def test_a_repeated_block_counts_as_often_as_it_comes() -> None:
    """What a hash that is known spares is work: the digest is that of the numbers."""
    column = BY_PATH["slots/on_demand_channels"]
    one, other = values_of(column, CHUNK_ROWS), values_of(column, CHUNK_ROWS) + 1
    digest = ContentDigest()
    digest.add(column, one)
    digest.of(column).update_hashed(one.shape, hash_of(one))
    digest.add(column, other)
    digest.of(column).update_hashed(other.shape, hash_of(other))
    digest.add(column, one)
    values = np.concatenate([one, one, other, other, one])
    assert digest.hexdigest() == digests(column, values)[0]
    assert len({digests(column, np.concatenate([one] * n))[0] for n in range(1, 5)}) == 4


def test_blocks_of_other_shapes_differ() -> None:
    column = BY_PATH["slots/on_demand_channels"]
    shapes = [(12,), (12, 1), (3, 4), (4, 3), (2, 2, 3)]
    for fill in (0, 5):
        seen = {digests(column, np.full(shape, fill, np.int32))[0] for shape in shapes}
        assert len(seen) == len(shapes)


@pytest.mark.parametrize(
    ("block", "fill", "blank"),
    [
        (np.zeros((3, 2), np.int64), 0, True),
        (np.array([0, 0, 4]), 0, False),
        (np.array([7, 7, 7]), 7, True),
        (np.array([7, 0, 7]), 7, False),
        (np.zeros(3), 0, True),
        (np.array([0.0, np.nan]), 0, False),
        (np.array([0, -1], np.int16), 0, False),
        (np.broadcast_to(np.array([0, 5]), (4, 2)), 0, False),
        (np.broadcast_to(np.array([0, 0]), (4, 2)), 0, True),
        (np.array([[0, 1, 0], [0, 1, 0]]).T[::2], 0, True),
    ],
)
def test_a_block_is_blank_where_all_its_numbers_are_the_fill_value(
    block: Values, fill: int, blank: bool
) -> None:
    assert is_blank(block, fill) is blank


def test_blocks_of_a_column_are_hashed_unless_they_are_said_to_repeat() -> None:
    column = BY_PATH["slots/served"]
    values = values_of(column, 2 * CHUNK_ROWS)
    digest = ColumnDigest(column, blockwise=True)
    digest.update(values[:CHUNK_ROWS])
    digest.update(values[CHUNK_ROWS:])
    assert digest.digest() == plainly(column, values)


def test_a_column_digest_depends_on_name_and_type() -> None:
    served, arrived = BY_PATH["slots/served"], BY_PATH["slots/arrived"]
    assert served.kind == arrived.kind
    block = np.arange(5)
    seen = set()
    for column in (served, arrived, BY_PATH["slots/exposed_bits"]):
        digest = ColumnDigest(column, blockwise=True)
        seen.add(digest.digest())
        digest.update(block)
        seen.add(digest.digest())
    assert len(seen) == 6


def test_the_file_digest_is_that_of_the_reference_page() -> None:
    """Content digest, volatile columns, root attributes in order of their names."""
    served, decide = BY_PATH["slots/served"], BY_PATH["decisions/decide_s"]
    assert [c.path for c in COLUMNS if c.volatile] == [decide.path]
    digest = ContentDigest()
    digest.update(served, values_of(served))
    digest.update(decide, values_of(decide))
    attributes = {
        "version": np.array([1, 4]),
        "status": "complete",
        "slot_s": np.float64(0.5),
        "file_digest": "left out",
    }
    total = hashlib.sha256(digest.hexdigest().encode())
    total.update(decide.path.encode() + plainly(decide, values_of(decide)))
    for name, value in (("slot_s", 0.5), ("status", "complete"), ("version", [1, 4])):
        total.update(json.dumps([name, value]).encode())
    assert digest.file_hexdigest(attributes) == total.hexdigest()


def test_volatile_columns_are_in_the_file_digest_alone() -> None:
    decide = BY_PATH["decisions/decide_s"]
    one, other = digests(decide, values_of(decide)), digests(decide, values_of(decide) + 1)
    assert one[0] == other[0] == ContentDigest().hexdigest()
    assert one[1] != other[1]


def test_a_recorded_world_is_digested_over_its_own_columns() -> None:
    served, levels = BY_PATH["slots/served"], BY_PATH["world/levels"]
    digest = ContentDigest(VERSION, WORLD)
    digest.update(levels, values_of(levels))
    with pytest.raises(KeyError, match="slots/served"):
        digest.update(served, values_of(served))
    assert digest.hexdigest() != ContentDigest(VERSION, TRACE).hexdigest()
    # it has no volatile column, so nothing but its attributes is added
    total = hashlib.sha256(digest.hexdigest().encode() + json.dumps(["a", 1]).encode())
    assert digest.file_hexdigest({"a": 1}) == total.hexdigest()


def stored_digests(path: Path) -> dict[str, str]:
    """Digest of each column that grows, as it is read from the file."""
    found = {}
    with open_trace(path) as trace:
        assert trace.slots == ROWS
        for column in filter(lambda c: c.grows, COLUMNS):
            digest = ContentDigest()
            for block in trace.blocks(column.path):
                digest.update(column, block)
            found[column.path] = digest.file_hexdigest({})
    return found


def test_one_changed_number_in_any_chunk_of_a_file_is_noticed(tmp_path: Path) -> None:
    """Every column that grows, in the first, the second, the third and the last chunk."""
    scenario = nsfnet(run__slots=str(ROWS), demand__pairs='[["1", "2"]]')
    path = simulate(scenario, PolicyTable(name="random"), tmp_path / "t.h5")
    before = stored_digests(path)
    for place in PLACES:
        with h5py.File(path, "r+") as file:
            rows = {name: file[name][place] for name in before}
            for name, row in rows.items():
                file[name][place] = row + 1
        after = stored_digests(path)
        same = {name for name in before if before[name] == after[name]}
        assert same == {name for name, row in rows.items() if not row.size}
        with h5py.File(path, "r+") as file:
            for name, row in rows.items():
                file[name][place] = row
    assert stored_digests(path) == before
    with h5py.File(path, "r+") as file:
        file["slots/served"][1400] += 1
    names = {f.name for f in verify(path, rerun=False).findings if f.passed is False}
    assert {"content digest", "file digest"} <= names
