"""The environments that learners play in: what they refuse, and what they promise."""

from __future__ import annotations

import ast
import copy
import pickle
import re
import warnings
from dataclasses import replace

import numpy as np
import pytest

from qnetsim.case import load, open_case
from qnetsim.errors import QnetsimError, UsageError
from qnetsim.learning.environment import ArrayEnvironment
from qnetsim.learning.episodes import real_numbers
from qnetsim.scenario import parse_scenario

TEXT = """
[run]
slots = 6
[network]
topology = "nsfnet"
{network}
[demand]
requests = 30
[learning]
{learning}
{more}
"""
ALL = "observe = ['actions', 'demand', 'pools', 'context']\nreward_cost = 'realised'"
STORES = "[key_management]\nstore_bits = 90000\nkey_lifetime_slots = 9"
REGIMES = "[regimes]\nmeans = [1, 6]\nmean_slots = 5"
UNLIKE = "key_rate = 'inverse'\nfibre_spans = [['1', '2', 80.0], ['1', '3', 640.0]]"


def scenario_of(learning="", more="", network=""):
    return parse_scenario(TEXT.format(learning=learning, more=more, network=network))


def arrays_of(worlds=1, **tables):
    return ArrayEnvironment(open_case(scenario_of(**tables)), range(worlds), "test")


def parallel_of(**tables):
    pytest.importorskip("pettingzoo")
    from qnetsim.learning.pettingzoo import QkdParallelEnv

    return QkdParallelEnv(scenario_of(**tables))


def actions_of(environment, generator):
    return {a: generator.uniform(-1, 1, 2).astype(np.float32) for a in environment.agents}


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_an_action_that_is_not_finite_is_refused_and_changes_nothing(value):
    environment = arrays_of(worlds=2)
    action = np.zeros((2, environment.units.count, 2))
    action[1, 4, 1] = value
    before = copy.deepcopy(environment.arrays())
    with pytest.raises(UsageError, match=rf"agent '5' acts by \[ *0\. +{value}\]; .* finite"):
        environment.step(action)
    assert environment.slot == 0
    for name, array in environment.arrays().items():
        np.testing.assert_array_equal(array, before[name])


def test_an_agent_that_decides_by_fibre_is_named_by_it():
    environment = arrays_of(learning="decide_by = 'fibre'")
    action = np.zeros((1, environment.units.count, 2))
    action[0, 0, 0] = np.nan
    name = environment.case.network.topology.fibre_name(0)
    with pytest.raises(UsageError, match=re.escape(f"agent {name!r} acts by [nan")):
        environment.step(action)


@pytest.mark.parametrize("shape", [(1, 13, 2), (1, 14, 3), (14, 2)])
def test_actions_of_another_shape_are_refused(shape):
    with pytest.raises(UsageError, match=re.escape("what is wanted is (worlds, 14, 2)")):
        arrays_of().step(np.zeros(shape))


def test_finite_actions_beyond_the_range_are_its_ends():
    units = arrays_of().units
    for far, end in ((7.0, 1.0), (-3.0, -1.0)):
        found = units.reservations(np.full((1, units.count, 2), far))
        for a, b in zip(found, units.reservations(np.full((1, units.count, 2), end)), strict=True):
            np.testing.assert_array_equal(a, b)


WRONG_ACTIONS = [
    ([np.nan, 0.0], r"agent '3' acts by \[nan +0\.\]"),
    ([0.0, -np.inf], r"agent '3' acts by \[ +0\. +-inf\]"),
    ([0.0], r"agent '3' acts by \[0\.0\]; an action is 2 finite numbers"),
    (0.5, r"agent '3' acts by 0\.5; an action is 2 finite numbers"),
    (["much", 0], r"agent '3' acts by \['much', 0\]; an action is 2 finite numbers"),
    (None, r"agent '3' acts by None"),
    (["0.5", "0"], r"agent '3' acts by \['0\.5', '0'\]; an action is 2 finite numbers"),
    ([True, False], r"agent '3' acts by \[True, False\]; an action is 2 finite numbers"),
    (np.zeros(2) + 1j, r"agent '3' acts by array\(\[0\.\+1\.j"),
    ([[0.0], [0.0, 0.0]], r"agent '3' acts by \[\[0\.0\], \[0\.0, 0\.0\]\]; an action is"),
    ([10**400, 0], r"agent '3' acts by \[10000000000"),
    (np.ma.masked_array([0.1, 0.2], [1, 0]), r"agent '3' acts by masked_array.*numbers left out"),
    (np.zeros((50, 2)), r"agent '3' acts by array[^\n]{70,76}…; an action is 2 finite numbers"),
]


@pytest.mark.parametrize(("action", "message"), WRONG_ACTIONS)
def test_the_pettingzoo_environment_names_who_acts_wrongly(action, message):
    environment = parallel_of()
    environment.reset(seed=1)
    actions = dict.fromkeys(environment.agents, np.zeros(2))
    with pytest.raises(UsageError, match=message):
        environment.step({**actions, "3": action})
    # nothing has changed: the episode goes on as one without the error
    rewards = environment.step(actions)[1]
    other = parallel_of()
    other.reset(seed=1)
    assert rewards == other.step(actions)[1]


def test_an_action_with_a_gradient_is_refused_with_torchs_advice():
    torch = pytest.importorskip("torch")
    environment = parallel_of()
    environment.reset(seed=1)
    actions = {agent: torch.zeros(2) for agent in environment.agents}
    environment.step(actions)
    actions["3"] = torch.zeros(2, requires_grad=True)
    with pytest.raises(UsageError, match=r"agent '3' acts by tensor.*tensor\.detach\(\)"):
        environment.step(actions)


def test_there_is_no_state_ahead_of_an_episode():
    environment = parallel_of()
    with pytest.raises(UsageError, match=r"no episode has begun; call reset\(\) before state"):
        environment.state()
    environment.reset(seed=1)
    assert environment.state() in environment.state_space


def test_missing_and_unknown_agents_are_named():
    environment = parallel_of()
    environment.reset(seed=1)
    actions = dict.fromkeys(environment.agents, np.zeros(2))
    without = {agent: a for agent, a in actions.items() if agent != "7"}
    with pytest.raises(UsageError, match=r"no action of agent '7'; .* each of 14 agents"):
        environment.step(without)
    with pytest.raises(UsageError, match="actions of agent 'x' that the network lacks"):
        environment.step({**actions, "x": np.zeros(2)})
    with pytest.raises(UsageError, match="no action of agents '1', '2', '3' and 11 more"):
        environment.step({})
    with pytest.raises(UsageError, match="a mapping from each of 14 agents to its action"):
        environment.step(None)


def test_a_step_needs_an_episode():
    environment = parallel_of()
    actions = dict.fromkeys(environment.possible_agents, np.zeros(2))
    with pytest.raises(UsageError, match=r"no episode has begun.*call reset\(\) before step"):
        environment.step(actions)
    environment.reset(seed=1)
    for _ in range(6):
        truncated = environment.step(actions)[3]
    assert all(truncated.values())
    assert environment.agents == []
    with pytest.raises(UsageError, match="the episode is over"):
        environment.step(actions)
    environment.reset()
    environment.step(actions)


def test_a_seed_is_any_whole_number():
    found = []
    for seed in (3, np.int64(3), np.uint8(3)):
        environment = parallel_of()
        environment.reset(seed=seed)
        found.append(played(environment))
    assert found[0] == found[1] == found[2]
    for seed in (1.5, "3", -1, np.int64(-4), True):
        with pytest.raises(UsageError, match="it is a whole number >= 0"):
            environment.reset(seed=seed)
    core = ArrayEnvironment(open_case(scenario_of()), np.arange(2), "test")
    core.step(np.zeros((2, 14, 2)))


def played(environment, slots=6):
    """Everything that an episode of random actions shows."""
    generator = np.random.default_rng(5)
    seen = []
    for _ in range(slots):
        observation, reward, _, _, info = environment.step(actions_of(environment, generator))
        seen.append(
            ({a: o.tolist() for a, o in observation.items()}, reward, info),
        )
        seen.append(environment.state().tolist())
    return seen


def test_options_of_a_reset_are_not_dropped_in_silence() -> None:
    parallel = parallel_of()
    from qnetsim.learning.gymnasium import ManagerEnv
    from qnetsim.learning.pettingzoo import env

    for environment in (parallel, ManagerEnv(scenario_of()), env(scenario_of())):
        with pytest.warns(UserWarning, match=r"reset\(\) has no options; 'world' changes nothing"):
            environment.reset(seed=1, options={"world": 3})
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(UsageError, match="options is 5; leave it out: there are none"):
                environment.reset(options=5)
            environment.reset(options={})
            environment.reset(options=None)


def test_a_reset_gives_what_a_fresh_environment_gives():
    tables = {"learning": ALL, "more": STORES + "\n" + REGIMES}
    used = parallel_of(**tables)
    for seed in (4, 9):
        used.reset(seed=seed)
        played(used)
    first, infos = used.reset(seed=2)
    fresh = parallel_of(**tables)
    other, other_infos = fresh.reset(seed=2)
    assert infos == other_infos
    for agent, seen in first.items():
        np.testing.assert_array_equal(seen, other[agent])
    again = played(used)
    assert again == played(fresh)
    used.reset(seed=3)
    assert played(used) != again


@pytest.mark.parametrize("copied", [lambda e: pickle.loads(pickle.dumps(e)), copy.deepcopy])
@pytest.mark.parametrize("more", [STORES, "[yields]\nnoise_counts = 50"])
def test_a_pickled_environment_begins_a_new_episode_in_the_same_worlds(more, copied):
    """In the arrays and in the kernel, and whatever slot the first one is at."""
    environment = parallel_of(learning=ALL, more=more)
    environment.reset(seed=4)
    played(environment, slots=2)
    other = copied(environment)
    assert other.agents == []
    with pytest.raises(UsageError, match=r"no episode has begun.*call reset"):
        other.step(actions_of(environment, np.random.default_rng(5)))
    # the next world of both follows from the fourth
    assert [o.tolist() for o in environment.reset()[0].values()] == [
        o.tolist() for o in other.reset()[0].values()
    ]
    assert played(environment) == played(other)
    assert other.observation_space("1") == environment.observation_space("1")


def world_of(begun):
    """The number of the world, which every agent is told."""
    (world,) = {info["world"] for info in begun[1].values()}
    return world


def test_an_episode_without_a_seed_follows_from_the_one_before():
    chains = []
    for seed in (7, 8, 7):
        environment = parallel_of()
        chain = [world_of(environment.reset(seed=seed))]
        chain += [world_of(environment.reset()) for _ in range(4)]
        chains.append(chain)
    assert chains[0] == chains[2]
    assert len({*chains[0], *chains[1]}) == 10
    # the same in every version, and beyond the small numbers that callers choose
    assert chains[0][1] == 8712705587118778258
    assert all(2**62 <= world < 2**63 for chain in chains for world in chain[1:])


@pytest.mark.parametrize("more", ["", "[yields]\nnoise_counts = 50"])
def test_the_number_of_a_world_repeats_it_and_all_that_follows(more):
    environment = parallel_of(learning=ALL, more=more)
    first = world_of(environment.reset())
    seen = played(environment)
    second = world_of(environment.reset())
    other = parallel_of(learning=ALL, more=more)
    other.reset(seed=first)
    assert played(other) == seen
    assert world_of(other.reset()) == second
    assert played(other) == played(environment)


def test_copies_that_were_never_begun_have_worlds_of_their_own():
    environment = parallel_of()
    copies = [environment, pickle.loads(pickle.dumps(environment)), copy.deepcopy(environment)]
    assert len({world_of(one.reset()) for one in copies}) == 3


def test_agents_in_turn_are_told_the_world_too():
    environment = in_turn()
    environment.reset(seed=3)
    assert {info["world"] for info in environment.infos.values()} == {3}


def test_the_environment_for_agents_in_turn_is_pickled_too():
    first = in_turn()
    first.reset(seed=2)
    first.step(np.zeros(2))
    other = pickle.loads(pickle.dumps(first))
    with pytest.raises(UsageError, match="no episode has begun"):
        other.step(np.zeros(2))
    # the one that was copied goes on
    first.step(np.zeros(2))
    assert first.agent_selection == "3"
    first.reset(seed=2)
    other.reset(seed=2)
    assert first.observe("1").tolist() == other.observe("1").tolist()


def in_turn(**tables):
    pytest.importorskip("pettingzoo")
    from qnetsim.learning.pettingzoo import env

    return env(scenario_of(**tables))


@pytest.mark.parametrize(("action", "message"), WRONG_ACTIONS)
def test_a_wrong_action_in_turn_is_refused_at_once(action, message):
    environment = in_turn()
    environment.reset(seed=1)
    for _ in range(2):
        environment.step(np.zeros(2))
    assert environment.agent_selection == "3"
    with pytest.raises(UsageError, match=message):
        environment.step(action)
    # nothing has changed: it is still that agent's turn, and the slot costs what it would have
    assert environment.agent_selection == "3"
    for _ in range(12):
        environment.step(np.zeros(2))
    other = parallel_of()
    other.reset(seed=1)
    assert environment.rewards == other.step(dict.fromkeys(other.agents, np.zeros(2)))[1]


def test_an_action_in_turn_is_what_it_was_when_it_was_given():
    """A learner may use one array for all agents."""
    environment, other = in_turn(), parallel_of()
    environment.reset(seed=1)
    other.reset(seed=1)
    action, actions = np.zeros(2), {}
    for agent in environment.possible_agents:
        action[:] = float(agent) / 14
        actions[agent] = action.copy()
        environment.step(action)
    assert environment.rewards == other.step(actions)[1]


def test_turns_need_an_episode():
    environment = in_turn()
    calls = {
        "last": environment.last,
        "state": environment.state,
        "agent_iter": environment.agent_iter,
        "observe": lambda: environment.observe("1"),
    }
    with pytest.raises(UsageError, match=r"no episode has begun.*call reset\(\) before step"):
        environment.step(np.zeros(2))
    for name, called in calls.items():
        with pytest.raises(UsageError, match=rf"no episode has begun; .* before {name}\(\)"):
            called()
    environment.reset(seed=1)
    for _ in range(6 * 14):
        assert not environment.last()[3]
        environment.step(np.zeros(2))
    # the slots are over, and each agent is told so
    with pytest.raises(UsageError, match=r"agent '1' acts by array.* after the last slot; give No"):
        environment.step(np.zeros(2))
    told = []
    for _ in range(14):
        assert environment.last()[3]
        told.append(environment.agent_selection)
        environment.step(None)
    assert sorted(told) == sorted(environment.possible_agents)
    for action in (None, np.zeros(2)):
        with pytest.raises(UsageError, match=r"the episode is over.*call reset\(\) before step"):
            environment.step(action)
    with pytest.raises(UsageError, match=r"it is nobody's turn; call reset"):
        environment.last()
    environment.reset()
    environment.step(np.zeros(2))


def test_agents_that_the_network_lacks_have_nothing_to_see():
    environment = in_turn()
    environment.reset(seed=1)
    for asked in (environment.observe, environment.observation_space, environment.action_space):
        with pytest.raises(UsageError, match="no agent 'x'; it has agents '1', '2', '3' and 11 mo"):
            asked("x")


def test_a_reset_builds_nothing(monkeypatch):
    environment = parallel_of()
    units, costs = environment._environment.units, environment._environment.costs
    environment.reset(seed=1)
    assert environment._environment.units is units
    assert environment._environment.costs is costs


@pytest.mark.parametrize(
    "tables",
    [
        {},
        {"learning": ALL, "more": STORES + "\n" + REGIMES},
        {"learning": ALL + "\ndecide_by = 'fibre'", "network": UNLIKE},
        {"learning": ALL + "\nmost_wavelengths = 1.5\nmost_channels = 2", "more": REGIMES},
        {"learning": ALL, "more": STORES + "\ngranularity = 'bit'"},
        {"learning": ALL + "\nchannels_by = 'fibre'", "network": UNLIKE},
    ],
)
def test_observations_stay_within_their_finite_bounds(tables):
    environment = arrays_of(worlds=3, **tables)
    low, high = environment.units.bounds()
    assert np.isfinite(low).all()
    assert np.isfinite(high).all()
    assert (low < high).all()
    generator = np.random.default_rng(2)
    shape = (3, environment.units.count, 2)
    least, greatest = low.copy() + 9, high.copy() - 9
    for slot in range(120):
        action = generator.uniform(-1, 1, shape) if slot % 3 else np.full(shape, 1 - slot % 2 * 2)
        environment.step(action)
        seen = environment.observe()
        assert (seen >= low).all(), slot
        assert (seen <= high).all(), slot
        least = np.minimum(least, seen.min(axis=(0, 1)))
        greatest = np.maximum(greatest, seen.max(axis=(0, 1)))
    # and they are no wider than they need be: the actions reach them
    if "actions" in environment.units.spec.observe:
        inputs = 2 * environment.units.spec.history
        np.testing.assert_array_equal(greatest[:inputs], high[:inputs])
        np.testing.assert_array_equal(least[:inputs], low[:inputs])


def test_spaces_hold_what_is_seen_and_are_the_same_for_all_agents():
    environment = parallel_of(learning=ALL, more=STORES)
    spaces = [environment.observation_space(agent) for agent in environment.possible_agents]
    assert all(space == spaces[0] for space in spaces)
    assert spaces[0].is_bounded()
    seen, _ = environment.reset(seed=1)
    generator = np.random.default_rng(1)
    for _ in range(6):
        assert all(environment.observation_space(a).contains(o) for a, o in seen.items())
        state = environment.state()
        assert environment.state_space.contains(state)
        np.testing.assert_array_equal(state, np.concatenate(list(seen.values())))
        seen = environment.step(actions_of(environment, generator))[0]


def test_info_says_who_is_a_manager():
    environment = parallel_of(learning="manager_share = 0.3")
    _, first = environment.reset(seed=1)
    later = environment.step(dict.fromkeys(environment.agents, np.zeros(2)))[4]
    for infos in (first, later):
        # round(0.3 * 14) of them: those with the most neighbours, the first ones where equal
        assert {a for a, info in infos.items() if info["manager"]} == {"6", "9", "1", "2"}
    assert sum(info["cost"] for info in later.values()) > 0
    every = parallel_of(learning="manager_share = 1.0").reset(seed=1)[1]
    assert all(info["manager"] for info in every.values())


# its checkers pass options of their own
@pytest.mark.filterwarnings("ignore:reset.. has no options")
def test_pettingzoo_takes_it_turn_by_turn_too():
    pytest.importorskip("pettingzoo")
    from pettingzoo.test import api_test, parallel_api_test
    from pettingzoo.utils import parallel_to_aec

    tables = {"learning": ALL, "more": STORES}
    parallel_api_test(parallel_of(**tables), num_cycles=20)
    # agents are named as the nodes are, where PettingZoo would have a word and a number
    warnings.filterwarnings("ignore", message="We recommend agents to be named")
    api_test(parallel_to_aec(parallel_of(**tables)), num_cycles=20)


# its checkers pass options of their own
@pytest.mark.filterwarnings("ignore:reset.. has no options")
def test_the_environments_have_pettingzoos_names_and_take_scenarios_by_name():
    pytest.importorskip("pettingzoo")
    from pettingzoo.test import api_test, parallel_seed_test

    from qnetsim.learning.pettingzoo import env, parallel_env

    warnings.filterwarnings("ignore", message="We recommend agents to be named")
    api_test(env(scenario_of(learning=ALL, more=STORES)), num_cycles=10)
    parallel_seed_test(lambda: parallel_env(scenario_of()), num_cycles=5)
    assert len(parallel_env("nsfnet").possible_agents) == 14
    for wrong in (None, 3):
        with pytest.raises(UsageError, match="it is a Scenario, a file, or the name of a shipped"):
            parallel_env(wrong)
    with pytest.raises(QnetsimError, match="nsfnett"):
        parallel_env("nsfnett")


@pytest.mark.parametrize("name", ["fel-rounds", "fel-rounds-stores", "outages", "fel"])
def test_what_a_refusal_says_opens_the_scenario(name):
    pytest.importorskip("pettingzoo")
    from qnetsim.learning.pettingzoo import parallel_env

    with pytest.raises(QnetsimError, match="reward_cost: must be 'realised'") as caught:
        parallel_env(name)
    changes = re.search(r"load the scenario with changes=(\{.*?\}), or write", str(caught.value))
    environment = parallel_env(load(name, slots=2, changes=ast.literal_eval(changes[1])))
    environment.reset(seed=1)
    rewards = environment.step(dict.fromkeys(environment.agents, np.zeros(2)))[1]
    assert np.isfinite(list(rewards.values())).all()


def test_km_actions_around_one_are_still_about_zero():
    """One wavelength for each routed request, from which a small action does not move it."""
    share, around = (
        arrays_of(learning=f"km_action = '{name}'").units for name in ("share", "around_one")
    )
    for units, moved in ((share, True), (around, False)):
        action = np.zeros((1, units.count, 2))
        np.testing.assert_array_equal(units.reservations(action)[1][0], units.requests)
        action[:] = 0.2  # of up to 25 requests on a fibre
        assert (units.reservations(action)[1][0] != units.requests).any() == moved
        action[:] = -0.2
        assert (units.reservations(action)[1][0] != units.requests).any() == moved
        for end, most in ((1.0, 2), (-1.0, 0)):
            action[:] = end
            np.testing.assert_array_equal(units.reservations(action)[1][0], most * units.requests)
    # channels mean what they meant
    action = np.random.default_rng(1).uniform(-1, 1, (1, around.count, 2))
    np.testing.assert_array_equal(*(units.reservations(action)[0] for units in (share, around)))


def test_channels_of_the_fibre_are_single_ones_between_the_same_ends():
    request, fibre = (
        arrays_of(learning=f"channels_by = '{name}'") for name in ("request", "fibre")
    )
    requests, top = request.units.requests, request.units.top
    assert requests.max() > 5
    action = np.zeros((1, request.units.count, 2))
    for end, most in ((1.0, top), (-1.0, 0)):
        action[..., 0] = end
        for environment in (request, fibre):
            channels = environment.units.reservations(action)[0][0]
            np.testing.assert_array_equal(channels, most * requests)
    reserved: list[set[int]] = [set(), set()]
    busiest = int(requests.argmax())
    for share in np.linspace(-1, 1, 4 * top * int(requests.max())):
        action[..., 0] = share
        for found, environment in zip(reserved, (request, fibre), strict=True):
            found.add(int(environment.units.reservations(action)[0][0, busiest]))
    assert reserved[0] == set(range(0, top * int(requests[busiest]) + 1, int(requests[busiest])))
    assert reserved[1] == set(range(top * int(requests[busiest]) + 1))
    # wavelengths mean what they meant
    action = np.random.default_rng(1).uniform(-1, 1, action.shape)
    np.testing.assert_array_equal(
        *(environment.units.reservations(action)[1] for environment in (request, fibre))
    )
    # an amount costs what it costs, whoever can reserve it
    channels, wavelengths = request.units.reservations(action)
    np.testing.assert_array_equal(
        *(environment.costs.expected(channels, wavelengths) for environment in (request, fibre))
    )


def test_the_least_expected_cost_is_reached_by_channels_of_the_fibre():
    """C* is the cost of sip's reservation, of whole channels of the fibre."""
    costs = arrays_of(learning="channels_by = 'fibre'").costs
    fibres = np.arange(len(costs.best))
    amounts = np.arange(1 + int((costs._units.requests * costs._units.top).max()))
    wavelengths = costs._units.requests
    most = costs._units.requests * costs._units.top
    each = [
        costs.expected(np.minimum(amount, most)[None], wavelengths[None])[0] for amount in amounts
    ]
    np.testing.assert_allclose(np.min(each, axis=0)[fibres], costs.best, rtol=1e-12)


def test_km_actions_around_one_need_room_for_one():
    with pytest.raises(QnetsimError, match=r"most_wavelengths: 0\.5 is less than the one"):
        scenario_of(learning="km_action = 'around_one'\nmost_wavelengths = 0.5")


def test_nothing_is_drawn():
    pytest.importorskip("pettingzoo")
    from qnetsim.learning.pettingzoo import env, parallel_env

    for made in (env, parallel_env):
        assert made(scenario_of(), render_mode=None).render_mode is None
        with pytest.raises(UsageError, match="render_mode is 'human'; nothing is drawn here"):
            made(scenario_of(), render_mode="human")
        environment = made(scenario_of())
        with pytest.raises(NotImplementedError, match=r"render\(\) was called; nothing is drawn"):
            environment.render()


@pytest.mark.parametrize(
    ("key", "before", "other"),
    [("km_action", "share", "around_one"), ("channels_by", "request", "fibre")],
)
def test_what_an_action_means_is_saved_with_the_weights(key, before, other, tmp_path):
    pytest.importorskip("torch")
    from qnetsim.learning.checkpoint import weights_of, write_weights
    from qnetsim.learning.train import Training
    from qnetsim.policies.learned.weights import packed, read_weights

    few = "epochs = 1\nslots_per_epoch = 4\nupdates_per_epoch = 1\nbatch = 2\n"
    for name in (before, other):
        training = Training(
            open_case(scenario_of(learning=f"{few}{key} = '{name}'")), "fedsac", [0]
        )
        training.run()
        path = tmp_path / f"{name}.safetensors"
        write_weights(path, weights_of(training))
        weights = read_weights(path)
        assert getattr(weights.spec, key) == name
        # weights that act as before are stored as before
        assert (key in weights.spec.as_json()) == (name == other)
        for wrong in (
            replace(weights.spec, **{key: "half"}),
            replace(weights.spec, km_action="around_one", most_wavelengths=0.5),
        ):
            path.write_bytes(packed(replace(weights, spec=wrong)))
            with pytest.raises(UsageError, match="is damaged"):
                read_weights(path)


def test_a_scenario_keeps_its_digest_unless_it_uses_what_came_later():
    plain, *same = (
        scenario_of(learning="epochs = 7" + more)
        for more in ("", "\nkm_action = 'share'", "\nchannels_by = 'request'")
    )
    assert {one.digest() for one in same} == {plain.digest()}
    for more in ("km_action = 'around_one'", "channels_by = 'fibre'"):
        assert scenario_of(learning=f"epochs = 7\n{more}").digest() != plain.digest()
    # of 0.1.0
    assert plain.digest() == "7e26f39a8228262755fde9ea167bced260413bffe62cd03b38ace168bf2110ee"


def test_pairs_and_neighbours_are_observed_alike_in_training_and_in_use(tmp_path) -> None:
    """A policy that sees them is trained, stored, and sees in the kernel what it saw there."""
    from qnetsim.learning.checkpoint import weights_of, write_weights
    from qnetsim.learning.train import Training
    from qnetsim.policies.learned.policies import FedSAC, LearnedOptions
    from tests.support.helpers import run

    text = """
[run]
slots = 6
[network]
topology = "nsfnet"
[demand]
pairs = "all"
coupling = "independent"
[learning]
epochs = 1
slots_per_epoch = 4
updates_per_epoch = 1
batch = 4
hidden_units = 8
observe = ["demand", "pairs", "neighbours"]
reward_cost = "realised"
"""
    case = open_case(parse_scenario(text))
    training = Training(case, "fedsac", [0])
    training.run()
    path = tmp_path / "w.safetensors"
    write_weights(path, weights_of(training))

    class Seeing(FedSAC):
        seen: list[np.ndarray] = []  # noqa: RUF012

        def decide(self, observation):
            if observation.controller == 0:
                pools = np.zeros((2, 1, self._units.owners.size), dtype=np.int64)
                self.seen.append(
                    self._units.observation(
                        self._past, self._demand, self._units.pools(*pools), self._last_levels
                    )[0]
                )
            return super().decide(observation)

    policy = Seeing(LearnedOptions(model=str(path)))
    result = run(case, policy)
    environment = ArrayEnvironment(case, [0], "train")
    for slot, levels in enumerate(result.levels):
        np.testing.assert_array_equal(environment.observe()[0], policy.seen[slot])
        environment._drawn = np.broadcast_to(levels, (1, 1024, levels.size))
        environment._draw = lambda chunk: None
        environment.step(np.zeros((1, 14, 2)))


def test_the_old_path_of_the_environment_warns_and_gives_the_same_class() -> None:
    from qnetsim.learning import parallel, pettingzoo

    with pytest.warns(DeprecationWarning, match="is now qnetsim.learning.pettingzoo") as caught:
        from qnetsim.learning.parallel import QkdParallelEnv
    assert QkdParallelEnv is pettingzoo.QkdParallelEnv
    assert [warning.filename for warning in caught] == [__file__]
    with pytest.raises(AttributeError, match="NoSuchName"):
        _ = parallel.NoSuchName


def test_numbers_in_an_array_of_objects_are_numbers() -> None:
    found = real_numbers(np.array([np.float32(0.5), 1], dtype=object))
    assert found.dtype == np.float64 and found.tolist() == [0.5, 1.0]
    for wrong in ([True, 0.5], [None, 1.0], ["0.5", 1.0]):
        with pytest.raises(ValueError, match="array"):
            real_numbers(np.array(wrong, dtype=object))


def test_an_action_is_written_out_only_where_it_is_refused() -> None:
    class Quiet(np.ndarray):
        def __repr__(self) -> str:
            raise AssertionError("nobody asked")

    assert real_numbers(np.array([0.5, 0.0]).view(Quiet)).tolist() == [0.5, 0.0]
