"""Tasks in runs: keys that avoid parties, attacks on messages, drop-outs, what tasks wait for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from qnetsim.analysis.fel_tasks import task_runs
from qnetsim.analysis.task_endings import TaskEnding, task_endings
from qnetsim.case import open_case
from qnetsim.case.task_relays import legs_of
from qnetsim.case.tasks import open_session
from qnetsim.errors import ScenarioError, SettingError, TraceFormatError
from qnetsim.kernel.serving.open_slot import OpenSlot
from qnetsim.policies.base import TaskWait
from qnetsim.runs.simulate import simulate
from qnetsim.scenario import PolicyTable, Scenario, parse_scenario
from qnetsim.studies.key_budget import key_budget
from qnetsim.trace import open_trace
from qnetsim.vocabulary import RoundStatus
from tests.support import ROOT
from tests.support.helpers import Scripted, run
from tests.support.rounds import RESTLESS, WINE, equal, go, world

#: The head lies on the cheapest way between workers and label holder.
PADDED = (
    WINE.replace('owner = "1"', 'owner = "2"')
    .replace('head = "6"', 'head = "5"')
    .replace('["3", "8", "14"]', '["4", "7", "9"]')
    + "pad_ciphertexts = true\non_demand_channels = 2000\n"
)


def avoiding(avoid: str, fel: str = PADDED) -> Scenario:
    return world(fel + f'[fel.privacy]\navoid = "{avoid}"\n', slots=60)


def attacked(kind: str, more: str = "", fel: str = WINE, slots: int = 40) -> Scenario:
    return world(fel + f'[[fel.attack]]\nkind = "{kind}"\n{more}', slots=slots)


def ending(found) -> object:
    return found.simulation.rounds.notes()[0]


def in_mode(scenario: Scenario, mode: str) -> Scenario:
    tasks = tuple(table.model_copy(update={"mode": mode}) for table in scenario.fel)
    return scenario.model_copy(update={"fel": tasks})


# ------------------------------------------------------------------ keys that avoid parties


def test_keys_avoid_who_could_read_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """With any ``avoid`` the head relays no pad that it could open; without, it does."""
    seen = {}
    for avoid in ("none", "key_holders", "readers"):
        seen[avoid] = ending(go(avoiding(avoid))).relayed
    assert seen["none"]["5"].readable_bits > 100_000
    assert seen["none"]["7"].readable_bits > 0
    head = seen["key_holders"].get("5")
    assert head is None or head.readable_bits == 0
    assert all(relayed.readable_bits == 0 for relayed in seen["readers"].values())


def test_no_key_passes_a_party_where_none_may() -> None:
    found = ending(go(world(WINE + '[fel.privacy]\navoid = "parties"\n')))
    assert not found.relayed
    assert ending(go(world())).relayed


@pytest.mark.parametrize("avoid", ["key_holders", "parties"])
def test_routes_avoid_nodes_in_every_kernel(avoid: str, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []
    take = OpenSlot.take

    def spy(self, route, *rest):
        taken.append(route)
        return take(self, route, *rest)

    monkeypatch.setattr(OpenSlot, "take", spy)
    fel = WINE if avoid == "parties" else PADDED
    scenario = avoiding(avoid, fel)
    first = go(scenario, kernel="loop")
    routes = list(taken)
    for kernel in ("numpy", "numba"):
        taken.clear()
        equal(first, go(scenario, kernel=kernel))
        assert taken == routes
    parties = {
        open_case(scenario).network.topology.nodes.index(n) for n in ["1", "6", "3", "8", "14"]
    }
    if avoid == "parties":
        assert not any(parties & set(route.nodes[1:-1]) for route in routes)


@pytest.mark.parametrize("on_outage", ["wait", "reroute", "block"])
def test_outages_open_no_barred_way(on_outage: str) -> None:
    more = (
        f'[key_management]\non_outage = "{on_outage}"\n'
        '[[outage]]\nfibre = ["5", "7"]\nstart_s = 1.0\nduration_s = 40.0\n'
    )
    scenario = world(PADDED + '[fel.privacy]\navoid = "readers"\n', slots=50, more=more)
    assert all(seen.readable_bits == 0 for seen in ending(go(scenario)).relayed.values())


def test_a_task_without_a_way_is_refused() -> None:
    shipped = (ROOT / "scenarios" / "fel.toml").read_text("utf-8")
    text = shipped.replace("compute_s = 0.05", "compute_s = 0.05\npad_ciphertexts = true")
    open_case(parse_scenario(text))
    strict = text.replace("compute_spread = 0.5", 'compute_spread = 0.5\nprivacy.avoid = "readers"')
    with pytest.raises(SettingError) as caught:
        open_case(parse_scenario(strict))
    message = str(caught.value)
    assert message.startswith("fel.3.privacy.avoid: keys of 'tokens' from '4' to '1' must avoid")
    assert message.endswith("move a party, add a fibre, or allow it with avoid = 'none'")


def test_the_budget_counts_what_parties_relay() -> None:
    budgets = {avoid: key_budget(open_case(avoiding(avoid)), 0) for avoid in ("none", "readers")}
    assert budgets["none"].round_relayed["5"].readable_bits > 100_000
    assert not any(seen.readable_bits for seen in budgets["readers"].round_relayed.values())
    # the same keys on other fibres
    assert (budgets["readers"].round_bits != budgets["none"].round_bits).any()
    for budget in budgets.values():
        assert budget.round.total == budgets["none"].round.total


# ------------------------------------------------------------------ attacks


ATTACKS = [
    ("drop", 'purpose = "masked scores"\n'),
    ("drop", "share = 0.3\nfirst_round = 0\n"),
    ("tamper", "share = 0.3\nfirst_round = 0\n"),
    ("tamper", 'source = "3"\nlast_round = 2\n'),
    ("replay", "first_round = 0\n"),
]


@pytest.mark.parametrize(("kind", "more"), ATTACKS)
def test_real_equals_counted_under_attack(kind: str, more: str) -> None:
    scenario = attacked(kind, more)
    counted, real = go(scenario), go(in_mode(scenario, "real"))
    equal(counted, real)
    assert ending(counted) == ending(real)
    assert ending(real).attacked[kind] > 0


@pytest.mark.parametrize("kind", ["tamper", "drop"])
def test_an_attack_costs_keys_and_time(kind: str) -> None:
    calm = go(world())
    found = go(attacked(kind, 'purpose = "rates"\nlast_round = 1\nshare = 0.5\n'))
    told = ending(found)
    assert told.attacked[kind] > 0
    extra = found.ledger["round_key_bits"].sum() - calm.ledger["round_key_bits"].sum()
    assert extra == told.burnt_bits > 0
    assert found.ledger["duration_ns"][1] > calm.ledger["duration_ns"][1]
    # the model does not suffer where nobody is left out
    np.testing.assert_array_equal(found.ledger["loss"], calm.ledger["loss"])


def test_a_replay_costs_nothing() -> None:
    equal(go(world()), go(attacked("replay", "first_round = 0\n")))


def test_a_worker_whose_messages_never_arrive_is_left_out() -> None:
    fel = WINE + "patience_s = 3.0\non_demand_channels = 500\n"
    found = go(attacked("drop", 'source = "3"\n', fel, slots=60))
    done = found.ledger["round_status"][1:] == RoundStatus.DONE
    assert done.all()
    assert (found.ledger["round_workers"][1:] == 2).all()


@pytest.mark.parametrize("patience_s", [0.0, 0.3])
def test_a_message_is_sent_again_from_the_next_slot_on(patience_s: float) -> None:
    """Whoever has no patience until then gives up, and burns no further keys."""
    fel = WINE + f"patience_s = {patience_s}\non_demand_channels = 500\n"
    found = go(attacked("drop", 'purpose = "loss"\n', fel, slots=60))
    assert ending(found).attacked == {"drop": 3 * 3}
    # a message of one loss of 16 bytes for each of three classes, and its tag
    assert ending(found).burnt_bits == 9 * 8 * (3 * 16 + 32)


MIXED = [
    # what was dropped is no replay when it comes
    (WINE, '[[fel.attack]]\nkind = "drop"\nshare = 0.5\n[[fel.attack]]\nkind = "replay"\n'),
    # a new start is told by an empty message, of which only the tag can be changed
    (
        WINE + 'optimiser = "conjugate_gradients"\nworker_dropout = 0.5\n',
        '[[fel.attack]]\nkind = "tamper"\nshare = 0.5\n',
    ),
]


@pytest.mark.parametrize(("fel", "attacks"), MIXED)
def test_real_equals_counted_under_mixed_attacks(fel: str, attacks: str) -> None:
    scenario = world(fel + "patience_s = 5.0\non_demand_channels = 500\n" + attacks, slots=60)
    counted, real = go(scenario), go(in_mode(scenario, "real"))
    equal(counted, real)
    assert ending(counted) == ending(real)
    assert all(ending(real).attacked.values())


def test_all_kernels_agree_under_attack() -> None:
    fel = RESTLESS + '[[fel.attack]]\nkind = "drop"\nshare = 0.2\n'
    scenario = world(fel.replace("patience_s = 2.0\n", "patience_s = 2.0\nworker_dropout = 0.3\n"))
    first = go(scenario, kernel="loop")
    for kernel in ("numpy", "numba"):
        other = go(scenario, kernel=kernel)
        equal(first, other)
        assert first.simulation.rounds.notes() == other.simulation.rounds.notes()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ('purpose = "score"', "no message of the task is for 'score'; allowed: 'parameters'"),
        ('source = "2"', "node '2' is no party of the task; allowed: 1, 6, 3, 8, 14"),
        ('source = "3"\ntarget = "8"', "the task sends nothing from '3' to '8'"),
        ("last_round = 0", "0 is ahead of first_round, 1"),
        ("first_round = 4", "4 is after the last round, 3"),
        ('purpose = "tokens"', "is sent in the set-up alone; first_round = 0 is the set-up"),
        (
            'purpose = "scores"\nfirst_round = 0\nlast_round = 0',
            "is sent in rounds alone; the set-up, round 0, has none of it",
        ),
        ("share = 0.0", "a number 0 < share <= 1"),
        ('kind = "jam"', "'tamper', 'drop' or 'replay'"),
    ],
)
def test_attacks_that_make_no_sense_are_refused(more: str, message: str) -> None:
    text = more if more.startswith("kind") else f'kind = "drop"\n{more}'
    with pytest.raises((ScenarioError, SettingError)) as caught:
        open_case(world(WINE + f"[[fel.attack]]\n{text}\n"))
    assert message in str(caught.value)


def test_tasks_with_batches_are_checked_too() -> None:
    scenario = attacked("drop", 'purpose = "loss"\nsource = "14"\n', WINE + "batch = 100\n")
    found = go(scenario)
    assert ending(found).attacked["drop"] > 0
    with pytest.raises(SettingError, match="the label holder tells a batch's loss"):
        open_case(world(WINE + 'batch = 100\n[fel.privacy]\nscores = "encrypted"\n'))


def test_a_batch_is_no_larger_than_what_is_not_held_out() -> None:
    fel = WINE + "batch = 140\n"
    assert open_case(world(fel))
    with pytest.raises(SettingError, match=r"140 records; allowed: 1 .. 134, those of wine that"):
        open_case(world(fel + "test_share = 0.25\n"))


@pytest.mark.parametrize("number", range(6))
def test_drawn_labels_keep_no_task_from_being_checked(number: int) -> None:
    """Of the few records of the check all might be drawn into one class."""
    fel = """
[[fel]]
dataset = "wine"
owner = "1"
head = "6"
workers = ["3"]
privacy = {avoid = "parties", label_epsilon = 0.05}
"""
    assert len(open_case(world(fel * (number + 1))).scenario.fel) == number + 1


def test_attacked_parties_may_be_named_by_their_labels() -> None:
    table = open_case(attacked("drop", 'source = "3"\n')).scenario.fel[0].attack[0]
    assert (table.source, table.target) == ("3", None)


def test_the_world_covers_drawn_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = world(WINE + "[fel.privacy]\nlabel_epsilon = 1.0\n")
    first = open_case(scenario).realisation(0).digest().hexdigest()
    assert open_case(scenario).realisation(0).digest().hexdigest() == first
    monkeypatch.setattr("qnetsim.case.tasks.randomised_response", lambda labels, *_: labels)
    assert open_case(scenario).realisation(0).digest().hexdigest() != first


# ------------------------------------------------------------------ drop-outs


def test_workers_miss_rounds_with_a_probability() -> None:
    fel = WINE.replace("rounds = 3", "rounds = 40") + "worker_dropout = 0.3\n"
    fel += "on_demand_channels = 500\n"
    found = go(world(fel, slots=120))
    workers = found.ledger["round_workers"][1:]
    assert (workers >= 1).all()
    assert workers.mean() == pytest.approx(1 + 2 * 0.7, abs=0.25)
    digests = {
        text: open_case(world(text)).realisation(0).digest().hexdigest()
        for text in (WINE, WINE + "worker_dropout = 0.3\n", WINE + "worker_dropout = 0.0\n")
    }
    one, other, none = digests.values()
    assert one == none != other


# ------------------------------------------------------------------ what tasks wait for


def test_policies_see_what_tasks_wait_for() -> None:
    rows = np.full((40, 21), 10)
    policy = Scripted(rows, rows)
    found = run(world(), policy)
    waits = [one for observation in policy.seen for one in observation.tasks]
    assert waits
    assert all(isinstance(one, TaskWait) and one.task == 0 and one.bits > 0 for one in waits)
    nodes = open_case(world()).network.topology.nodes
    parties = {nodes.index(name) for name in ("1", "6", "3", "8", "14")}
    assert {one.source for one in waits} | {one.target for one in waits} <= parties
    assert not policy.seen[0].tasks
    assert found.columns["fel_key_bits"].sum() > 0
    # a task that is done waits for nothing
    plenty = np.full((40, 21), 2000)
    rich = Scripted(plenty, plenty)
    run(world(), rich)
    assert not rich.seen[-1].tasks


def test_a_run_says_what_a_task_lacked(tmp_path: Path) -> None:
    scenario = world(WINE.replace("rounds = 3", "rounds = 50"), slots=12)
    path = simulate(scenario, PolicyTable(name="sip"), tmp_path / "a.h5")
    with open_trace(path) as trace:
        (told,) = task_runs(trace)
        sentence = next(told.ending.sentences(told.name))
    want = told.ending.want
    assert want is not None
    assert want["bits"] > want["fibre_bits"] >= 0
    assert f"lacks {want['bits']:,} key bits for {want['purpose']!r}" in sentence
    assert f"fibre {want['fibre']} had" in sentence
    done = simulate(world(), PolicyTable(name="sip"), tmp_path / "b.h5")
    with open_trace(done) as trace:
        assert task_runs(trace)[0].ending.want is None


def test_a_trace_tells_of_attacks_and_relays(tmp_path: Path) -> None:
    scenario = attacked("tamper", "share = 0.5\n", PADDED + '[fel.privacy]\navoid = "none"\n', 60)
    path = simulate(scenario, PolicyTable(name="sip"), tmp_path / "a.h5")
    with open_trace(path) as trace:
        (found,) = task_endings(trace, 1)
        assert json.loads(trace.attribute("tasks"))[0]["burnt_bits"] == found.burnt_bits
        with pytest.raises(TraceFormatError, match="1 entries for 2 tasks"):
            task_endings(trace, 2)
    text = " ".join(found.sentences("1 wine"))
    assert f"{found.attacked['tamper']} messages tampered with" in text
    assert "node 5 relays pads of messages that it can read" in text


@pytest.mark.parametrize("text", ["{", "[1]", '[{"bad": 1}]', "[]"])
def test_damaged_notes_of_tasks_are_refused(text: str) -> None:
    class Fake:
        path = "a.h5"

        def attribute(self, name: str) -> str:
            return text

    with pytest.raises(TraceFormatError, match="attribute tasks is damaged"):
        task_endings(Fake(), 1)  # type: ignore[arg-type]


def test_a_trace_without_notes_tells_nothing() -> None:
    class Fake:
        path = "a.h5"

        def attribute(self, name: str) -> str:
            return ""

    assert task_endings(Fake(), 2) == (TaskEnding(), TaskEnding())  # type: ignore[arg-type]


def test_a_task_says_every_message_that_it_sends() -> None:
    """What is checked ahead of a run is what the run sends."""
    scenario = avoiding("none")
    session = open_session(scenario.fel[0], 0, 1, counted=True)
    purposes = {leg.kind.purpose for leg in legs_of(session)}
    assert {"tokens", "weights", "residuals", "masked scores", "loss"} <= purposes
