"""The kernel: order, serving, billing, ledger, and the seam to policies."""

from __future__ import annotations

import dataclasses
import itertools
import pickle
from collections.abc import Mapping, MutableMapping
from pathlib import Path

import numpy as np
import pytest

from qnetsim.case import Case, open_case
from qnetsim.errors import LedgerError, PolicyError
from qnetsim.kernel import Kernel, Ledger
from qnetsim.kernel.clock import Clock, Priority
from qnetsim.kernel.key_managers import KeyManagers
from qnetsim.kernel.ledger import Columns
from qnetsim.kernel.serving.intervals import Interval
from qnetsim.network import Route, RouteTable, read_topology
from qnetsim.policies import Decision, Observation, Policy
from qnetsim.policies.registry import make_policy
from qnetsim.scenario import parse_scenario
from qnetsim.trace.schema import recorded
from qnetsim.world.realisation import WorldChunk
from tests.support.helpers import Scripted, nsfnet, run


def two_fibres(tmp_path: Path, network: str = "", management: str = "") -> Case:
    """a–b–c, 100 and 200 km; request 0 is a–b, request 1 is a–c; a channel yields 10 bits."""
    path = tmp_path / "two.csv"
    path.write_text("source,target,length_km\na,b,100\nb,c,200\n")
    return open_case(
        parse_scenario(f"""
[run]
slots = 3
[network]
topology = {str(path)!r}
span_km = 100
key_rate_bps = 10
{network}
[demand]
levels = 4
pairs = [["a", "b"], ["a", "c"]]
[key_management]
{management}
""")
    )


def world(*levels: int) -> list[WorldChunk]:
    return [WorldChunk(0, np.array(levels, dtype=np.int16)[:, None])]


def test_a_slot_by_hand(tmp_path: Path) -> None:
    """Level 2 on both requests: a–b needs 4 channels, b–c needs 2; 3 and 1 are reserved."""
    case = two_fibres(tmp_path)
    policy = Scripted(np.tile([3, 1], (3, 1)), np.tile([1, 1], (3, 1)))
    result = run(case, policy, chunks=world(2, 0, 1))
    c = result.columns
    assert c["reservation_produced_bits"].tolist() == [[30, 10]] * 3
    assert c["reservation_consumed_bits"].tolist() == [[30, 10], [0, 0], [20, 10]]
    assert c["reservation_expired_bits"].tolist() == [[0, 0], [30, 10], [10, 0]]
    assert c["on_demand_channels"].tolist() == [[1, 1], [0, 0], [0, 0]]
    assert c["on_demand_consumed_bits"].tolist() == [[10, 10], [0, 0], [0, 0]]
    # a KM wavelength for each request and fibre, also at level 0; one is reserved on a–b
    assert c["on_demand_wavelengths"].tolist() == [[1, 0]] * 3
    assert c["served"].tolist() == [2, 2, 2]
    # N = 1 and 2, c_qkd = 5250 N + 3 l, c_km = 1200 (N+1) + 150 (N-1) + 300 (2N-1) + l
    qkd, km = [5250 + 300, 10500 + 600], [2400 + 300 + 100, 3600 + 150 + 900 + 200]
    assert c["qkd_reserved_cost"].tolist() == [3 * qkd[0] + qkd[1]] * 3
    assert c["km_reserved_cost"].tolist() == [sum(km)] * 3
    assert c["qkd_on_demand_cost"].tolist() == [4 * sum(qkd), 0, 0]
    assert c["km_on_demand_cost"].tolist() == [6000 + 900 + 400] * 3


def test_a_poor_yield_changes_the_bill(tmp_path: Path) -> None:
    """Costs come from what the pools lack: at half the yield b–c lacks 10 bits, two channels."""
    case = two_fibres(tmp_path)
    policy = Scripted(np.tile([4, 2], (3, 1)), np.tile([2, 1], (3, 1)), hold=3)
    before = run(case, policy, chunks=world(2, 2, 2))
    ppm = np.full((3, 2), 10**6)
    ppm[1, 1] = 5 * 10**5
    poor = dataclasses.replace(world(2, 2, 2)[0], yield_ppm=ppm)
    price = case.network.costs.qkd_on_demand[1]
    for kernel in ("numpy", "loop", "numba"):
        after = run(case, policy, chunks=[poor], kernel=kernel)
        assert (after.cost - before.cost).tolist() == [0, 2 * price, 0]


def test_limits_block_in_order_of_arrival(tmp_path: Path) -> None:
    """Two channels at most: at level 2 the first request fills a–b, the second is blocked."""
    case = two_fibres(tmp_path, network="qkd_wavelengths = 8")
    policy = Scripted(np.tile([5, 0], (3, 1)), np.zeros((3, 2), int))
    result = run(case, policy, chunks=world(2, 1, 3))
    c = result.columns
    assert c["served"].tolist() == [1, 2, 0]
    assert c["blocked"].tolist() == [1, 0, 2]
    # five reserved channels are billed, two are lit; a blocked request lights and pays nothing
    assert c["qkd_channels"][:, 0].tolist() == [5, 5, 5]
    assert c["reservation_produced_bits"][:, 0].tolist() == [20, 20, 20]
    assert c["on_demand_channels"].tolist() == [[0, 0], [0, 1], [0, 0]]
    assert c["on_demand_wavelengths"].tolist() == [[1, 0], [2, 1], [0, 0]]


def test_patience_ends_ahead_of_the_retry_at_its_tick(tmp_path: Path) -> None:
    """Patience of one slot ends at priority 1 of the next start: such a request is not retried."""
    for patience, served in ((1.0, [1, 2, 2]), (1.5, [1, 2, 3])):
        case = two_fibres(
            tmp_path, network="qkd_wavelengths = 9", management=f"patience_s = {patience}"
        )
        policy = Scripted(np.zeros((3, 2), int), np.zeros((3, 2), int))
        result = run(case, policy, chunks=world(2, 1, 0))
        assert result.columns["served"].tolist() == served


def test_stores_carry_lifetime_then_cap(tmp_path: Path) -> None:
    case = two_fibres(tmp_path, management="store_bits = 25\nkey_lifetime_slots = 1")
    policy = Scripted(np.tile([3, 0], (3, 1)), np.zeros((3, 2), int))
    c = run(case, policy, chunks=world(0, 0, 0)).columns
    assert c["reservation_stored_bits"][:, 0].tolist() == [25, 25, 25]
    assert c["reservation_overflowed_bits"][:, 0].tolist() == [5, 5, 5]
    assert c["reservation_expired_bits"][:, 0].tolist() == [0, 25, 25]


def test_pool_offsets_only_move_forward() -> None:
    scenario = nsfnet(
        run__slots="200",
        demand__requests="30",
        demand__coupling='"independent"',
        network__qkd_wavelengths="60",
        key_management__store_bits="5000",
        key_management__key_lifetime_slots="2",
        key_management__patience_s="3",
    )
    heads = []

    class Watch(Policy):
        def decide(self, observation: Observation) -> Decision:
            rng = np.random.default_rng(observation.slot)
            return Decision(rng.integers(0, 30, 21), np.full(21, 9))

        def learn(self, outcome: object) -> None:
            heads.append(watched.state.head.copy())

    honest = KeyManagers.serve

    def serve(self, *rest):
        nonlocal watched
        watched = self
        return honest(self, *rest)

    watched: KeyManagers
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(KeyManagers, "serve", serve)
        run(scenario, Watch())
    steps = np.diff(np.stack(heads), axis=0)
    assert len(steps) == 199 and (steps >= 0).all() and steps.any()


def test_instants_are_ordered_by_priority_then_entity() -> None:
    clock, order = Clock(), []

    def process(tick: int, priority: Priority, entity: int):
        yield clock.at(tick, priority, entity)
        order.append((clock.now, priority, entity))

    rng = np.random.default_rng(1)
    wanted = [
        (int(rng.integers(3)), Priority(int(rng.integers(1, 7))), entity) for entity in range(60)
    ]
    for tick, priority, entity in [wanted[i] for i in rng.permutation(len(wanted))]:
        clock.process(process(tick, priority, entity))
    clock.run()
    assert order == sorted(wanted)
    with pytest.raises(ValueError, match="has passed"):
        clock.at(1, Priority.DECISION)


@pytest.mark.parametrize("management", ["", "store_bits = 3000\nkey_lifetime_slots = 2"])
def test_holding_is_the_same_as_deciding_anew(management: str) -> None:
    keys = dict(line.split(" = ") for line in management.splitlines())
    scenario = nsfnet(
        run__slots="2100",
        demand__requests="20",
        **{f"key_management__{key}": value for key, value in keys.items()},
    )
    rng = np.random.default_rng(0)
    channels = np.repeat(rng.integers(0, 30, (300, 21)), 7, axis=0)
    wavelengths = np.repeat(rng.integers(0, 9, (300, 21)), 7, axis=0)
    results = [run(scenario, Scripted(channels, wavelengths, hold=h)) for h in (1, 7, 2100)]
    for result in results[1:]:
        for column in recorded():
            if not column.volatile:
                np.testing.assert_array_equal(
                    result.columns[column.name], results[0].columns[column.name]
                )


@pytest.mark.parametrize("kernel", ["numba", "numpy", "loop"])
def test_a_decision_that_holds_is_served_in_one_call(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, honest = [], KeyManagers.serve

    def serve(self: KeyManagers, interval: Interval, routes: RouteTable) -> Columns:
        calls.append(interval.slots)
        return honest(self, interval, routes)

    monkeypatch.setattr(KeyManagers, "serve", serve)
    scenario = nsfnet(run__slots="1500", demand__requests="5", key_management__store_bits="9000")
    channels, wavelengths = np.full((1500, 21), 9), np.full((1500, 21), 3)
    run(scenario, Scripted(channels, wavelengths, hold=300), kernel=kernel)
    # cut at the decisions and where the world's next chunk begins
    assert calls == [300, 300, 300, 124, 176, 300]


def test_events_do_not_grow_with_requests() -> None:
    scheduled = set()
    for requests in ("10", "1000"):
        case = open_case(nsfnet(demand__requests=requests, run__slots="5000"))
        scheduled.add(run(case, make_policy("sip", {})).simulation.clock.scheduled)
    assert len(scheduled) == 1
    assert scheduled.pop() < 20


def test_several_controllers_own_the_fibres() -> None:
    case = open_case(nsfnet(run__slots="30", demand__requests="15"))
    rng = np.random.default_rng(2)
    channels, wavelengths = rng.integers(0, 20, (30, 21)), rng.integers(0, 9, (30, 21))
    one = run(case, Scripted(channels, wavelengths, hold=3))
    owner = rng.permutation(np.arange(21) % 4)
    policy = Scripted(channels, wavelengths, hold=2, owner=owner)
    four = run(case, policy)
    for column in recorded():
        if not column.volatile:
            np.testing.assert_array_equal(four.columns[column.name], one.columns[column.name])
    assert [o.controller for o in policy.seen[:4]] == [0, 1, 2, 3]
    assert all((owner[o.fibres] == o.controller).all() for o in policy.seen)


class Meddler(Policy):
    """Draws extra numbers and tries to change all that it sees."""

    def decide(self, observation: Observation) -> Decision:
        observation.generator.random(100)
        for name in ("fibres", "reservation_pool_bits", "on_demand_pool_bits"):
            array = getattr(observation, name)
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 99
            with pytest.raises(ValueError, match="WRITEABLE"):
                array.flags.writeable = True
        with pytest.raises(AttributeError):
            observation.slot = 5  # type: ignore[misc]
        assert observation.future is None
        return Decision(np.full(21, 4), np.full(21, 2))


class Burglar(Policy):
    """Tries every array and table that it can reach, however deep."""

    sees_future = True

    def prepare(self, setting, plan) -> None:
        self.locked = 0
        self.search(setting, set())

    def search(self, thing: object, seen: set[int]) -> None:
        if id(thing) in seen:
            return
        seen.add(id(thing))
        if isinstance(thing, np.ndarray):
            with pytest.raises(ValueError, match=r"WRITEABLE"):
                thing.flags.writeable = True
            self.locked += 1
        elif isinstance(thing, Mapping):
            assert not isinstance(thing, MutableMapping)
            for value in thing.values():
                self.search(value, seen)
        elif isinstance(thing, tuple):
            for value in thing[:50]:
                self.search(value, seen)
        elif dataclasses.is_dataclass(thing):
            assert not isinstance(thing, list | dict | set)
            for name in dir(thing):
                if not name.startswith("_") and not callable(getattr(type(thing), name, None)):
                    self.search(getattr(thing, name), seen)

    def decide(self, observation: Observation) -> Decision:
        self.search(observation.future, set())
        return Decision(np.full(21, 4), np.full(21, 2), observation.slots_left)


@pytest.mark.filterwarnings("ignore:LevelDistribution.levels:DeprecationWarning")
@pytest.mark.parametrize("coupling", ["comonotone", "independent"])
def test_nothing_that_a_policy_can_reach_is_writeable(coupling: str) -> None:
    scenario = nsfnet(run__slots="20", demand__requests="9", demand__coupling=f'"{coupling}"')
    burglar = Burglar()
    run(scenario, burglar)
    assert burglar.locked > 15


def test_plans_stay_as_they_are_also_in_other_processes() -> None:
    plan = make_policy("sip", {}).plan(open_case(nsfnet()).setting)
    for copy in (plan, pickle.loads(pickle.dumps(plan))):
        for array in (copy.qkd_channels, copy.on_demand_wavelengths, copy.routes.choice):
            with pytest.raises(ValueError, match="WRITEABLE"):
                array.flags.writeable = True


def test_pools_and_queue_are_shown_as_they_are(tmp_path: Path) -> None:
    """Stores of both pools and a queue, seen by the controller and found in the columns."""
    case = two_fibres(
        tmp_path,
        network="qkd_wavelengths = 9",
        management='store_bits = 100\nkey_lifetime_slots = 3\npatience_s = 9\ngranularity = "bit"',
    )
    narrow = dataclasses.replace(case.network, level_bits=7)
    case = Case(case.scenario, narrow, case.forecast)
    policy = Scripted(np.tile([1, 2], (3, 1)), np.zeros((3, 2), int))
    result = run(case, policy, chunks=world(1, 3, 3))
    for slot in (1, 2):
        seen = policy.seen[slot]
        before = {n: result.columns[n][slot - 1] for n in result.columns}
        expected = before["reservation_stored_bits"].tolist()
        assert seen.reservation_pool_bits.tolist() == expected
        assert seen.on_demand_pool_bits.tolist() == before["on_demand_stored_bits"].tolist()
        assert seen.waiting == before["waiting"]
    stored = result.columns
    assert (stored["reservation_stored_bits"] != stored["on_demand_stored_bits"]).any()
    assert stored["waiting"].sum() > 0


class Quiet(Policy):
    def decide(self, observation: Observation) -> Decision:
        return Decision(np.full(21, 4), np.full(21, 2), observation.slots_left)


def test_meddling_changes_nothing() -> None:
    case = open_case(
        nsfnet(run__slots="40", demand__requests="15", demand__coupling='"independent"')
    )
    meddled, quiet = run(case, Meddler()), run(case, Quiet())
    np.testing.assert_array_equal(meddled.levels, quiet.levels)
    np.testing.assert_array_equal(meddled.cost, quiet.cost)
    for array in (case.network.channel_bits, case.network.costs.qkd_reserved, case.forecast.group):
        with pytest.raises(ValueError, match="WRITEABLE"):
            array.flags.writeable = True


def breaking(**changes: object) -> type[Policy]:
    class Broken(Policy):
        def decide(self, observation: Observation) -> Decision:
            good: dict = {"qkd_channels": np.ones(21, int), "km_wavelengths": np.ones(21, int)}
            return Decision(**{**good, **changes})

    return Broken


BAD_DECISIONS = {
    "dtype float64": {"qkd_channels": np.ones(21)},
    "shape": {"km_wavelengths": np.ones(20, int)},
    "must lie in": {"qkd_channels": -np.ones(21, int)},
    "hold_slots": {"hold_slots": 0},
    "not a RouteTable": {"routes": "shortest"},
    "must be": {"qkd_channels": np.ones((3, 21), int), "hold_slots": 2},
}


@pytest.mark.parametrize(("word", "change"), BAD_DECISIONS.items())
def test_bad_decisions_are_refused(word: str, change: dict[str, object]) -> None:
    with pytest.raises(PolicyError, match=word) as error:
        run(nsfnet(run__slots="5"), breaking(**change)())
    assert "policy test at slot 0" in str(error.value)


def test_an_exception_in_a_policy_is_named() -> None:
    class Crash(Policy):
        def decide(self, observation: Observation) -> Decision:
            raise KeyError("lost")

    with pytest.raises(
        PolicyError, match="policy test failed in decide at slot 0: KeyError: 'lost'"
    ):
        run(nsfnet(run__slots="5"), Crash())


def test_routes_with_loops_are_refused() -> None:
    case = open_case(nsfnet(demand__pairs="[[1, 2]]"))
    at = {frozenset(ends): e for e, ends in enumerate(case.network.topology.fibres)}
    nodes = (0, 2, 1, 0, 1)
    fibres = tuple(at[frozenset(step)] for step in itertools.pairwise(nodes))
    routes = RouteTable.of([[Route(nodes, fibres)] * 10])
    ones = np.ones((1000, 21), int)
    with pytest.raises(PolicyError, match="not a simple path"):
        run(case, Scripted(ones, ones, routes=routes))


def test_the_largest_reservation_is_allowed() -> None:
    scenario = nsfnet(run__slots="2", network__key_rate_bps="1.0")
    most = 2**31 - 1
    run(scenario, Scripted(np.full((2, 21), most), np.full((2, 21), most)))
    with pytest.raises(PolicyError, match="must lie in"):
        run(scenario, Scripted(np.full((2, 21), most + 1), np.full((2, 21), 0)))


@pytest.mark.parametrize("flow", ["consumed", "expired", "overflowed"])
def test_negative_flows_break_the_ledger(flow: str) -> None:
    ledger = Ledger(read_topology("nsfnet"), "test")
    columns = {
        c.name: np.zeros((2, 21) if len(c.dims) == 2 else 2, dtype=np.int64) for c in recorded()
    }
    columns[f"reservation_{flow}_bits"][1, 3] = -5
    columns["reservation_stored_bits"][1, 3] = 5
    ledger.add(columns)
    with pytest.raises(LedgerError, match="slot 1"):
        ledger.close({})


def test_routes_that_join_other_nodes_are_refused() -> None:
    case, other = open_case(nsfnet()), open_case(nsfnet(demand__requests="91"))
    routes = other.setting.shortest_routes()
    with pytest.raises(PolicyError, match="does not"):
        run(case, Scripted(np.ones((1000, 21), int), np.ones((1000, 21), int), routes=routes))


@pytest.mark.parametrize("owner", [np.zeros(5, int), np.full(21, 1), np.zeros(21)])
def test_bad_owners_are_refused(owner: np.ndarray) -> None:
    channels = np.ones((1000, 21), int)
    with pytest.raises(PolicyError, match="owners"):
        run(nsfnet(), Scripted(channels, channels, owner=owner))


def test_the_ledger_names_the_place() -> None:
    ledger = Ledger(read_topology("nsfnet"), "test")
    columns = {
        c.name: np.zeros((4, 21) if len(c.dims) == 2 else 4, dtype=np.int64) for c in recorded()
    }
    columns["on_demand_produced_bits"][2, 5] = 1
    ledger.add(columns)
    with pytest.raises(LedgerError, match="slot 2 on fibre 3–6, on_demand pool"):
        ledger.close({})


def test_totals_of_the_ledger_balance() -> None:
    scenario = nsfnet(
        run__slots="1500",
        demand__requests="20",
        key_management__store_bits="4000",
        key_management__key_lifetime_slots="3",
        key_management__granularity='"bit"',
    )
    ledger = run(scenario, make_policy("random", {})).ledger
    for pool in ("reservation", "on_demand"):
        made = ledger[f"{pool}_produced_bits"]
        gone = sum(
            ledger[f"{pool}_{flow}_bits"]
            for flow in ("consumed", "expired", "overflowed", "stored")
        )
        np.testing.assert_array_equal(made, gone)
        assert made.sum() > 0


def test_learning_policies_are_told_the_outcome() -> None:
    class Learner(Policy):
        def __init__(self) -> None:
            super().__init__()
            self.told: list = []

        def decide(self, observation: Observation) -> Decision:
            return Decision(np.full(21, 4), np.full(21, 2), 10)

        def learn(self, outcome) -> None:
            self.told.append(outcome)

    learner = Learner()
    result = run(nsfnet(run__slots="25"), learner)
    assert [o.first_slot for o in learner.told] == [0, 10, 20]
    np.testing.assert_array_equal(
        np.concatenate([o.cost.sum(axis=1) for o in learner.told]), result.cost
    )
    np.testing.assert_array_equal(np.concatenate([o.levels for o in learner.told]), result.levels)
