"""Rules over several keys of a scenario file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from qnetsim.plain_text import counted
from qnetsim.scenario.fel_checks import fel_checks
from qnetsim.scenario.job_checks import job_checks
from qnetsim.scenario.lines import Key, Problem
from qnetsim.scenario.request_checks import SOURCES, request_checks
from qnetsim.units import exact, seconds_to_ticks


def cross_checks(data: Mapping[str, Any]) -> Iterator[Problem]:
    """Rules over several keys; they look at the raw data, so they run beside other errors."""
    demand = data.get("demand", {})
    run = data.get("run", {})
    network = data.get("network", {})
    management = data.get("key_management", {})
    if isinstance(demand, dict):
        yield from _demand_checks(demand, data)
    yield from request_checks(data)
    yield from _regime_checks(data.get("regimes"), demand, data.get("recording"))
    yield from job_checks(data)
    yield from _time_checks(run, ("run", "slot_s"))
    for key in ("patience_s", "on_demand_setup_s", "control_delay_s"):
        yield from _time_checks(management, ("key_management", key))
    if isinstance(management, dict) and isinstance(run, dict):
        setup = management.get("on_demand_setup_s", 0.0)
        length = run.get("slot_s", 1.0)
        if _positive(setup) and _positive(length) and setup > length:
            yield (
                ("key_management", "on_demand_setup_s"),
                f"{setup} s is longer than a slot of {length} s; allowed: at most slot_s",
            )
    if isinstance(management, dict):
        yield from _initial_checks(management)
    for i, table in enumerate(_tables(data.get("fel"))):
        for key in ("patience_s", "compute_s"):
            yield from _time_checks(table, ("fel", i, key))
        yield from _renewal_checks(table, ("fel", i), "worker")
        if isinstance(table, dict):
            yield from fel_checks(table, ("fel", i))
    yield from _fault_checks(data.get("faults"), data.get("outage"))
    yield from _trace_checks(data.get("trace"))
    yield from _action_checks(data.get("learning"))
    yield from _observe_checks(data.get("learning"))
    if isinstance(network, dict):
        yield from _rate_checks(network)
        if isinstance(run, dict):
            yield from _slot_bits_checks(network, run)


def _demand_checks(demand: Mapping[str, Any], data: Mapping[str, Any]) -> Iterator[Problem]:
    """Exactly one source of requests, and shares that can be used."""
    recording = data.get("recording")
    given = [key for key in SOURCES if key in demand]
    if len(given) > 1:
        text = f"{given[0]} and {given[1]} are both given; allowed: one of them"
        yield ("demand", given[1]), text
    if isinstance(recording, dict):
        yield from _recording_checks(recording, demand, data.get("run"))
    elif not given and not data.get("request"):
        yield (
            ("demand",),
            "neither requests nor pairs is given; give requests = N, pairs = 'all', "
            "pairs = [[source, target], …], gravity = {…}, means = FILE, [[request]] tables or a "
            "[recording]",
        )
    gravity = demand.get("gravity")
    degrees = isinstance(gravity, dict) and gravity.get("weights") == "degree"
    if isinstance(gravity, dict) and degrees and "total_rate_bps" not in gravity:
        text = "'degree' says no rates; give total_rate_bps beside it"
        yield ("demand", "gravity", "weights"), text
    if demand.get("pairs") == []:
        yield ("demand", "pairs"), "is empty; give at least one [source, target]"
    yield from _distribution_checks(demand)
    shares = demand.get("priority_shares")
    if isinstance(shares, list) and all(isinstance(w, int | float) for w in shares):
        if not 1 <= len(shares) <= 16:
            yield (
                ("demand", "priority_shares"),
                f"has {counted(len(shares), 'number')}; give 1 to 16",
            )
        elif not all(0 <= w < 1e300 for w in shares) or sum(shares) <= 0:
            text = "must be finite numbers >= 0 with a positive sum"
            yield ("demand", "priority_shares"), text


def _slot_bits_checks(network: Mapping[str, Any], run: Mapping[str, Any]) -> Iterator[Problem]:
    """A channel of constant rate yields at least one bit in a slot."""
    if network.get("key_rate", "constant") != "constant":
        return
    slot = run.get("slot_s", 1.0)
    rate = network.get("key_rate_bps", 1000.0)
    if _positive(slot) and _positive(rate):
        bits = exact(slot) * exact(rate)
        if bits < 1:
            yield (
                ("network", "key_rate_bps"),
                f"a channel yields {float(bits):g} bits in a slot of {slot} s; "
                "allowed: at least one bit (raise key_rate_bps or run.slot_s)",
            )


def _initial_checks(management: Mapping[str, Any]) -> Iterator[Problem]:
    """Bits ahead of slot 0 are such as a slot before it could have left."""
    initial = management.get("initial_bits", 0)
    store = management.get("store_bits", 0)
    key = ("key_management", "initial_bits")
    if not _positive(initial) or not isinstance(store, int):
        return
    if initial > store:
        yield (
            key,
            f"{initial} bits are more than a pool keeps; allowed: at most store_bits, {store}",
        )
    elif management.get("key_lifetime_slots", 0) == 0:
        yield key, "no bit outlives its slot; give key_lifetime_slots >= 1"


def _trace_checks(trace: object) -> Iterator[Problem]:
    """A share of a sample goes with a sample."""
    if isinstance(trace, dict) and "requests_sample" in trace and trace.get("requests") != "sample":
        yield ("trace", "requests_sample"), "goes with requests = 'sample' only; remove it"


def _observe_checks(learning: object) -> Iterator[Problem]:
    seen = learning.get("observe") if isinstance(learning, dict) else None
    if isinstance(seen, list | tuple):
        for i, name in enumerate(seen):
            if name in seen[:i]:
                yield ("learning", "observe", i), f"{name!r} stands there twice; allowed: each once"


def _action_checks(learning: object) -> Iterator[Problem]:
    if isinstance(learning, dict) and learning.get("km_action") == "around_one":
        most = learning.get("most_wavelengths", 2.0)
        if _positive(most) and most < 1:
            yield (
                ("learning", "most_wavelengths"),
                f"{most} is less than the one wavelength that km_action = 'around_one' is around; "
                "allowed: at least 1",
            )


def _tables(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _positive(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e300


def _time_checks(table: object, key: Key) -> Iterator[Problem]:
    if isinstance(table, dict) and _positive(table.get(key[-1])):
        try:
            seconds_to_ticks(table[key[-1]])
        except ValueError as error:
            yield key, f"{error}; allowed: a multiple of 1e-9 s"


def _rate_checks(network: Mapping[str, Any]) -> Iterator[Problem]:
    """Keys that belong to one model of the key rate."""
    model = network.get("key_rate", "constant")
    # a value of any type: not looked for in a set, where lists have no place
    if model not in ("constant", "inverse", "mdi_qkd", "table"):
        return
    for key, models in (
        ("key_rate_bps", ("constant", "inverse")),
        ("rate_table", ("table",)),
        ("rate_table_pulse_rate_hz", ("table",)),
        ("mdi_qkd", ("mdi_qkd",)),
    ):
        if key in network and model not in models:
            text = " or ".join(repr(name) for name in models)
            yield ("network", key), f"goes with key_rate = {text} only; remove it"
    for i, fibre in enumerate(_tables(network.get("fibre"))):
        if isinstance(fibre, dict):
            yield from _fibre_checks(fibre, ("network", "fibre", i))
    if model == "table":
        for key in ("rate_table", "rate_table_pulse_rate_hz"):
            if key not in network:
                yield ("network", "key_rate"), f"'table' needs {key}; give it"


def _fibre_checks(fibre: Mapping[str, Any], place: Key) -> Iterator[Problem]:
    """A table of one fibre says something, and what it says can be checked."""
    said = ("attenuation_db_km", "extra_loss_db", "key_rate_bps")
    if not any(key in fibre for key in said):
        yield place, f"says nothing of the fibre; give one of {', '.join(said)}"
    if "pulse_rate_hz" in fibre and "key_rate_bps" not in fibre:
        yield (*place, "pulse_rate_hz"), "goes with key_rate_bps; remove it"


def _fault_checks(faults: object, outages: object) -> Iterator[Problem]:
    for kind in ("fibre", "relay", "node"):
        yield from _renewal_checks(faults, ("faults",), kind)
    for i, outage in enumerate(_tables(outages)):
        if not isinstance(outage, dict):
            continue
        if ("node" in outage) == ("fibre" in outage):
            yield ("outage", i), "needs a node or a fibre; give exactly one of them"
        relays = [key for key in ("trusted_relay", "untrusted_relay") if key in outage]
        if relays and "fibre" not in outage:
            yield ("outage", i, relays[0]), "counts the relays of a fibre; give fibre too"
        if len(relays) > 1:
            yield ("outage", i, relays[1]), "is given beside trusted_relay; give one of them"
        for key in ("start_s", "duration_s"):
            yield from _time_checks(outage, ("outage", i, key))


def _renewal_checks(table: object, place: Key, kind: str) -> Iterator[Problem]:
    """Mean times up and down go together."""
    pair = f"{kind}_mtbf_s", f"{kind}_mttr_s"
    given = [key for key in pair if isinstance(table, dict) and key in table]
    if len(given) == 1:
        other = pair[0] if given[0] == pair[1] else pair[1]
        yield (*place, given[0]), f"needs {other} beside it; give both or neither"


def _distribution_checks(demand: Mapping[str, Any]) -> Iterator[Problem]:
    kind = demand.get("kind", "poisson")
    weights = demand.get("probabilities")
    if kind == "table":
        if "mean" in demand:
            yield ("demand", "mean"), "goes with kind = 'poisson' only; remove it"
        if weights is None:
            yield ("demand",), "kind = 'table' needs probabilities; give one number per level"
    elif weights is not None:
        yield ("demand", "probabilities"), "goes with kind = 'table' only; remove it"
    numbers = (int, float)
    if isinstance(weights, list) and all(isinstance(w, numbers) for w in weights):
        levels = demand.get("levels", 10)
        if isinstance(levels, int) and len(weights) != levels:
            yield (
                ("demand", "probabilities"),
                f"has {counted(len(weights), 'number')} for {counted(levels, 'level')}; "
                "give one for each level",
            )
        if not all(0 <= w < 1e300 for w in weights) or sum(weights) <= 0:
            yield (
                ("demand", "probabilities"),
                "must be finite numbers >= 0 with a positive sum",
            )


def _recording_checks(
    recording: Mapping[str, Any], demand: Mapping[str, Any], run: object
) -> Iterator[Problem]:
    """The file has the requests; what it cannot have is refused rather than left aside."""
    for key in SOURCES:
        if key in demand:
            yield ("demand", key), "is given beside [recording], which has the requests; remove it"
    if demand.get("coupling", "independent") != "independent":
        text = (
            f"is {demand['coupling']!r}; recorded requests have levels of their own: leave it out"
        )
        yield ("demand", "coupling"), text
    if recording.get("forecast_slots"):
        for key in ("kind", "mean", "probabilities"):
            if key in demand:
                text = "is given beside recording.forecast_slots, which make the forecast"
                yield ("demand", key), f"{text}; remove one of them"
    length = run.get("slot_s", 1.0) if isinstance(run, dict) else 1.0
    theirs = recording.get("slot_s", length)
    if _positive(length) and _positive(theirs) and (exact(theirs) / exact(length)).denominator != 1:
        yield (
            ("recording", "slot_s"),
            f"{theirs} s is no whole multiple of a slot of {length} s; change run.slot_s",
        )


def _regime_checks(regimes: object, demand: object, recording: object) -> Iterator[Problem]:
    """Regimes replace the demand's own distribution, and all requests share them."""
    if not isinstance(regimes, dict) or not isinstance(demand, dict):
        return
    if isinstance(recording, dict):
        yield ("regimes",), "is given beside [recording], which has the demand; remove one"
    for key in ("mean", "probabilities"):
        if key in demand:
            yield ("demand", key), "is given beside [regimes], which has the means; remove one"
    if demand.get("kind", "poisson") != "poisson":
        yield ("demand", "kind"), "is not 'poisson'; regimes are Poisson distributions"
    if demand.get("coupling", "comonotone") != "comonotone":
        text = (
            f"is {demand['coupling']!r}; all requests share a regime, so with [regimes] it is "
            "'comonotone'"
        )
        yield ("demand", "coupling"), text
    means = regimes.get("means")
    if isinstance(means, list):
        for i, mean in enumerate(means):
            if isinstance(mean, int | float) and not 0 <= mean <= 1e6:
                yield ("regimes", "means", i), f"is {mean}; allowed: a number 0 .. 1000000"
