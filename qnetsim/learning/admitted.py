"""Scenarios that policies can be trained on, and who plays them: arrays or the kernel."""

from __future__ import annotations

import numpy as np

from qnetsim.arrays import FloatArray
from qnetsim.case import Case
from qnetsim.errors import SettingError, argument, speaks_of_options
from qnetsim.kernel.controllers import reservable_channels
from qnetsim.network import Network
from qnetsim.plain_text import counted
from qnetsim.policies.learned.features import Units
from qnetsim.policies.learned.spec import ACTIONS
from qnetsim.scenario import Scenario


def refuse_unsupported(scenario: Scenario) -> None:
    """Refuse scenarios that no policy can be trained on.

    Raises
    ------
    SettingError
        With every key that stands in the way.
    """
    learning = scenario.learning
    unknown = _expected_cost_is_unknown(scenario)
    problems: list[tuple[tuple[str, ...], str]] = []
    if scenario.recording:
        problems.append(
            (("recording",), "must be left out: one world is too few to train a policy on")
        )
    if unknown and learning.reward_cost == "expected":
        problems.append(
            (
                ("learning", "reward_cost"),
                f"must be 'realised': with {unknown} no slot's expected cost is known, in a "
                f'training; {_give_realised()}, or write reward_cost = "realised" in [learning]',
            )
        )
    if problems:
        raise SettingError(problems)


def by_known_costs(case: Case) -> Case:
    """The same case by realised costs, where no slot's expected cost is known."""
    if not _expected_cost_is_unknown(case.scenario):
        return case
    return by_realised_costs(case)


def by_realised_costs(case: Case) -> Case:
    """The same case with ``reward_cost = "realised"``."""
    learning = case.scenario.learning.model_copy(update={"reward_cost": "realised"})
    scenario = case.scenario.model_copy(update={"learning": learning})
    return Case(scenario, case.network, case.forecast)


def refuse_large_actions(network: Network, units: Units) -> None:
    """Refuse actions that reserve more channels of a fibre than a slot has bits for.

    Raises
    ------
    SettingError
    """
    channels, _ = units.reservations(np.ones((1, units.count, ACTIONS)))
    found, most = int(channels.max()), reservable_channels(network, slots=1)
    if found > most:
        text = (
            f"the largest action reserves {counted(found, 'channel')} of a fibre, of {most} that a "
            "slot can have bits for; lower it, network.key_rate_bps or run.slot_s"
        )
        raise SettingError([(("learning", "most_channels"), text)])


def refuse_free_demand(scenario: Scenario, best: FloatArray) -> None:
    """Refuse prices at which serving the demand costs nothing: a training tells costs over C*.

    Parameters
    ----------
    scenario : Scenario
    best : ndarray of float64, shape (fibres,)
        C*, the least expected cost.

    Raises
    ------
    SettingError
    """
    if best.sum() > 0:
        return
    free = "C*, the expected cost of `sip`, is 0, and a training tells costs over C*"
    if scenario.cost.on_demand_multiplier == 0:
        text = f"is 0, so {free}; give a number above 0"
        raise SettingError([(("cost", "on_demand_multiplier"), text)])
    text = f"makes serving the demand free: {free}; give prices above 0"
    raise SettingError([(("cost",), text)])


def _give_realised() -> str:
    """How a caller changes the key without a file of their own."""
    if speaks_of_options():
        return f"give {argument('set', 'learning.reward_cost=realised')}"
    return "load the scenario with changes={'learning.reward_cost': 'realised'}"


def _expected_cost_is_unknown(scenario: Scenario) -> str:
    """What a scenario has for which no slot's expected cost is known; empty where it is."""
    keys = scenario.key_management
    if keys.store_bits and keys.key_lifetime_slots:
        return "key stores"
    if scenario.regimes or scenario.jobs:
        return "regimes" if scenario.regimes else "jobs"
    return blocking_work(scenario) or clocks_work(scenario)


def blocking_work(scenario: Scenario) -> str:
    """What a scenario has for which requests may be blocked, or pools begin with keys."""
    network = scenario.network
    yields = scenario.yields
    has = {
        "wavelength limits": network.qkd_wavelengths or network.km_wavelengths,
        "noise": yields.noise_counts or yields.drift,
        "keys at the start": scenario.key_management.initial_bits,
    }
    return next((name for name, found in has.items() if found), "")


def clocks_work(scenario: Scenario) -> str:
    """What a scenario has for which a slot is no single instant, so that the kernel plays it."""
    demand = scenario.demand
    failing = any(value is not None for value in scenario.faults.model_dump().values())
    has = {
        "arrivals inside a slot": demand.arrivals != "slot_start",
        "sessions": demand.holding_slots != 1,
        "faults": scenario.outage or failing,
        "FEL tasks": scenario.fel,
        "a setup of channels": scenario.key_management.on_demand_setup_s,
    }
    return next((name for name, found in has.items() if found), "")
