"""Sizes of jobs: the key bits that counted rounds take, member by member."""

from __future__ import annotations

import numpy as np
import pytest

from qnetsim.case import load, open_case
from qnetsim.fel.horizontal import round_key_bytes
from qnetsim.studies.job_sizes import JobSizes, job_sizes
from qnetsim.studies.key_budget import key_budget
from tests.support.rounds import world

HORIZONTAL = """
[[fel]]
kind = "horizontal"
dataset = "iris"
owner = "2"
head = "11"
workers = ["3", "8", "9"]
"""


def test_sizes_are_those_of_the_messages_and_grow_with_the_key() -> None:
    found = []
    for key_bits in (1024, 2048):
        case = open_case(world().with_changes({"fel.0.key_bits": key_bits}))
        sizes = job_sizes(case)[0]
        entries = key_budget(case, 0).round.entries
        first = sum(8 * e.key_bytes for (_, _, a, b), e in entries.items() if "3" in (a, b))
        assert sizes.member_bits[0] == first
        assert len(sizes.member_bits) == 3
        found.append(sizes.member_bits)
    assert all(b > a for a, b in zip(*found, strict=True))


def test_every_key_of_a_horizontal_round_is_some_members_or_the_owners() -> None:
    sizes = job_sizes(open_case(world(HORIZONTAL)))[0]
    parameters = 4 * 3
    masks = 3 * 8 * (8 * (parameters + 6) + 32)
    # masks count for both ends
    total = sum(sizes.member_bits) - masks + sizes.owner_bits
    assert total == 8 * round_key_bytes(3, 1, parameters, 3)
    assert sizes.owner_bits == 8 * (8 * parameters + 32 + 32)


def test_levels_and_their_dispersion() -> None:
    sizes = JobSizes("x", (9_001, 20_000), 0, 1_000)
    assert sizes.sizes() == (10, 20)
    assert sizes.sizes(5) == (2, 4)
    assert sizes.owner_size() == 1
    levels = np.concatenate([np.repeat([size, 0], [5, 5]) for size in (2, 4)])
    assert sizes.dispersion(10, 5) == pytest.approx(levels.var() / levels.mean())


def test_the_shipped_demand_of_jobs_is_that_of_the_shipped_task() -> None:
    counted = job_sizes(open_case(load("fel", changes={"run.slot_s": 10.0})))[0]
    jobs = load("fel-demand").jobs
    assert jobs is not None
    assert jobs.members == len(counted.member_bits)
    assert sorted(jobs.sizes) == sorted(counted.sizes())
    assert jobs.owner_sizes == (counted.owner_size(),)
