"""belief-net in use: what it sees, what it makes of it, its files, and its warnings."""

from __future__ import annotations

import warnings
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

import qnetsim
from qnetsim.case import open_case
from qnetsim.errors import UsageError
from qnetsim.network.ownership import agents_of
from qnetsim.policies.base import Decision
from qnetsim.policies.learned.belief_facts import facts_with_range, far_from
from qnetsim.policies.learned.belief_head import FibreHead
from qnetsim.policies.learned.belief_inputs import PairInputs, input_count
from qnetsim.policies.learned.belief_net import BeliefNet, BeliefNetOptions
from qnetsim.policies.learned.belief_weights import (
    BeliefSpec,
    BeliefWeights,
    LawSpec,
    packed_belief,
    read_belief,
)
from qnetsim.policies.learned.law_belief import LawStock, PairEnds, PairLaw, with_levels
from qnetsim.policies.learned.model_files import MODELS
from qnetsim.policies.learned.moment_belief import PairBelief
from qnetsim.policies.learned.training_facts import ModelWarning
from qnetsim.policies.registry import make_policy
from qnetsim.scenario import parse_scenario
from qnetsim.testing import check_policy
from tests.support.helpers import run
from tests.support.jobs import drawn_weights, jobs_case

SPEC = BeliefSpec(history=3, units=5, stores=False)
LAW = LawSpec(history=3, units=6, second_units=5, levels=10)
EITHER = pytest.mark.parametrize("spec", [SPEC, LAW], ids=["moments", "law"])


def trained_for(case, spec=SPEC):
    return drawn_weights(spec, card={"training": facts_with_range(case.setting, [0.2, 3.0])})


def policy_of(folder: Path, weights: BeliefWeights) -> BeliefNet:
    path = folder / "belief.safetensors"
    path.write_bytes(packed_belief(weights))
    return BeliefNet(BeliefNetOptions(model=str(path)))


def test_a_pair_sees_its_own_demand_and_both_ends_sums() -> None:
    # three nodes: pairs (0, 1), (0, 2), (1, 2)
    inputs = PairInputs(((0, 1), (0, 2), (1, 2)), 3)
    own, ends, apart = inputs.now(np.array([4, 1, 7])).T
    np.testing.assert_allclose(own * 4, [4, 1, 7])
    np.testing.assert_allclose(ends * 16, [1 + 7, 4 + 7, 4 + 1])
    np.testing.assert_allclose(apart * 16, [6, 3, 3])


def test_it_is_the_same_seen_from_either_end() -> None:
    levels = np.random.default_rng(1).integers(0, 9, (4, 3))
    one = PairInputs(((0, 1), (0, 2), (1, 2)), 3).series(levels, 2)
    other = PairInputs(((1, 0), (2, 0), (2, 1)), 3).series(levels, 2)
    np.testing.assert_array_equal(one, other)


def test_past_slots_are_seen_behind_the_last_one() -> None:
    levels = np.array([[1], [2], [3]])
    seen = PairInputs(((0, 1),), 2).series(levels, 2)
    assert seen.shape == (3, 1, input_count(2))
    np.testing.assert_allclose(seen[:, 0, 0] * 4, [1, 2, 3])
    np.testing.assert_allclose(seen[:, 0, 3] * 4, [0, 1, 2])
    np.testing.assert_allclose(seen[:, 0, 5] * 4, [0, 0, 1])


def test_slot_by_slot_is_what_a_series_says(tmp_path: Path) -> None:
    case = jobs_case(slots=30)
    weights = trained_for(case)
    policy = policy_of(tmp_path, weights)
    result = run(case, policy)
    seen = PairInputs(case.forecast.pairs, 14).series(result.levels, SPEC.history)
    belief = PairBelief(weights, case.forecast.requests)
    for inputs in seen:
        belief.see(inputs)
    np.testing.assert_allclose(policy._belief.belief.moments(), belief.moments(), rtol=1e-12)


def test_means_and_variances_add_up_on_fibres() -> None:
    case = jobs_case()
    network = case.network
    head = FibreHead.of(network, case.setting.shortest_routes(), 10)
    generator = np.random.default_rng(2)
    mean, variance = generator.uniform(0, 3, (2, case.forecast.requests))
    z = 0.2 + 0.8 * 0.6744897501960817  # of three quarters: on-demand costs four times as much
    found = head.stock(mean, variance, np.array([0.2, 0.8]))
    routes = case.setting.shortest_routes()
    for fibre in range(network.fibres):
        over = [r for r, c in enumerate(routes.choice[:, 0]) if fibre in routes.routes[c].fibres]
        wanted = mean[over].sum() + z * np.sqrt(variance[over].sum() + 1e-6)
        assert found[fibre] == pytest.approx(wanted, rel=1e-9)


def test_fibres_with_other_spans_take_other_channels_for_a_level() -> None:
    case = jobs_case(network="fibre_spans = [['1', '2', 80]]\nkey_rate = 'inverse'")
    head = FibreHead.of(case.network, case.setting.shortest_routes(), 10)
    assert set(head.per_level) == {5 / 9, 1.0}


def test_nothing_is_reserved_where_on_demand_is_cheaper() -> None:
    case = jobs_case(cost="on_demand_multiplier = 0.2")
    head = FibreHead.of(case.network, case.setting.shortest_routes(), 10)
    ones = np.ones(case.forecast.requests)
    assert not head.stock(ones, ones, np.array([0.0, 1.0])).any()


class Later(BeliefNet):
    """Remembers what it decided."""

    def prepare(self, setting, plan):
        super().prepare(setting, plan)
        self.decided = []

    def decide(self, observation):
        decision = super().decide(observation)
        assert observation.future is None
        self.decided.append(np.asarray(decision.qkd_channels).copy())
        return decision


@EITHER
def test_it_sees_no_future(spec: BeliefSpec | LawSpec, tmp_path: Path) -> None:
    """Decisions up to a slot are the same, whatever comes after it."""
    case = jobs_case(slots=30)
    path = tmp_path / "belief.safetensors"
    path.write_bytes(packed_belief(trained_for(case, spec)))
    first = Later(BeliefNetOptions(model=str(path)))
    run(case, first)
    chunks = list(case.realisation(0).chunks())
    levels = chunks[0].levels.copy()
    levels[20:] = 9 - levels[20:]
    other = Later(BeliefNetOptions(model=str(path)))
    run(case, other, chunks=[replace(chunks[0], levels=levels)])
    agents = len(agents_of(case.network.topology).nodes)
    upto = 21 * agents  # slot 20 is decided before its demand is there
    for a, b in zip(first.decided[:upto], other.decided[:upto], strict=True):
        np.testing.assert_array_equal(a, b)
    assert any(
        (a != b).any() for a, b in zip(first.decided[upto:], other.decided[upto:], strict=True)
    )


def test_an_agent_goes_by_its_own_pools(tmp_path: Path) -> None:
    case = jobs_case(keys="store_bits = 50000\nkey_lifetime_slots = 3")
    policy = policy_of(tmp_path, trained_for(case))
    policy.prepare(case.setting, None)
    policy._belief._stock = np.full(21, 7.4)

    class Seen:
        fibres = np.array([2, 5])
        reservation_pool_bits = np.array([3000, 0])
        on_demand_pool_bits = np.array([500, 9000])

    decision = policy.decide(Seen())
    assert isinstance(decision, Decision)
    np.testing.assert_array_equal(decision.qkd_channels, [4, 0])


@EITHER
def test_no_more_wavelengths_are_reserved_than_can_be_lit(
    spec: BeliefSpec | LawSpec, tmp_path: Path
) -> None:
    case = jobs_case(slots=5, network="km_wavelengths = 2", cost="blocking_cost = 1000")
    result = run(case, policy_of(tmp_path, trained_for(case, spec)))
    assert result.columns["km_wavelengths"].max() == 2


@EITHER
def test_it_is_a_policy_by_the_checks_for_users(spec: BeliefSpec | LawSpec, tmp_path: Path) -> None:
    case = jobs_case(slots=20)
    path = tmp_path / "belief.safetensors"
    path.write_bytes(packed_belief(trained_for(case, spec)))
    check_policy(lambda: BeliefNet(BeliefNetOptions(model=str(path))), case.scenario)


@EITHER
def test_files_come_back_as_they_were(spec: BeliefSpec | LawSpec, tmp_path: Path) -> None:
    weights = trained_for(jobs_case(), spec)
    path = tmp_path / "belief.safetensors"
    path.write_bytes(packed_belief(weights))
    found = read_belief(path)
    assert found.spec == weights.spec and found.card == weights.card
    for name, tensor in weights.tensors.items():
        np.testing.assert_array_equal(found.tensors[name], tensor)
    assert packed_belief(found) == path.read_bytes()


def damaged(what: str) -> BeliefWeights:
    weights = drawn_weights(SPEC)
    tensors = dict(weights.tensors)
    if what == "lacks":
        del tensors["safety"]
    if what == "shape":
        tensors["outputs.bias"] = np.zeros(3, np.float32)
    if what == "nan":
        tensors["hidden.bias"][1] = np.nan
    if what == "type":
        tensors["safety"] = np.zeros(2)
    spec = replace(SPEC, units=0) if what == "units" else SPEC
    return replace(weights, tensors=tensors, spec=spec)


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("lacks", "its tensors are not"),
        ("shape", "outputs.bias is float32 of shape (3,)"),
        ("nan", "hidden.bias holds values that are not finite"),
        ("type", "safety is float64"),
        ("units", "units is 0"),
    ],
)
def test_a_damaged_file_is_refused(what: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "belief.safetensors"
    path.write_bytes(packed_belief(damaged(what)))
    with pytest.raises(UsageError) as caught:
        read_belief(path)
    assert said in str(caught.value) and str(path) in str(caught.value)


def test_weights_of_others_are_refused() -> None:
    case = jobs_case()
    policy = BeliefNet(BeliefNetOptions(model=str(MODELS / "fedsac-nsfnet.safetensors")))
    with pytest.raises(UsageError, match="holds no weights of 'belief-net'"):
        policy.prepare(case.setting, None)


def test_a_model_that_does_not_exist_names_those_that_do() -> None:
    policy = BeliefNet(BeliefNetOptions(model="elsewhere"))
    with pytest.raises(UsageError, match=r"no trained model 'belief-net-elsewhere'.*fel-rounds"):
        policy.prepare(jobs_case().setting, None)


@EITHER
def test_its_own_scenario_raises_no_warning(spec: BeliefSpec | LawSpec, tmp_path: Path) -> None:
    case = jobs_case()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        policy_of(tmp_path, trained_for(case, spec)).prepare(case.setting, None)


def test_a_scenario_far_off_is_told_with_its_distance(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, trained_for(jobs_case()))
    text = "[network]\ntopology = 'nsfnet'\n[demand]\nrequests = 20\nlevels = 20\nmean = 9.0\n"
    other = open_case(parse_scenario(text + "[cost]\non_demand_multiplier = 2.0\n")).setting
    with pytest.warns(ModelWarning) as caught:
        policy.prepare(other, None)
    (warning,) = caught
    said = str(warning.message)
    assert "levels 20 (trained with 10)" in said
    assert "mean level 8.9" in said and "(trained with 0.2 … 3)" in said
    assert "no jobs in the demand (trained with jobs)" in said
    assert "QKD price reserved/on demand 0.125 (trained with 0.25)" in said


def test_a_limit_that_training_did_not_meet_is_told(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, trained_for(jobs_case()))
    limited = jobs_case(network="qkd_wavelengths = 105", cost="blocking_cost = 1000")
    with pytest.warns(ModelWarning, match=r"can light 35 \(trained with unlimited\)"):
        policy.prepare(limited.setting, None)


def test_to_a_law_prices_stores_and_limits_are_nothing_new(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, trained_for(jobs_case(), LAW))
    other = jobs_case(
        network="qkd_wavelengths = 105",
        cost="blocking_cost = 1000\non_demand_multiplier = 2.0",
        keys="store_bits = 50000\nkey_lifetime_slots = 3",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        policy.prepare(other.setting, None)
    text = "[network]\ntopology = 'nsfnet'\n[demand]\nrequests = 20\nlevels = 20\n"
    with pytest.warns(ModelWarning, match=r"levels 20 \(trained with 10\).*no jobs in"):
        policy.prepare(open_case(parse_scenario(text)).setting, None)


@pytest.mark.parametrize(("count", "told"), [(7, "6"), (8, None), (14, None)])
def test_numbers_of_pairs_at_a_node_that_no_training_met_are_told(
    count: int, told: str | None
) -> None:
    """The shipped model met 7 to 45."""
    nodes = [str(node) for node in range(1, count + 1)]
    pairs = [[a, b] for a, b in combinations(nodes, 2)]
    text = f"[network]\ntopology = 'nsfnet'\n[demand]\npairs = {pairs}\ncoupling = 'independent'\n"
    setting = open_case(
        parse_scenario(f"{text}mean = 0.3\n[jobs]\nmembers = 4\nnodes = {nodes}\n")
    ).setting
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        BeliefNet().prepare(setting, None)
    said = [str(warning.message) for warning in caught]
    assert len(said) == (told is not None)
    assert told is None or f"pairs at a node {told} (trained with 7 … 45)" in said[0]


def test_many_pairs_at_a_node_are_told() -> None:
    card = read_belief(MODELS / "belief-net-fel-rounds.safetensors").card
    worlds = dict(card["worlds"]) | {"pairs_at_a_node": [9, 19]}
    text = "[network]\ntopology = 'usnet'\n[demand]\npairs = 'all'\ncoupling = 'independent'\n"
    setting = open_case(parse_scenario(f"{text}mean = 0.3\n[jobs]\ncount = 20\n")).setting
    assert far_from(card, setting, demand_only=True) == []
    (told,) = far_from(card | {"worlds": worlds}, setting, demand_only=True)
    assert told == "pairs at a node 23 (trained with 9 … 19)"


@pytest.mark.parametrize(
    ("mean", "jobs", "told"),
    [
        (0.3, "periods = [7, 9, 20]", r"periods 7 … 20 \(trained with 2 … 16\)"),
        (3.0, "", r"mean level beside the jobs 2.99\d \(trained with 0.1 … 2.5\)"),
        (2.1, "", r"2.099 \(trained with 0.1 … 2.5; near the greatest too little is reserved\)"),
        (0.3, "members = 12", r"members 12 \(trained with 2 … 10\)"),
        (0.3, "count = 30", r"jobs for each node 2.143 \(trained with 0.143 … 1.429\)"),
        (0.3, "delay = 0.3", r"delay 0.3 \(trained with 0.0 … 0.2\)"),
        (0.3, "drop_out = 0.5", r"drop_out 0.5 \(trained with 0.0 … 0.3\)"),
        (0.3, "owner_sizes = [12]", r"sizes 5 … 12 \(trained with 1 … 9\)"),
    ],
)
def test_jobs_that_no_training_met_are_told(mean: float, jobs: str, told: str) -> None:
    text = "[network]\ntopology = 'nsfnet'\n[demand]\npairs = 'all'\ncoupling = 'independent'\n"
    text += f"levels = {20 if 'sizes' in jobs else 10}\nmean = {mean}\n[jobs]\n{jobs}\n"
    with pytest.warns(ModelWarning, match=told):
        BeliefNet().prepare(open_case(parse_scenario(text)).setting, None)


def test_a_shipped_model_of_version_1_runs_as_it_did() -> None:
    """It was trained through costs, with stores and limits."""
    model = MODELS / "belief-net-fel-rounds-stores.safetensors"
    assert isinstance(read_belief(model).spec, BeliefSpec)
    case = open_case(qnetsim.load("fel-rounds-stores", slots=60))
    result = run(case, BeliefNet(BeliefNetOptions(model=str(model))))
    assert result.columns["qkd_reserved_cost"].sum() == 539508300.0
    assert result.columns["qkd_on_demand_cost"].sum() == 44305200.0
    assert result.columns["blocking_cost"].sum() == 5670000.0


@pytest.mark.parametrize(
    ("scenario", "reserved", "on_demand", "blocking"),
    [
        ("fel-rounds", 636896100.0, 215971800.0, 0.0),
        ("fel-rounds-stores", 509154300.0, 68476800.0, 8910000.0),
    ],
)
def test_what_the_shipped_model_reserves(
    scenario: str, reserved: float, on_demand: float, blocking: float
) -> None:
    """One model, with stores and without; it is new to neither."""
    case = open_case(qnetsim.load(scenario, slots=60))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = run(case, BeliefNet())
    assert result.columns["qkd_reserved_cost"].sum() == reserved
    assert result.columns["qkd_on_demand_cost"].sum() == on_demand
    assert result.columns["blocking_cost"].sum() == blocking


def test_weights_that_tell_nothing_are_told(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, drawn_weights(SPEC, card={"policy": "belief-net"}))
    with pytest.warns(ModelWarning, match="does not tell what it was trained with"):
        policy.prepare(jobs_case().setting, None)


@pytest.mark.parametrize("met", [["a", "b"], [0.2, None], "much"])
def test_a_range_that_is_none_is_told_as_it_stands(met: object, tmp_path: Path) -> None:
    case = jobs_case()
    facts = facts_with_range(case.setting, [0.2, 3.0]) | {"mean_level": met}
    policy = policy_of(tmp_path, drawn_weights(SPEC, card={"training": facts}))
    with pytest.warns(ModelWarning, match="mean level"):
        policy.prepare(case.setting, None)


@EITHER
def test_one_model_is_for_every_network(spec: BeliefSpec | LawSpec, tmp_path: Path) -> None:
    """The network is the pairs' own: it fits another topology as it is."""
    policy = policy_of(tmp_path, trained_for(jobs_case(), spec))
    text = "[network]\ntopology = 'usnet'\n[demand]\npairs = 'all'\ncoupling = 'independent'\n"
    case = open_case(parse_scenario(text + "mean = 0.3\n[jobs]\n[run]\nslots = 10\n"))
    assert run(case, policy).cost.shape == (10,)


def test_it_is_found_by_its_name() -> None:
    assert isinstance(make_policy("belief-net", {"model": "fel-rounds"}), BeliefNet)


def test_a_version_that_is_not_known_is_named(tmp_path: Path) -> None:
    path = tmp_path / "belief.safetensors"
    written = packed_belief(trained_for(jobs_case()))
    path.write_bytes(written.replace(b'\\"version\\": 1', b'\\"version\\": 7'))
    assert path.read_bytes() != written
    with pytest.raises(UsageError, match="has version 7; this qnetsim reads versions 1, 3"):
        read_belief(path)


def test_ends_tell_what_they_ask_in_all_other_pairs() -> None:
    # three nodes: pairs (0, 1), (0, 2), (1, 2)
    first, second = PairEnds(((0, 1), (0, 2), (1, 2))).others(np.array([[4, 1, 7]]))
    np.testing.assert_array_equal(first, [[1, 4, 4]])
    np.testing.assert_array_equal(second, [[7, 7, 1]])


def test_a_law_is_the_same_seen_from_either_end() -> None:
    levels = np.random.default_rng(1).integers(0, 9, (6, 3))
    weights = drawn_weights(LAW)
    laws = []
    for pairs in (((0, 1), (0, 2), (1, 2)), ((1, 0), (2, 0), (2, 1))):
        belief = PairLaw(weights, pairs, 10)
        for row in levels:
            belief.see(row)
        laws.append(belief.laws())
    np.testing.assert_allclose(*laws, rtol=1e-12)
    np.testing.assert_allclose(laws[0].sum(axis=1), 1.0)


def test_a_law_forgets_what_lies_before_its_slots() -> None:
    levels = np.random.default_rng(1).integers(0, 9, (6, 3))
    weights = drawn_weights(LAW)
    laws = []
    for first in ([9, 9, 9], [0, 3, 0]):
        belief = PairLaw(weights, ((0, 1), (0, 2), (1, 2)), 10)
        for row in (first, *levels[: LAW.slots]):
            belief.see(np.array(row))
        laws.append(belief.laws())
    np.testing.assert_array_equal(*laws)


def test_a_fibre_holds_the_quantile_of_what_its_pairs_add_up_to() -> None:
    case = jobs_case()
    stock = LawStock(drawn_weights(LAW), case.setting)
    stock.belief.see(np.random.default_rng(2).integers(0, 9, case.forecast.requests))
    stock._expect()
    laws = stock.belief.laws()
    routes = case.setting.shortest_routes()
    found = stock.stock(np.arange(21), np.zeros(21, dtype=np.int64))
    for fibre in range(21):
        law = np.ones(1)
        for request, choice in enumerate(routes.choice[:, 0]):
            if fibre in routes.routes[choice].fibres:
                law = np.convolve(law, laws[request])
        # on-demand channels cost four times as much as reserved ones
        assert found[fibre] == np.searchsorted(np.cumsum(law), 0.75)


def test_what_pools_are_seen_to_keep_raises_the_stock(tmp_path: Path) -> None:
    case = jobs_case(slots=40, keys="store_bits = 50000\nkey_lifetime_slots = 4")
    policy = policy_of(tmp_path, trained_for(case, LAW))
    run(case, policy)
    stock = policy._belief
    pools = np.zeros(21, dtype=np.int64)
    kept = [stock.stock(fibres, pools[fibres]) for fibres, _ in list(stock._kept.values())]
    fresh = LawStock(trained_for(case, LAW), case.setting)
    fresh._expected = stock._expected
    lost = [fresh.stock(fibres, pools[fibres]) for fibres, _ in list(stock._kept.values())]
    assert sum(map(np.sum, kept)) > sum(map(np.sum, lost))
    assert all((a >= b).all() for a, b in zip(kept, lost, strict=True))


def test_levels_that_were_seen_can_come_again() -> None:
    """What is said of a slot is said of the level that was asked for in it, whatever that is."""
    weights = drawn_weights(LAW)
    # whatever is seen, the slot before the last one comes again with probability 0.9
    tensors = {name: np.zeros_like(tensor) for name, tensor in weights.tensors.items()}
    rest = LAW.choices - 1
    tensors["outputs.bias"][LAW.levels + 1] = np.log(9.0 * rest)
    belief = PairLaw(replace(weights, tensors=tensors), ((0, 1), (0, 2)), 20)
    for row in ([3, 17], [0, 12], [5, 5], [0, 0]):
        belief.see(np.array(row))
    laws = belief.laws()
    assert laws.shape == (2, 20)
    np.testing.assert_allclose(laws.sum(axis=1), 1.0)
    # each of the other choices has one share of what is left: ten levels, four slots
    left = 0.1 / rest
    # weights are of single precision
    np.testing.assert_allclose(laws[:, 5], 0.9 + left, rtol=1e-6)
    np.testing.assert_allclose(laws[:, 0], [3 * left, 2 * left], rtol=1e-6)
    np.testing.assert_allclose(laws[:, 12], [0.0, left], rtol=1e-6)
    np.testing.assert_allclose(laws[:, 17], [0.0, left], rtol=1e-6)


def test_other_numbers_of_levels_take_the_law_cut_or_filled_up() -> None:
    laws = np.array([[0.5, 0.2, 0.2, 0.1]])
    np.testing.assert_allclose(with_levels(laws, 3), [[0.5, 0.2, 0.3]])
    np.testing.assert_allclose(with_levels(laws, 6), [[0.5, 0.2, 0.2, 0.1, 0.0, 0.0]])
    np.testing.assert_allclose(with_levels(laws, 4), laws)
