"""Jobs: their law against an independent program, and what a world promises of every demand."""

from __future__ import annotations

import itertools
import tracemalloc
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pytest

from qnetsim import seeds
from qnetsim.case import Case, open_case
from qnetsim.forecast.fel_jobs import JobDemand, JobPlace
from qnetsim.forecast.job_law import JobLaw
from qnetsim.scenario import JobsTable, parse_scenario
from qnetsim.world.demand import Levels
from qnetsim.world.realisation import CHUNK_SLOTS
from tests.support.job_program import Law, demand

NODES = 14
PAIRS = list(itertools.combinations(range(NODES), 2))
#: The reference, and three in which one thing each stands out.
LAWS = {
    "reference": {},
    "late and short": {"delay": 0.4, "more_rounds": 1.5, "gap_slots": 2.0, "periods": [2, 3]},
    "one job": {"count": 1, "members": 12, "drop_out": 0.5, "owner_sizes": [1], "periods": [5]},
    "long gaps": {"gap_slots": 200.0, "more_rounds": 0.0, "delay": 1.0, "sizes": [9], "count": 40},
}
WORLDS = 12
SLOTS = 600


def case_of(jobs: str = "", **more: str) -> Case:
    keys = {"levels": "10", "mean": "0.3", "pairs": '"all"', **more}
    lines = "\n".join(f"{key} = {value}" for key, value in keys.items())
    text = f'[network]\ntopology = "nsfnet"\n[demand]\ncoupling = "independent"\n{lines}\n'
    return open_case(parse_scenario(f"{text}[jobs]\n{jobs}\n"))


def law_of(changes: dict[str, object]) -> JobLaw:
    return case_of("\n".join(f"{key} = {value}" for key, value in changes.items())).forecast.jobs


def plain(law: JobLaw) -> Law:
    keys = ("count", "members", "periods", "sizes", "more_rounds", "gap_slots", "delay", "drop_out")
    told = {key: getattr(law.table, key) for key in keys}
    return Law(nodes=NODES, owner_sizes=law.owner_sizes, **told)


def statistics(asked: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """What one world looks like: shares of levels, and how pairs, nodes and slots go together.

    ``asked`` has shape (slots, nodes, nodes).
    """
    a, b = np.array(PAIRS).T
    pairs = asked[:, a, b]
    nodes = asked.sum(axis=2)
    found = list(np.bincount(np.minimum(pairs, 20).ravel(), minlength=21) / pairs.size)
    found += [nodes.max(axis=1).mean(), (nodes**2).mean(), pairs.sum(axis=1).var()]
    for lag in (1, 2, 3, 5, 6, 8, 9):
        now, later = asked[:-lag], asked[lag:]
        found += [
            (now * later).mean(),
            (nodes[:-lag] * nodes[lag:]).mean(),
            ((now > 0) & (later == now)).mean(),
            (now.sum(axis=(1, 2)) * later.sum(axis=(1, 2))).mean(),
        ]
    # the same at both ends of the run: it begins as in the long run
    early, late = pairs[:3], pairs[-3:]
    return np.array([*found, early.mean(), early.var(), late.mean()])


@pytest.mark.parametrize("name", LAWS)
def test_worlds_look_like_those_of_an_independent_program(name: str) -> None:
    law = law_of(LAWS[name])
    a, b = np.array(PAIRS).T
    ours = []
    for world in range(WORLDS):
        drawn = JobDemand(law, 5, ("x", world)).draw(SLOTS)
        whole = np.zeros((SLOTS, NODES, NODES), dtype=np.int64)
        whole[:, a, b] = whole[:, b, a] = drawn
        ours.append(statistics(whole))
    theirs = [statistics(demand(plain(law), SLOTS, seed)) for seed in range(WORLDS)]
    apart = np.mean(ours, axis=0) - np.mean(theirs, axis=0)
    error = np.sqrt((np.var(ours, axis=0, ddof=1) + np.var(theirs, axis=0, ddof=1)) / WORLDS)
    assert (error > 0).sum() >= 25
    # 55 figures in each of four laws
    assert (np.abs(apart) <= 4.2 * error + 1e-12).all(), np.flatnonzero(np.abs(apart) > 4.2 * error)


@pytest.mark.parametrize("name", LAWS)
def test_the_forecast_is_the_long_run_of_a_pair(name: str) -> None:
    changes = LAWS[name]
    case = case_of("\n".join(f"{key} = {value}" for key, value in changes.items()))
    law = case.forecast.levels
    assert sum(law.exact_probabilities) == 1
    shares = []
    for world in range(WORLDS):
        levels = Levels(case.forecast, None, 7, ("y", world))
        drawn = np.concatenate([levels.draw(0, CHUNK_SLOTS), levels.draw(1, 500)])
        shares.append(np.bincount(drawn.ravel(), minlength=10) / drawn.size)
    error = np.std(shares, axis=0, ddof=1) / np.sqrt(WORLDS)
    # a level that comes up a few times has no error to go by
    often = law.probabilities * WORLDS * drawn.size >= 100
    assert (np.abs(np.mean(shares, axis=0) - law.probabilities) <= 4.5 * error)[often].all()


def test_the_mean_of_the_long_run_is_that_of_the_text() -> None:
    law = law_of({})
    # 21 rounds of 5.25 slots and a gap of ten; 5.4 members and the owner, 6.5 levels each
    assert law.round_rate == Fraction(21) / (21 * Fraction("5.25") + 10)
    one = law.of_one_place(10)
    assert one.exact_mean == law.round_rate * (Fraction("5.4") + 1) * Fraction("6.5") / 91


def test_a_world_is_the_same_however_it_is_cut() -> None:
    law = law_of({"count": 5})
    whole = JobDemand(law, 3, ("z",)).draw(300)
    demand_ = JobDemand(law, 3, ("z",))
    np.testing.assert_array_equal(whole, np.concatenate([demand_.draw(n) for n in (1, 99, 0, 200)]))
    other = JobDemand(law, 3, ("other",)).draw(300)
    assert (whole != other).any()


def test_jobs_come_on_top_of_the_demand_without_them_and_are_cut() -> None:
    case = case_of("count = 100")
    drawn = Levels(case.forecast, None, 1, ("demand", 0)).draw(0, 200)
    without = Levels(case.forecast.background, None, 1, ("demand", 0)).draw(0, 200)
    jobs = JobDemand(case.forecast.jobs, 1, ("demand", 0)).draw(200)
    np.testing.assert_array_equal(drawn, np.minimum(without + jobs, 9))
    assert jobs.max() > 9
    assert (drawn >= without).all()


def test_a_job_keeps_its_nodes_and_sizes_and_places_follow_each_other() -> None:
    law = law_of({"more_rounds": 3.0, "delay": 0.2, "drop_out": 0.3})
    place = JobPlace(law, 2, ("q",))
    end = None
    for _ in range(200):
        job = place.next_job()
        assert len({job.hub, job.owner, *job.members}) == law.table.members + 2
        assert job.period in law.table.periods
        assert set(job.sizes) | {job.owner_size} <= set(law.table.sizes)
        steps = np.diff([*job.starts, job.end])
        assert set(steps) <= {job.period, job.period + 1}
        assert end is None or job.starts[0] >= end
        end = job.end
        first = int(job.starts[0])
        rows = job.asked(law, first, end)
        assert len(rows) == job.there.sum() + len(job.starts)
        cut = [job.asked(law, a, min(a + 2, end)) for a in range(first, end, 2)]
        assert sorted(np.concatenate(cut).tolist()) == sorted(rows.tolist())


def test_jobs_that_outlast_the_run_take_little_memory() -> None:
    law = law_of({"count": 20, "more_rounds": 10_000.0})
    JobDemand(law, 1, ("m",)).draw(20)
    tracemalloc.start()
    JobDemand(law, 1, ("m",)).draw(20)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 15e6  # times and levels of all rounds to come would take twice as much


def test_first_jobs_may_have_begun_before_the_first_slot() -> None:
    law = law_of({"periods": [8], "delay": 1.0, "gap_slots": 0.0})
    starts = [JobPlace(law, seed, ("q",)).next_job().starts[0] for seed in range(400)]
    # nine slots from round to round, all as likely
    assert set(starts) == set(range(-8, 1))


def test_fast_draws_give_the_same_world() -> None:
    pytest.importorskip("numba")
    world = case_of("").realisation(1)
    slow = np.concatenate([chunk.levels for chunk in world.chunks()])
    fast = np.concatenate([chunk.levels.copy() for chunk in world.chunks(fast=True)])
    np.testing.assert_array_equal(slow, fast)


def test_the_digest_covers_what_jobs_ask() -> None:
    first = case_of("").realisation(0).whole_digest()
    assert first == case_of("").realisation(0).whole_digest()
    assert first != case_of("delay = 0.2").realisation(0).whole_digest()
    assert first != case_of("").realisation(1).whole_digest()


def test_geometric_numbers_have_their_law() -> None:
    drawn = np.array(seeds.geometric(seeds.stream(1, "g"), *[3.0] * 200_000))
    shares = np.bincount(drawn)[:20] / drawn.size
    law = 0.25 * 0.75 ** np.arange(20)
    assert (np.abs(shares - law) <= 4.5 * np.sqrt(law * (1 - law) / drawn.size)).all()
    # one word a number, whatever the means
    mixed = seeds.geometric(seeds.stream(1, "g"), 0.0, 3.0)
    assert mixed == [0, drawn[1]]


def test_defaults_are_the_reference() -> None:
    table = JobsTable()
    assert (table.count, table.members, table.periods, table.sizes) == (
        10,
        6,
        (3, 4, 5, 6, 8),
        (5, 6, 7, 8),
    )
