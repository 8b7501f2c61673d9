"""The warm-up: MSER-5 against numbers worked out by hand, and what a comparison leaves out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qnetsim.analysis import compare_traces, run_metrics
from qnetsim.analysis.figures.transient import transient_figure
from qnetsim.analysis.warm_up import (
    WarmUp,
    at_start,
    given_warm_up,
    mser_5,
    series_of,
    warm_up,
)
from qnetsim.arrays import FloatArray
from qnetsim.case import open_case
from qnetsim.errors import SettingError
from qnetsim.runs.batch import run_policies
from qnetsim.runs.simulate import simulate
from qnetsim.scenario import PolicyTable, Scenario, parse_scenario
from qnetsim.trace import open_trace
from qnetsim.vocabulary import BILL_COLUMNS
from tests.support.helpers import nsfnet, outages
from tests.support.output_analysis import (
    SHORT,
    STORE,
    blocked_share,
    common_cut,
    replicated,
    runs_of,
    store_text,
)

STORES = {
    "key_management__store_bits": "60000",
    "key_management__key_lifetime_slots": "20",
    "demand__requests": "20",
    "run__slots": "120",
    "run__replications": "2",
}
SIP = PolicyTable(name="sip")


def fives(*means: float) -> FloatArray:
    """Five slots with each of these means, unequal inside."""
    around = np.array([-2.0, 1.0, 0.0, 2.0, -1.0])
    return np.concatenate([mean + around for mean in means])


def test_mser_5_by_hand() -> None:
    # means of fives 9 5 2 1 2 1 2 1 2 1, squares about the mean over the squared number, by cut:
    #   0: 58.4/100 = .584   1: 13.56/81 = .167   2: 2/64 = .03125   3: 12/7/49 = .03499
    #   4: 1.5/36 = .0417    5: 1.2/25 = .048
    assert mser_5(fives(9, 5, 2, 1, 2, 1, 2, 1, 2, 1)) == 10


def test_mser_5_is_the_least_standard_error() -> None:
    rng = np.random.default_rng(5)
    values = rng.normal(size=400) + 8 * np.exp(-np.arange(400) / 15) + 1e6
    means = values.reshape(-1, 5).mean(axis=1)
    errors = [means[d:].var() / (len(means) - d) for d in range(len(means) - 4)]
    assert mser_5(values) == 5 * int(np.argmin(errors)) > 0


def test_nothing_is_cut_of_what_does_not_change_or_is_short() -> None:
    assert mser_5(np.full(500, 0.1)) == 0
    assert mser_5(np.zeros(500)) == 0
    assert mser_5(np.arange(49.0)) == 0


def test_a_start_that_ends_leaves_nothing_else() -> None:
    values = np.full(1000, 0.1)
    values[:73] = 1e9
    assert mser_5(values) == 75


def test_an_end_without_a_rare_cost_is_no_steady_state() -> None:
    """A rare cost that no late slot happens to have says nothing of where the start ends."""
    values = np.zeros(1000)
    values[:30] = 4.0
    values[np.arange(60, 960, 45)] = 10.0
    assert mser_5(values) == 30


def test_the_store_of_a_chain_settles_though_blocking_is_rare(tmp_path: Path) -> None:
    case = open_case(parse_scenario(store_text(2000, tmp_path / "fibre.csv")))
    cuts = [mser_5(found.cost) for found in runs_of(case, 0, 40)]
    # nine of ten where a cut might leave as few as 25 slots
    assert sum(cut is None for cut in cuts) < 0.4 * len(cuts)


def test_what_never_settles_is_not_cut() -> None:
    assert mser_5(np.arange(1000.0)) is None
    rising = {"cost": np.arange(1000.0), "bits in pools": np.ones(1000)}
    found = warm_up([recorded(outage=[])], {"sip": rising})
    assert (found.slots, found.unsettled) == (0, ("cost of sip",))
    assert "Not settled in the first half: cost of sip" in found.sentence


def test_a_scenario_without_memory_is_left_alone(tmp_path: Path) -> None:
    scenario = nsfnet(run__slots="60", yields__drift="0.2", yields__drift_slots="5")
    assert at_start(scenario.model_dump()) == ()
    with open_trace(simulate(scenario, SIP, tmp_path / "t.h5")) as trace:
        assert run_metrics(trace).warm_up == WarmUp()
    assert WarmUp().sentence == ""


def test_what_is_empty_at_the_start_is_named() -> None:
    assert at_start(outages(10, 1).model_dump()) == (
        "key stores are empty",
        "no request waits",
        "no session is held",
        "nothing has failed",
    )
    for bits in ("1", "60000"):
        filled = nsfnet(**STORES | {"key_management__initial_bits": bits})
        assert at_start(filled.model_dump()) == ("key stores hold their initial bits",)


def test_full_stores_are_a_start_of_their_own(tmp_path: Path) -> None:
    """A chain that starts full blocks less than a long run, and the cut takes most of that away."""
    text = store_text(SHORT, tmp_path / "fibre.csv").replace(
        "store_bits =", f"initial_bits = {1000 * STORE}\nstore_bits ="
    )
    runs = runs_of(open_case(parse_scenario(text)), 0, 400)
    groups = [runs[first : first + 10] for first in range(0, 400, 10)]
    whole, cut = (
        np.mean([replicated(group, of(group)).interval.estimate for group in groups])
        for of in (lambda group: 0, common_cut)
    )
    known = blocked_share()
    assert whole < 0.94 * known
    assert abs(cut - known) < 0.6 * abs(whole - known)


def test_policies_with_and_without_stores_are_cut_alike(tmp_path: Path) -> None:
    """Their costs are not of one network, which a warning says; the slots are the same."""
    bare = nsfnet(run__slots="120", demand__requests="20", run__replications="1")
    full = nsfnet(**STORES | {"run__replications": "1"})
    paths = [
        simulate(full, SIP, tmp_path / "sip.h5"),
        simulate(bare, PolicyTable(name="evf"), tmp_path / "evf.h5"),
    ]
    found = compare_traces(paths)
    assert found.transients.keys() == {"sip", "evf"}
    assert {run.warm_up for policy in found.policies for run in policy.runs} == {found.warm_up}
    assert len(transient_figure(found).axes) == 2


def recorded(**changes: object) -> dict[str, object]:
    """What a trace says of its origin, as far as the warm-up goes by it."""
    return {"scenario": outages(10, 1).model_dump() | changes}


def test_a_branch_is_no_start() -> None:
    """From where another policy goes on, a run costs otherwise, whatever it began with."""
    settling = {"cost": fives(*[9.0] * 10, *[1.0] * 90)}
    run = recorded(outage=[])
    assert warm_up([run], {"sip": settling}).slots == 50
    found = warm_up([run | {"counterfactual": {"from_slot": 50}}], {"sip": settling})
    assert (found.slots, found.ends) == (0, ("branches",))
    whole = run | {"counterfactual": {"from_slot": 0}}
    assert warm_up([whole], {"sip": settling}).slots == 50


def test_runs_in_which_something_comes_once_are_not_cut() -> None:
    settling = {"cost": fives(*[9.0] * 10, *[1.0] * 90)}
    found = warm_up([recorded()], {"sip": settling})
    assert found.slots == 0
    assert found.ends == ("listed outages",)
    assert "listed outages come once in a run" in found.sentence
    demand = warm_up([recorded(outage=[], recording={"file": "d.csv"})], {"sip": settling})
    assert "recorded demand comes once in a run" in demand.sentence


def test_a_run_that_is_too_short_says_that_its_start_was_not_looked_for() -> None:
    """Not that none was found: 49 slots that begin ten times as dear as they end."""
    short = {"cost": np.concatenate([np.full(10, 10.0), np.ones(39)])}
    found = warm_up([recorded(outage=[])], {"sip": short})
    assert (found.slots, found.method) == (0, "none")
    assert found.sentence.endswith("nothing has failed: MSER-5 needs 50 slots.")
    longer = {"cost": np.append(short["cost"], 1.0)}
    assert warm_up([recorded(outage=[])], {"sip": longer}).slots == 10


def test_a_quarter_of_the_run_is_kept_at_least() -> None:
    # of 13 fives four are kept, and not the three that happen to be equal
    assert mser_5(fives(*[9, 1, 3, 2, 1, 3, 2, 1, 3, 4, 2, 2, 2])) == 5
    assert mser_5(fives(*[9, 1, 3, 2, 1, 3, 2, 1, 3, 2, 2, 2, 2])) is None


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    policies = [SIP, PolicyTable(name="evf")]
    return run_policies(nsfnet(**STORES), policies, tmp_path_factory.mktemp("stores"))


def test_one_cut_for_all_policies(compared: list[Path]) -> None:
    found = compare_traces(compared)
    cuts = []
    for policy in found.policies:
        series = []
        for run in policy.runs:
            with open_trace(run.trace) as trace:
                series.append(series_of(trace))
        for name in series[0]:
            mean = np.mean([one[name] for one in series], axis=0)
            np.testing.assert_array_equal(found.transients[policy.name][name], mean)
            cuts.append(mser_5(mean) or 0)
    assert found.warm_up.slots == max(cuts) > 0
    assert {run.warm_up for policy in found.policies for run in policy.runs} == {found.warm_up}
    assert found.warm_up.method == "mser-5"


def test_figures_leave_the_warm_up_out(compared: list[Path]) -> None:
    for policy in (comparison := compare_traces(compared)).policies:
        cut = comparison.warm_up.slots
        for run in policy.runs:
            with open_trace(run.trace) as trace:
                bills = sum(trace.column(f"slots/{name}") for name in BILL_COLUMNS)
                assert run.cost == pytest.approx(bills[cut:].mean(), rel=1e-12)
                used = trace.column("slots/reservation_consumed_bits")[cut:].sum(axis=0)
                used = used + trace.column("slots/on_demand_consumed_bits")[cut:].sum(axis=0)
                np.testing.assert_array_equal(run.consumed_bits, used)
                kept = sum(
                    trace.column(f"slots/{pool}_stored_bits")
                    for pool in ("reservation", "on_demand")
                )
                np.testing.assert_allclose(run.mean_pool_bits, kept[cut:].mean(axis=0))


def waiting(**changes: str) -> Scenario:
    """Requests that wait for keys of a few channels."""
    return nsfnet(
        run__slots="80",
        run__replications="1",
        demand__requests="30",
        demand__coupling='"independent"',
        network__qkd_wavelengths="60",
        key_management__patience_s="5.0",
        **changes,
    )


def test_requests_add_up_after_a_cut(tmp_path: Path) -> None:
    path = simulate(waiting(run__warmup_slots="33"), SIP, tmp_path / "t.h5")
    with open_trace(path) as trace:
        found = run_metrics(trace)
        waited = int(trace.column("slots/waiting")[32])
        arrived = int(trace.column("slots/arrived")[33:].sum())
    assert found.warm_up.slots == 33
    assert waited > 0
    assert found.arrived == waited + arrived
    assert found.served + found.blocked + found.pending == found.arrived
    assert int(found.waits.counts.sum()) == found.served
    assert found.warm_up.sentence == ("The first 33 slots are left out, as run.warmup_slots says.")


def test_a_warm_up_that_leaves_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"warmup_slots: 80 leaves none of the 80 slots"):
        simulate(waiting(run__warmup_slots="80"), SIP, tmp_path / "t.h5")


def test_a_given_zero_cuts_nothing(tmp_path: Path) -> None:
    path = simulate(nsfnet(**STORES | {"run__warmup_slots": "0"}), SIP, tmp_path / "t.h5")
    with open_trace(path) as trace:
        found = run_metrics(trace)
        assert trace.provenance["scenario"]["run"]["warmup_slots"] == 0
    assert (found.warm_up.slots, found.warm_up.method) == (0, "given")


def test_runs_that_are_paired_elsewhere_are_cut_as_said_alone(tmp_path: Path) -> None:
    for said, cut in ((None, WarmUp()), ("7", WarmUp(7, "given"))):
        changes = STORES if said is None else STORES | {"run__warmup_slots": said}
        path = simulate(nsfnet(**changes), SIP, tmp_path / "t.h5", force=True)
        with open_trace(path) as trace:
            assert given_warm_up(trace) == cut
