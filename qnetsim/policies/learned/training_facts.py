"""What a training met, as it is kept with the weights, and how far a scenario is from it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from qnetsim.errors import QnetsimError
from qnetsim.forecast import Forecast
from qnetsim.forecast.build import build_forecast
from qnetsim.network import Network, build_network, network_topology
from qnetsim.network.formats.topology_files import BUNDLED
from qnetsim.network.model import WAVELENGTHS_PER_CHANNEL
from qnetsim.policies.base import Setting
from qnetsim.scenario import (
    CostTable,
    DemandTable,
    JobsTable,
    KeyManagementTable,
    NetworkTable,
    RegimesTable,
    RequestTable,
)
from qnetsim.units import exact

#: Facts in the order in which differences are told, and what they are called.
NAMES = {
    "levels": "levels",
    "mean_level": "mean level",
    "regimes": "means of the regimes",
    "regime_slots": "slots of a regime",
    "channels": "channels of the highest level",
    "qkd_prices": "QKD price reserved/on demand",
    "km_prices": "KM price reserved/on demand",
    "store_bits": "store_bits",
    "key_lifetime_slots": "key_lifetime_slots",
}
#: Facts that weights which tell the others may lack; nothing is said of them then. `belief-net`,
#: which is trained on demand of many laws, goes by the others.
LAW_NAMES = {"level_deviation": "deviation of the level", "coupling": "coupling of the levels"}


class ModelWarning(UserWarning):
    """A trained model is used far from its training, or does not say what it was trained with."""


def facts_of(setting: Setting) -> dict[str, object]:
    """What an agent can meet in this setting; ranges are over the fibres.

    ``channels`` shows spans and key rates.
    """
    return _facts(setting.network, setting.forecast, setting.key_management, setting.regimes)


def _facts(
    network: Network,
    forecast: Forecast,
    keys: KeyManagementTable | None,
    regimes: RegimesTable | None,
) -> dict[str, object]:
    prices = network.costs
    means = np.array([distribution.mean for distribution in forecast.distributions])
    variances = np.array([distribution.variance for distribution in forecast.distributions])
    lasting = bool(keys and keys.store_bits and keys.key_lifetime_slots)
    return {
        "levels": forecast.level_count,
        "mean_level": round(float(means[forecast.kind].mean()), 6),
        "level_deviation": round(float(np.sqrt(variances)[forecast.kind].mean()), 6),
        "coupling": forecast.coupling,
        "regimes": list(regimes.means) if regimes else [],
        "regime_slots": regimes.mean_slots if regimes else 0,
        "channels": _range(network.level_channels(forecast.level_count)[-1]),
        "qkd_prices": _range(_ratio(prices.qkd_reserved, prices.qkd_on_demand)),
        "km_prices": _range(_ratio(prices.km_reserved, prices.km_on_demand)),
        "store_bits": keys.store_bits if keys and lasting else 0,
        "key_lifetime_slots": keys.key_lifetime_slots if keys and lasting else 0,
    }


def other_limits(card: Mapping[str, object], setting: Setting) -> list[str]:
    """Limits of a fibre that differ from those in a card's scenario, each in a few words."""
    scenario = card.get("scenario")
    table = scenario.get("network") if isinstance(scenario, dict) else None
    if not isinstance(table, dict):
        return []
    told = []
    for name, key, size, limit in (
        ("channels", "qkd_wavelengths", WAVELENGTHS_PER_CHANNEL, setting.network.max_channels),
        ("KM wavelengths", "km_wavelengths", 1, setting.network.max_wavelengths),
    ):
        met = table.get(key, 0)
        trained = met // size if met and isinstance(met, int) else None
        if trained != limit:
            here, there = ("unlimited" if x is None else x for x in (limit, trained))
            told.append(f"{name} that a fibre can light {here} (trained with {there})")
    return told


def facts_of_card(card: Mapping[str, object]) -> dict[str, object] | None:
    """What the training of a card met; None where the card cannot tell.

    Cards of 0.1.0 keep the scenario only, and it is worked out from that. A card comes from
    elsewhere, so no file that it names is read.
    """
    stored = card.get("training")
    if isinstance(stored, dict) and stored.keys() >= NAMES.keys():
        return stored
    scenario = card.get("scenario")
    try:
        # its text, so that the runs of a comparison work it out once
        text = json.dumps(scenario)
        return _facts_of_scenario(text) if isinstance(scenario, dict) else None
    except (QnetsimError, KeyError, TypeError, ValueError, ArithmeticError):
        return None


@lru_cache(maxsize=16)
def _facts_of_scenario(text: str) -> dict[str, object] | None:
    scenario = json.loads(text)
    table = NetworkTable.model_validate(scenario["network"])
    if table.rate_table is not None or (table.graph is None and table.topology not in BUNDLED):
        return None
    slot_s = scenario["run"]["slot_s"]
    cost = CostTable.model_validate(scenario["cost"])
    network = build_network(table, cost, slot_s, network_topology(table))
    regimes = scenario.get("regimes")
    law = RegimesTable.model_validate(regimes) if regimes else None
    forecast = build_forecast(
        DemandTable.model_validate(scenario["demand"]),
        network.topology,
        scenario["run"]["seed"],
        regimes=law,
        requests=[RequestTable.model_validate(r) for r in scenario.get("request", ())],
        level_bps=network.level_bits / exact(slot_s),
        jobs=JobsTable.model_validate(scenario["jobs"]) if scenario.get("jobs") else None,
    )
    keys = KeyManagementTable.model_validate(scenario["key_management"])
    return _facts(network, forecast, keys, law)


def full_scale(facts: Mapping[str, object]) -> int:
    """Channels for each routed request at action 1, where ``most_channels`` is 0."""
    channels = facts["channels"]
    assert isinstance(channels, list)
    return max(int(channels[-1]), 1)


def differences(
    trained: Mapping[str, object], here: Mapping[str, object], names: Mapping[str, str] = NAMES
) -> list[str]:
    """What differs between a training and a setting, each in a few words."""
    return [
        f"{name} {_shown(here[key])} (trained with {_shown(trained[key])})"
        for key, name in names.items()
        if key in trained and not _alike(trained[key], here[key])
    ]


def _alike(trained: object, here: object) -> bool:
    """Equal, numbers within 1 %: lengths of fibres and the last level move means and prices."""
    if isinstance(trained, list) and isinstance(here, list):
        return len(trained) == len(here) and all(map(_alike, trained, here))
    if isinstance(trained, float) and isinstance(here, float):
        return math.isclose(trained, here, rel_tol=0.01)
    return trained == here


def _ratio(reserved: Any, on_demand: Any) -> Any:
    return np.divide(reserved, on_demand, out=np.ones_like(reserved), where=on_demand > 0)


def _range(values: Any) -> list[float]:
    return [round(float(values.min()), 3), round(float(values.max()), 3)]


def _shown(value: object) -> str:
    if not isinstance(value, list):
        return f"{value:g}" if isinstance(value, float) else str(value)
    numbers = [_shown(number) for number in value]
    return " … ".join(dict.fromkeys(numbers)) or "none"
