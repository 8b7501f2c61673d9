"""One manager for all agents in Gymnasium, and Stable-Baselines3 on the page about it."""

from __future__ import annotations

import os
import pickle
import re
import subprocess
import sys
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
gymnasium = pytest.importorskip("gymnasium")

from qnetsim.case import open_case  # noqa: E402
from qnetsim.errors import QnetsimError, UsageError  # noqa: E402
from qnetsim.learning.environment import ArrayEnvironment  # noqa: E402
from qnetsim.learning.episodes import next_world  # noqa: E402
from qnetsim.learning.gymnasium import ENVIRONMENT  # noqa: E402
from qnetsim.scenario import Scenario  # noqa: E402
from tests.support import ROOT  # noqa: E402
from tests.support.helpers import scenario  # noqa: E402

TEXT = """
[run]
slots = 6
[network]
topology = "nsfnet"
[demand]
requests = 30
[learning]
{learning}
{more}
"""
ALL = "observe = ['actions', 'demand', 'pools', 'context']\nreward_cost = 'realised'"
STORES = "[key_management]\nstore_bits = 90000\nkey_lifetime_slots = 9"
PAGE = ROOT / "docs" / "tutorials" / "other-learners.md"


def scenario_of(learning: str = "", more: str = "") -> Scenario:
    return scenario(TEXT.format(learning=learning, more=more))


def made(learning: str = "", more: str = "") -> Any:
    return gymnasium.make(ENVIRONMENT, scenario=scenario_of(learning, more)).unwrapped


@pytest.mark.parametrize(
    "tables", [{}, {"learning": ALL, "more": STORES}, {"learning": "decide_by = 'fibre'"}]
)
@pytest.mark.filterwarnings("error")
def test_gymnasiums_own_checker_has_nothing_to_say(tables: dict[str, str]) -> None:
    from gymnasium.utils.env_checker import check_env

    check_env(made(**tables))


def test_a_name_with_its_module_needs_no_import() -> None:
    environment = gymnasium.make(f"qnetsim.learning.gymnasium:{ENVIRONMENT}", scenario="nsfnet")
    assert environment.action_space.shape == (28,)
    assert environment.spec.id == ENVIRONMENT


def fresh(code: str) -> str:
    """What code prints that has imported nothing yet; a warning is an error."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert (done.returncode, done.stderr) == (0, ""), code
    return done.stdout


@pytest.mark.parametrize("page", [PAGE, ROOT / "CHANGELOG.md"], ids=lambda page: page.stem)
def test_what_the_pages_call_is_found_without_any_other_import(page: Path) -> None:
    calls = re.findall(r"gymnasium\.make\([^()]*scenario=[^()]*\)", page.read_text("utf-8"))
    assert calls
    made = "\n".join(f"print({call}.unwrapped.spec.id)" for call in calls)
    assert fresh(f"import gymnasium\n{made}") == f"{ENVIRONMENT}\n" * len(calls)


@pytest.mark.parametrize(
    "imports", ["gymnasium, qnetsim.learning.gymnasium", "qnetsim.learning.gymnasium, gymnasium"]
)
def test_the_name_alone_takes_the_import_of_its_module(imports: str) -> None:
    told = fresh(
        f"import sys, {imports}\nprint('torch' in sys.modules)\n"
        f"print(gymnasium.make({ENVIRONMENT!r}).action_space.shape)"
    )
    assert told == "False\n(28,)\n"


def test_the_manager_decides_for_all_agents_and_is_rewarded_for_the_network() -> None:
    text = scenario_of("reward_scope = 'own'\n" + ALL, STORES)
    environment = gymnasium.make(ENVIRONMENT, scenario=text).unwrapped
    whole = scenario_of("reward_scope = 'network'\n" + ALL, STORES)
    core = ArrayEnvironment(open_case(whole), [4], "environment")
    environment.reset(seed=4)
    generator = np.random.default_rng(1)
    for slot in range(6):
        action = generator.uniform(-1, 1, 28).astype(np.float32)
        seen, reward, terminated, truncated, info = environment.step(action)
        rewards = core.step(action.reshape(1, 14, 2))
        assert reward == rewards[0, 0] == rewards[0, 13]
        assert info == {"world": 4, "cost": core.cost.sum()}
        np.testing.assert_array_equal(seen, core.observe()[0].ravel())
        assert (terminated, truncated) == (False, slot == 5)


def test_episodes_are_worlds() -> None:
    environment = made()
    assert environment.reset(seed=np.int64(7))[1] == {"world": 7}
    assert environment.reset()[1] == {"world": next_world(7)}
    for seed in (-1, 1.5, "3", True):
        with pytest.raises(UsageError, match="it is a whole number >= 0, or left out"):
            environment.reset(seed=seed)


def test_copies_side_by_side_play_worlds_of_their_own() -> None:
    copies = gymnasium.make_vec(ENVIRONMENT, num_envs=4, scenario=scenario_of())
    first = copies.reset(seed=7)[1]["world"].tolist()
    assert first == [7, 8, 9, 10]
    later = [copies.reset()[1]["world"].tolist() for _ in range(5)]
    assert len({*first, *chain.from_iterable(later)}) == 4 * 6
    copies.reset(seed=7)
    assert [copies.reset()[1]["world"].tolist() for _ in range(5)] == later
    unseeded = gymnasium.make_vec(ENVIRONMENT, num_envs=4, scenario=scenario_of())
    fresh = [unseeded.reset()[1]["world"].tolist() for _ in range(3)]
    assert len(set(chain.from_iterable(fresh))) == 4 * 3


def test_a_pickled_one_goes_on_with_the_next_world() -> None:
    """As processes of their own take it, in the wrappers that Gymnasium puts about it."""
    environment = gymnasium.make(ENVIRONMENT, scenario=scenario_of())
    environment.reset(seed=3)
    environment.step(environment.action_space.sample())
    other = pickle.loads(pickle.dumps(environment))
    with pytest.raises(UsageError, match=r"no episode has begun.*call reset"):
        other.unwrapped.step(environment.action_space.sample())
    (seen, info), (same, told) = environment.reset(), other.reset()
    assert info == told == {"world": next_world(3)}
    assert seen.tolist() == same.tolist()
    assert other.unwrapped._case.scenario.learning.reward_scope == "network"


def test_what_is_no_step_is_an_error_and_changes_nothing() -> None:
    environment = made()
    action = np.zeros(28, np.float32)
    with pytest.raises(UsageError, match=r"no episode has begun.*call reset\(\)"):
        environment.step(action)
    environment.reset(seed=1)
    nan = action.copy()
    nan[5] = np.nan
    wrong = [
        (nan, r"agent '3' acts by \[ *0\. +nan\]"),
        (np.zeros(27), r"shape \(27,\); what is wanted is \(28,\): 2 for each of 14 agents"),
        (np.zeros((14, 2)), r"shape \(14, 2\)"),
        (0.5, r"shape \(\)"),
        (None, r"the action is None; it is 28 finite numbers in .*, 2 for each of 14 agents"),
        (["0.5"] * 28, r"the action is \['0\.5', [^\n]*…; it is 28 finite numbers"),
        (np.zeros(28, bool), r"the action is array\(\[False"),
    ]
    for given, message in wrong:
        with pytest.raises(UsageError, match=message):
            environment.step(given)
    for _ in range(6):
        truncated = environment.step(action)[3]
    assert truncated
    with pytest.raises(UsageError, match="the episode is over"):
        environment.step(action)


def test_other_scenarios_are_refused() -> None:
    with pytest.raises(UsageError, match="name of a shipped scenario"):
        gymnasium.make(ENVIRONMENT, scenario=3)
    with pytest.raises(QnetsimError, match="nsfnett"):
        gymnasium.make(ENVIRONMENT, scenario="nsfnett")


@pytest.mark.filterwarnings("ignore:.*that is not in the possible render_modes")
def test_nothing_is_drawn() -> None:
    environment = gymnasium.make(ENVIRONMENT, scenario=scenario_of(), render_mode=None)
    assert environment.render_mode is None
    # Stable-Baselines3 asks for "rgb_array", and goes on without it at a TypeError
    for mode in ("human", "rgb_array"):
        with pytest.raises(UsageError, match=f"render_mode is '{mode}'; nothing is drawn") as found:
            gymnasium.make(ENVIRONMENT, scenario=scenario_of(), render_mode=mode)
        assert isinstance(found.value, TypeError)
    environment.reset(seed=1)
    with pytest.raises(NotImplementedError, match=r"render\(\) was called; nothing is drawn here"):
        environment.render()


@pytest.mark.filterwarnings("ignore")
def test_stable_baselines_makes_it_by_its_name() -> None:
    pytest.importorskip("stable_baselines3", reason="Stable-Baselines3 is not installed")
    from stable_baselines3 import PPO
    from stable_baselines3.common.env_util import make_vec_env

    vector = make_vec_env(ENVIRONMENT, n_envs=3, seed=0, env_kwargs={"scenario": scenario_of()})
    assert vector.reset().shape == (3, *vector.observation_space.shape)
    assert [info["world"] for info in vector.reset_infos] == [0, 1, 2]
    assert PPO("MlpPolicy", ENVIRONMENT, n_steps=4, batch_size=4, device="cpu").n_envs == 1


def blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.S)


def test_the_page_makes_the_manager() -> None:
    namespace: dict[str, Any] = {}
    exec(blocks()[0], namespace)
    assert namespace["observation"].shape == namespace["environment"].observation_space.shape


@pytest.mark.filterwarnings("ignore")
def test_stable_baselines_learns_on_the_page() -> None:
    pytest.importorskip("stable_baselines3", reason="Stable-Baselines3 is not installed")
    pytest.importorskip("supersuit", reason="SuperSuit is not installed")
    namespace: dict[str, Any] = {}
    exec(blocks()[1], namespace)
    assert namespace["after"] < 0.85 * namespace["before"]
