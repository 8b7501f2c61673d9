"""FEL rounds in the simulated network: keys, waiting, drop-outs, and what the trace says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qnetsim.case import open_case
from qnetsim.case.tasks import open_session
from qnetsim.errors import ScenarioError, SettingError
from qnetsim.fel.channels import Channels
from qnetsim.fel.key_usage import KeyUsageTable, run_flow
from qnetsim.fel.messages import KINDS
from qnetsim.fel.protocol import RoundOutcome
from qnetsim.kernel.relay import Announcement, Relay
from qnetsim.kernel.serving.open_slot import OpenSlot
from qnetsim.runs.simulate import simulate
from qnetsim.scenario import PolicyTable, Scenario, misplaced, parse_scenario
from qnetsim.scenario.tables.fel import BLOCKS, SAMPLES
from qnetsim.trace import open_trace
from qnetsim.trace.schema import recorded
from qnetsim.vocabulary import ROUND_STATUS, RoundStatus
from qnetsim.world.attendance import Attendance, draw_attendance
from tests.support.federated import drive
from tests.support.helpers import run
from tests.support.rounds import BASE, TIMED, WINE, check_kernels_agree, equal, go, world

#: Workers that come and go.
COMING = (
    WINE.replace("rounds = 3", "rounds = 8")
    + "patience_s = 2.0\non_demand_channels = 2\nworker_mtbf_s = 15\nworker_mttr_s = 3\n"
)


def usages(scenario: Scenario) -> tuple[KeyUsageTable, KeyUsageTable]:
    session = open_session(scenario.fel[0], 0, scenario.run.seed, counted=True)
    setup, one = KeyUsageTable(), KeyUsageTable()
    run_flow(session.setup(), setup)
    run_flow(session.round(session.workers, RoundOutcome()), one)
    return setup, one


def test_every_message_pays_for_its_key_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    scenario, pieces = world(), []
    take = OpenSlot.take

    def spy(self: OpenSlot, route, *rest):
        piece = take(self, route, *rest)
        if piece is not None:
            pieces.append((self.interval.first_slot, route, piece))
        return piece

    monkeypatch.setattr(OpenSlot, "take", spy)
    found = go(scenario)
    for row, usage in zip(found.ledger["round_key_bits"][:2], usages(scenario), strict=True):
        asked = {kind: 8 * entry.key_bytes for kind, entry in usage.by_purpose()}
        assert {kind: bits for kind, bits in zip(KINDS, row.tolist(), strict=True) if bits} == asked
    assert (found.ledger["round_status"] == RoundStatus.DONE).all()
    total = found.ledger["round_key_bits"].sum()
    assert found.columns["fel_key_bits"].sum() == total == sum(p.bits for _, _, p in pieces)
    # every piece cost its bits on every fibre of its path, beside what the requests took
    without = go(world(fel=""))
    extra = sum(
        found.columns[f"{pool}_consumed_bits"] - without.columns[f"{pool}_consumed_bits"]
        for pool in ("reservation", "on_demand")
    )
    expected = np.zeros_like(extra)
    for slot, route, piece in pieces:
        expected[slot, list(route.fibres)] += piece.bits
    np.testing.assert_array_equal(extra, expected)
    relays = without.simulation.setting.network.segments
    seen = sum(
        p.bits * (int((relays[list(r.fibres)] - 1).sum()) + len(r.nodes) - 2) for _, r, p in pieces
    )
    assert found.columns["exposed_bits"].sum() - without.columns["exposed_bits"].sum() == seen


def test_tasks_take_what_requests_leave() -> None:
    """Without a store and without channels of its own, a task changes nothing for the others."""
    found, without = go(world(slots=60)), go(world(fel="", slots=60))
    for name in ("served", "blocked", "waiting", "on_demand_channels", "qkd_on_demand_cost"):
        np.testing.assert_array_equal(found.columns[name], without.columns[name])
    last = int(np.flatnonzero(found.columns["fel_key_bits"])[-1])
    assert 3 < last < 50
    for column in recorded():
        if column.name not in TIMED:
            np.testing.assert_array_equal(
                found.columns[column.name][last + 1 :], without.columns[column.name][last + 1 :]
            )


@pytest.mark.parametrize("on_outage", ["wait", "reroute", "block"])
def test_all_kernels_agree(on_outage: str) -> None:
    check_kernels_agree(on_outage)


@pytest.mark.parametrize("intersection", ["blind_signatures", "commutative"])
@pytest.mark.parametrize("padded", [False, True])
def test_real_equals_counted_with_either_intersection(intersection: str, padded: bool) -> None:
    """Three workers, so that AES03 sends several lists over one link."""
    tasks = world().fel
    changes = {"intersection": intersection, "pad_ciphertexts": padded, "rounds": 1}
    results = [
        go(
            world().model_copy(
                update={"fel": (tasks[0].model_copy(update={**changes, "mode": m}),)}
            )
        )
        for m in ("counted", "real")
    ]
    equal(*results)


@pytest.mark.parametrize(
    "method",
    [
        {"optimiser": "conjugate_gradients"},
        {"optimiser": "line_search", "randomness": "full"},
        {"batch": 40},
    ],
)
def test_real_equals_counted_with_any_way_to_learn(method: dict) -> None:
    """With workers that come and go: gradients are found anew where they change."""
    table = parse_scenario(BASE.format(slots=60, network="", more="") + COMING).fel[0]
    found = []
    for mode in ("counted", "real"):
        tasks = (table.model_copy(update={**method, "mode": mode}),)
        found.append(go(world(slots=60).model_copy(update={"fel": tasks})))
    equal(*found)
    status = found[0].ledger["round_status"]
    workers = found[0].ledger["round_workers"][status == RoundStatus.DONE]
    assert len(set(workers.tolist())) > 1
    paper = go(world(slots=60).model_copy(update={"fel": (table,)}))
    assert (paper.ledger["loss"] != found[0].ledger["loss"]).any()


def test_keys_that_came_later_change_no_world_that_leaves_them_out() -> None:
    table = world().fel[0]
    dumped = table.model_dump(mode="json")
    assert not dumped.keys() & {"optimiser", "batch", "randomness"}
    worlds = []
    for change in ({}, {"randomness": "full"}, {"batch": 40}):
        scenario = world().model_copy(update={"fel": (table.model_copy(update=change),)})
        worlds.append(open_case(scenario).realisation(0).digest().hexdigest())
    # how ciphertexts are made is no part of a world; what is learnt from is
    assert worlds[0] == worlds[1] != worlds[2]


def test_no_key_is_used_before_it_is_there() -> None:
    """Keys that were got in vain come when they come, whichever message they serve."""
    from collections import defaultdict, deque

    from qnetsim.kernel.rounds import Rounds
    from qnetsim.kernel.serving.open_slot import OpenSlot

    pieces: dict = defaultdict(deque)
    asking: list = []
    early: list = []
    take, take_for, deliver = OpenSlot.take, Rounds._take, Rounds._deliver

    def took(self, *arguments):
        piece = take(self, *arguments)
        if piece is not None:
            pieces[asking[-1]].append([piece.bits // 8, piece.ready])
        return piece

    def asks(self, number, round_number, request):
        asking.append((number, request.message.source, request.message.target))
        return take_for(self, number, round_number, request)

    def delivers(self, number, round_number, message):
        mine, need = pieces[number, message.source, message.target], message.key_bytes
        while need:
            used = min(mine[0][0], need)
            need, mine[0][0] = need - used, mine[0][0] - used
            if mine[0][1] > self._now:
                early.append(message)
            if not mine[0][0]:
                mine.popleft()
        return deliver(self, number, round_number, message)

    more = (
        WINE.replace("rounds = 3", "rounds = 60") + "patience_s = 0.1\non_demand_channels = 100\n"
    )
    scenario = world(more, 120, more="[key_management]\non_demand_setup_s = 0.5\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(OpenSlot, "take", took)
        patch.setattr(Rounds, "_take", asks)
        patch.setattr(Rounds, "_deliver", delivers)
        go(scenario)
    assert pieces
    assert not early


def test_a_held_decision_is_the_same_as_one_each_slot() -> None:
    from tests.support.helpers import Scripted

    rows = np.full((40, 21), 30)
    one, held = (run(world(), Scripted(rows, rows, hold=h)) for h in (1, 40))
    equal(one, held)


def test_real_equals_counted_in_the_network() -> None:
    counted = world()
    real = counted.model_copy(
        update={"fel": tuple(t.model_copy(update={"mode": "real"}) for t in counted.fel)}
    )
    announced: list[Announcement] = []
    case = open_case(real)
    relay = Relay(case.network, case.forecast, 1, 0, announce=announced.append)
    results = go(counted), go(real), go(real, relay=relay)
    equal(results[0], results[1])
    equal(results[0], results[2])
    assert announced
    # what the relays held in clear, for requests and tasks, is what the run counts in any case
    by_fibre = results[0].ledger["relay_bits"]
    by_node = results[0].ledger["node_bits"]
    seen_inside = np.zeros_like(by_fibre)
    seen_between = np.zeros_like(by_node)
    for place, bits in relay.seen.items():
        if isinstance(place, int):
            seen_between[place] = bits
        elif place[1] == 1:
            seen_inside[place[0]] = bits
    np.testing.assert_array_equal(seen_inside, by_fibre)
    np.testing.assert_array_equal(seen_between, by_node)
    worlds = [open_case(s).realisation(0).digest().hexdigest() for s in (counted, real)]
    assert worlds[0] == worlds[1]


def test_a_task_waits_for_keys_or_leaves_workers_out() -> None:
    patient = go(world(slots=60), "evf")
    assert patient.ledger["waited_ns"].sum() > 0
    assert (patient.ledger["round_workers"] == 3).all()
    np.testing.assert_array_equal(
        patient.ledger["waited_ns"], patient.ledger["duration_ns"], "nothing else takes time"
    )
    hasty = go(world(WINE + "patience_s = 1.0\n", slots=60), "evf")
    rounds = slice(1, None)
    left_out = hasty.ledger["round_workers"][rounds] < 3
    assert left_out.any()
    assert np.isnan(hasty.ledger["loss"][hasty.ledger["round_status"] == RoundStatus.LOST]).all()
    # a lost round is followed by another one in the next slot at the earliest
    lost = np.flatnonzero(hasty.ledger["round_status"][:-1] == RoundStatus.LOST)
    slots = hasty.ledger["started_ns"] // 10**9
    assert len(lost)
    assert (slots[lost + 1] > slots[lost]).all()


def test_channels_of_its_own_train_a_task_at_once() -> None:
    scenario = world(WINE + "on_demand_channels = 1000\ncompute_s = 0.01\n")
    found = go(scenario)
    assert (found.ledger["waited_ns"] == 0).all()
    # nine exchanges a round: key, scores, sums, twice masked scores, rates, twice gradients, loss
    np.testing.assert_array_equal(found.ledger["duration_ns"][1:], 9 * 10**7)
    assert (
        found.columns["qkd_on_demand_cost"].sum()
        > go(world(fel="")).columns["qkd_on_demand_cost"].sum()
    )


def test_set_up_delay_of_channels_delays_messages() -> None:
    more = "[key_management]\non_demand_setup_s = 0.5\n"
    found = go(world(WINE + "on_demand_channels = 1000\n", more=more))
    assert 0 < found.ledger["waited_ns"][1] <= 9 * 10**9


def test_workers_come_and_go_by_the_world_alone() -> None:
    away = (
        WINE + "worker_mtbf_s = 4\nworker_mttr_s = 4\non_demand_channels = 1000\ncompute_s = 0.3\n"
    )
    scenario = world(away)
    table = scenario.fel[0]
    attendance = draw_attendance(table, 0, 1, 0, 40 * 10**9)
    assert isinstance(attendance, Attendance)
    assert all((spell[:, 0] < spell[:, 1]).all() for spell in attendance.away)
    found = go(scenario)
    done = found.ledger["round_status"] == RoundStatus.DONE
    assert (found.ledger["round_workers"][done] < 3).any()
    # no round begins while the label holder is away
    for tick in found.ledger["started_ns"][1:][found.ledger["round_status"][1:] > 0]:
        assert not any(start <= tick < end for start, end in attendance.away[-1].tolist())
    digests = {
        text: open_case(world(text)).realisation(0).digest().hexdigest()
        for text in (
            WINE,
            away,
            WINE + "order = 1\n",
            WINE + "overlap = 0.8\n",
            WINE + "compute_s = 0.1\n",
            "",
        )
    }
    assert len(set(digests.values())) == len(digests)


def test_a_run_that_ends_early_says_so(tmp_path: Path) -> None:
    scenario = world(WINE.replace("rounds = 3", "rounds = 50"), slots=12)
    path = simulate(scenario, PolicyTable(name="sip"), tmp_path / "a.h5")
    with open_trace(path) as trace:
        status = [ROUND_STATUS[s] for s in trace.column("rounds/round_status")]
        assert trace.content_digest() == trace.attribute("content_digest")
        bits = trace.column("rounds/round_key_bits").sum()
        assert bits == trace.column("slots/fel_key_bits").sum()
    assert status == sorted(status, key=["done", "running", "not_begun"].index)
    assert status.count("running") == 1
    assert status.count("done") >= 2
    assert status[-1] == "not_begun"


def test_no_key_of_a_task_enters_a_trace(tmp_path: Path) -> None:
    fel = WINE + 'mode = "real"\n'
    keys: list[bytes] = []
    add = Channels.add_keys

    def spy(self: Channels, source: str, target: str, data: bytes) -> None:
        keys.append(data)
        add(self, source, target, data)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Channels, "add_keys", spy)
        path = simulate(world(fel, slots=12), PolicyTable(name="sip"), tmp_path / "a.h5")
    content = path.read_bytes()
    assert len(keys) > 20
    for key in keys:
        for at in range(0, len(key) - 8, 16):
            window = key[at : at + 8]
            assert window not in content
            assert window.hex().encode() not in content


def test_an_outage_in_the_way_of_a_task() -> None:
    outage = '[[outage]]\nnode = "14"\nstart_s = 1.0\nduration_s = 15.0\n'
    waits = go(world(more=outage))
    # the label holder's node is down: nothing goes on until it is back
    assert waits.ledger["started_ns"][2] + waits.ledger["duration_ns"][2] >= 16 * 10**9
    later = outage.replace("start_s = 1.0", "start_s = 3.0")
    many = WINE.replace("rounds = 3", "rounds = 12")
    blocks = go(world(many, more=later + '[key_management]\non_outage = "block"\n'))
    assert RoundStatus.LOST in blocks.ledger["round_status"].tolist()
    fibre = '[[outage]]\nfibre = ["6", "14"]\nstart_s = 1.0\nduration_s = 39.0\n'
    for on_outage in ("wait", "reroute"):
        # keys go over fibres that have some, and one that is down makes none
        key_management = f'[key_management]\non_outage = "{on_outage}"\n'
        around = go(world(more=fibre + key_management, slots=40))
        assert (around.ledger["round_status"] == RoundStatus.DONE).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ('owner = "99"', "fel.1.owner: unknown node '99'; allowed: 1, 2"),
        ('head = "3"', "node '3' is among head already; each party has its own node"),
        ('head = ["6", "5"]', "1 lists of workers for 2 heads"),
        ('workers = ["3", "8", "14", "2"]', "4 workers; allowed: at most 3"),
        ('workers = ["3", "3"]', "among workers already"),
        ("workers = []", "a list is empty"),
        ('dataset = "mnist"', "'breast_cancer', 'digits', 'iris' or 'wine'"),
        ("key_bits = 512", "a multiple of 8, 1024 .. 8192"),
        ("key_bits = 1026", "a multiple of 8, 1024 .. 8192"),
        ("rounds = 0", "an integer 1 .. 10000"),
        ("overlap = 0.0", "a number 0.1 .. 1"),
        ("worker_mtbf_s = 5", "needs worker_mttr_s beside it"),
        ("worker_mtbf_s = 1e-3\nworker_mttr_s = 1e-3\n", "workers leave about"),
        ("patience_s = -1.0", "a number >= 0"),
        ("compute_s = 1e-10", "a multiple of 1e-9 s"),
        ("works = 3", "unknown key"),
        (
            'optimiser = "newton"',
            "'gradient_descent' (as in the paper), 'line_search' or 'conjugate_gradients'",
        ),
        ('randomness = "weak"', "'short' (of Damgård, Jurik and Nielsen"),
        ("batch = 0", "an integer >= 1"),
        ("batch = 179", "179 records; allowed: 1 .. 178, those of wine"),
        (
            'batch = 50\noptimiser = "line_search"',
            "a round of 'line_search' needs all records; allowed: with optimiser",
        ),
    ],
)
def test_bad_tasks_are_refused(change: str, message: str, tmp_path: Path) -> None:
    from qnetsim.case import load

    key = change.split(" ")[0]
    kept = [line for line in WINE.splitlines() if not line.startswith(key + " ")]
    slots = 10**9 if "1e-3" in change else 40
    path = tmp_path / "x.toml"
    path.write_text(BASE.format(slots=slots, network="", more="") + "\n".join([*kept, change]))
    with pytest.raises(ScenarioError) as error:
        load(path)
    text = str(error.value)
    assert message.removeprefix("fel.1.owner: ") in text
    assert "x.toml:" in text


def test_the_data_sets_have_as_many_blocks_as_the_table_says() -> None:
    from qnetsim.fel.datasets import DATASET_NAMES, load_dataset

    assert {name: len(load_dataset(name).blocks(1, 0)) for name in DATASET_NAMES} == BLOCKS
    assert {name: load_dataset(name).samples for name in DATASET_NAMES} == SAMPLES
    nodes = {str(i) for i in range(1, 15)}
    assert not list(misplaced(world().fel, lambda name: None if name in nodes else "no node"))
    with pytest.raises(SettingError, match="unknown node"):
        open_case(world(WINE.replace('"14"', '"15"')))


def test_step_counts_of_a_session() -> None:
    """Steps of the messages follow each other, and every kind is a known one."""
    session = open_session(world().fel[0], 0, 1, counted=True)
    sent = drive(session.setup()) + drive(session.round(session.workers, RoundOutcome()))
    steps = [message.step for message in sent]
    assert steps == sorted(steps)
    assert {message.kind for message in sent} <= set(KINDS)
