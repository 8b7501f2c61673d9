"""Random configurations of the key layer: all kernels and the reference, column by column."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from qnetsim.case import Case, open_case
from qnetsim.kernel import Relay
from qnetsim.kernel.serving import paths
from qnetsim.network import BLOCKED, RouteTable, Topology, read_topology
from qnetsim.network.routes import Route
from qnetsim.optimize.routing import newsvendor_lengths
from qnetsim.policies import Decision, Observation, Outcome
from qnetsim.scenario import TraceTable, parse_scenario
from qnetsim.trace.schema import recorded
from qnetsim.units import seconds_to_ticks
from qnetsim.vocabulary import BILL_COLUMNS, FLOWS, POOLS, REQUEST_CAUSES, REQUEST_FATES
from qnetsim.world.realisation import WorldChunk
from tests.support.followed import check_counts, check_ways_in_order, told
from tests.support.helpers import Result, Scripted, run
from tests.support.networks import with_twins
from tests.support.reference import Reference, World

KERNELS = ("numba", "numpy", "loop")


def random_case(
    rng: np.random.Generator, folder: Path, twins: np.random.Generator | None = None
) -> Case:
    """A small network with tight limits and every feature of the key layer switched at random.

    With ``twins`` further cables lie beside some of its fibres. In calm cases all requests arrive
    together for one slot, so that whole slots can be served. In crowded ones waiting, patience,
    priorities, expiry and outages are on together.
    """
    kind = str(rng.choice(["calm", "mixed", "crowded"], p=[0.2, 0.2, 0.6]))
    calm, crowded = kind == "calm", kind == "crowded"
    most = 12 if calm else 8

    def pick(*choices: float, crowd: tuple[float, ...] = ()) -> float:
        return float(rng.choice(crowd if crowded and crowd else choices))

    nodes = int(rng.integers(2, 6))
    edges = {(int(rng.integers(0, n)), n) for n in range(1, nodes)}
    for _ in range(int(rng.integers(0, 4))):
        a, b = sorted(rng.choice(nodes, 2, replace=False).tolist())
        edges.add((a, b))
    rows = [f"n{a},n{b},{int(rng.integers(1, 400))}" for a, b in sorted(edges)]
    path = folder / "net.csv"
    path.write_text("source,target,length_km\n" + "\n".join(rows) + "\n")
    topology = (
        read_topology(str(path)) if twins is None else with_twins(read_topology(str(path)), twins)
    )
    slot_s = float(rng.choice([1.0, 0.5]))
    # how full the stores are at the start, from a stream of its own
    share = int(np.random.default_rng([len(edges), int(slot_s * 2), nodes]).integers(0, 5))
    a, b = sorted(edges)[int(rng.integers(len(edges)))]
    own = own_name(topology, f"n{a}", f"n{b}")
    spans = (
        f'key_rate = "inverse"\nfibre_spans = [["n{a}", "n{b}"{own}, 70.0]]'
        if rng.random() < 0.3
        else ""
    )
    noise = str(rng.choice(["", "[yields]\nnoise_counts = 3\ndrift = 0.3\ndrift_slots = 4"]))
    faults = ""
    if crowded or rng.random() < 0.6:
        # listed outages with forced ties at slot starts, and random ones
        faults = f"""
[faults]
fibre_mtbf_s = 4.0
fibre_mttr_s = 1.3
node_mtbf_s = 30.0
node_mttr_s = 0.7
[[outage]]
fibre = ["n{a}", "n{b}"{own}]
start_s = {float(rng.choice([0.0, 0.5, 1.0, 1.25]))}
duration_s = {float(rng.choice([0.25, 0.5, 1.0]))}
[[outage]]
fibre = ["n{b}", "n{a}"{own}]
untrusted_relay = 1
start_s = {float(rng.choice([0.5, 1.0, 1.5]))}
duration_s = {float(rng.choice([0.5, 2.0]))}
"""
    text = f"""
[run]
slots = {int(rng.integers(10, 40) if crowded else rng.integers(2, 14))}
slot_s = {slot_s}
seed = {int(rng.integers(0, 10**6))}
[network]
topology = {str(path)!r}
span_km = 100
key_rate_bps = {pick(10.0, 14.0, 22.0)}
{spans}
qkd_wavelengths = {int(pick(0, 6, 9, 12, 30, crowd=(6, 9, 12)))}
km_wavelengths = {int(pick(0, 1, 2, 4))}
[cost]
on_demand_multiplier = {float(rng.choice([0.5, 1.0, 1.7]))}
blocking_cost = {float(rng.choice([0.0, 1234.5]))}
exposure_cost = {float(rng.choice([0.0, 0.25]))}
[demand]
levels = {(levels := int(rng.integers(1, 5)))}
mean = {float(rng.choice([0.5, 1.0, 2.5]))}
coupling = {str(rng.choice(["comonotone", "independent"]))!r}
requests = {(requests := int(rng.integers(3 if crowded else 1, most)))}
arrivals = {"slot_start" if calm else str(rng.choice(["slot_start", "uniform"]))!r}
holding = {"fixed" if calm else str(rng.choice(["fixed", "geometric"]))!r}
holding_slots = {1 if calm else int(rng.choice([1, 1, 2, 3]))}
{"priority_shares = [1, 1, 2]" if crowded or rng.random() < 0.5 else ""}
{noise}
{faults}
[key_management]
on_demand_setup_s = {0.0 if calm else float(rng.choice([0.0, 0.0, 0.2, 0.5]))}
on_outage = {str(rng.choice(["wait", "reroute", "block"]))!r}
control_delay_s = {float(rng.choice([0.0, 0.3, 0.5, 1.7]))}
store_bits = {(store := int(pick(0, 0, 7, 35, 1000, crowd=(35, 1000))))}
key_lifetime_slots = {(lifetime := int(pick(0, 1, 2, 5, crowd=(1, 2, 3))))}
initial_bits = {share * store // 4 if lifetime else 0}
patience_s = {pick(0.0, 0.25, 0.5, 1.0, 1.5, 3.0, crowd=(0.5, 1.0, 1.5))}
granularity = {str(rng.choice(["channel", "bit"]))!r}
"""
    if rng.random() < 0.25:
        text = own_levels(rng, text, nodes, levels, requests)
    return open_case(parse_scenario(text), topology)


def own_name(topology: Topology, source: str, target: str) -> str:
    """Further entry that names the first of several fibres between two nodes; empty for one."""
    ends = {source, target}
    beside = [e for e, f in enumerate(topology.fibres) if {topology.nodes[n] for n in f} == ends]
    return f', "{topology.label(beside[0])}"' if len(beside) > 1 else ""


def own_levels(rng: np.random.Generator, text: str, nodes: int, levels: int, requests: int) -> str:
    """The same scenario with levels of each request's own, coupled in any way."""
    coupling = str(rng.choice(["comonotone", "independent", "grouped", "copula"]))
    lines = [line for line in text.splitlines() if not line.startswith("requests = ")]
    text = "\n".join(
        f"coupling = {coupling!r}" if line.startswith("coupling = ") else line for line in lines
    )
    if coupling == "copula":
        text = text.replace("coupling = 'copula'", "coupling = 'copula'\ncorrelation = 0.6")
    distributions = (
        f"mean = {float(rng.choice([0.3, 1.5, 4.0]))}",
        f"level = {levels - 1}",
        f"probabilities = {[1.0] * levels}",
        "",
    )
    for _ in range(requests):
        a, b = rng.choice(nodes, 2, replace=False).tolist()
        group = f'group = "{rng.choice(["one", "other"])}"' if coupling == "grouped" else ""
        levels_of = distributions[int(rng.integers(0, 4))]
        text += f'\n[[request]]\nsource = "n{a}"\ntarget = "n{b}"\n{levels_of}\n{group}'
    # the demand's own mean serves at least one request
    return f'{text}\n[[request]]\nsource = "n0"\ntarget = "n1"\n{group}\n'


def following(case: Case, **trace: Any) -> Case:
    """The same case with requests followed one by one."""
    return replace(case, scenario=case.scenario.model_copy(update={"trace": TraceTable(**trace)}))


def split(chunk: WorldChunk, width: int, slot_ticks: int) -> Iterator[WorldChunk]:
    """The same world in chunks of some slots."""
    for first in range(0, chunk.slots, width):
        rows = slice(first, first + width)
        parts = (
            None if values is None else values[rows]
            for values in (chunk.yield_ppm, chunk.arrivals, chunk.holding)
        )
        levels = chunk.levels[rows]
        ticks = first * slot_ticks, (first + len(levels)) * slot_ticks
        yield WorldChunk(first, levels, *parts, chunk.faults.between(*ticks))


def simple_paths(case: Case, source: int, target: int) -> list[Route]:
    found, stack = [], [((source,), ())]
    neighbours = case.network.topology.neighbours
    while stack:
        nodes, fibres = stack.pop()
        if nodes[-1] == target:
            found.append(Route(nodes, fibres))
            continue
        for other, fibre in neighbours[nodes[-1]]:
            if other not in nodes:
                stack.append(((*nodes, other), (*fibres, fibre)))
    return found


def random_routes(rng: np.random.Generator, case: Case) -> RouteTable:
    table = []
    refusing = rng.random() < 0.3
    for a, b in case.forecast.pairs:
        paths = simple_paths(case, a, b)
        fixed = paths[int(rng.integers(len(paths)))]
        vary, refuse = rng.random() < 0.3, rng.random() < 0.5 * refusing
        table.append(
            [
                BLOCKED if refuse and k % 2 else path
                for k in range(case.forecast.level_count)
                for path in [paths[int(rng.integers(len(paths)))] if vary else fixed]
            ]
        )
    return RouteTable.of(table)


def fibres_of(route: Route) -> tuple[int, ...] | None:
    return None if route == BLOCKED else route.fibres


def expected(case: Case, policy: Scripted, routes: RouteTable) -> Reference:
    scenario, network, forecast = case.scenario, case.network, case.forecast
    management = scenario.key_management
    costs, topology = network.costs, network.topology
    chunk = next(case.realisation(0).chunks())
    slots, requests = chunk.slots, forecast.requests
    lengths = newsvendor_lengths(network, forecast)

    def around(request: int, known: frozenset[int]) -> tuple[int, ...] | None:
        pair = forecast.pairs[request]
        open_paths = [p for p in simple_paths(case, *pair) if not known & set(p.fibres)]
        if not open_paths:
            return None
        best = min(
            open_paths,
            key=lambda p: (sum(lengths[f] for f in p.fibres), len(p.fibres), p.nodes, p.fibres),
        )
        return best.fibres

    def relays(fibres: tuple[int, ...]) -> int:
        return sum(int(network.segments[f]) - 1 for f in fibres) + len(fibres) - 1

    faults = chunk.faults
    nominal = np.broadcast_to(network.channel_bits, (slots, network.fibres))
    yields = nominal
    if chunk.yield_ppm is not None:
        yields = [
            [
                math.floor(x * int(ppm) / 10**6)
                for x, ppm in zip(network.exact_channel_bits, row, strict=True)
            ]
            for row in chunk.yield_ppm
        ]
    flat = np.zeros((slots, requests), int)
    reference = Reference(
        World(
            slots=scenario.run.slots,
            slot_ticks=seconds_to_ticks(scenario.run.slot_s),
            fibres=network.fibres,
            channel_bits=network.channel_bits.tolist(),
            yields=np.asarray(yields).tolist(),
            max_channels=network.max_channels,
            max_wavelengths=network.max_wavelengths,
            store_bits=management.store_bits,
            lifetime=management.key_lifetime_slots,
            initial_bits=management.initial_bits,
            patience=seconds_to_ticks(management.patience_s),
            setup=seconds_to_ticks(management.on_demand_setup_s),
            granularity=management.granularity,
            level_bits=network.level_bits,
            levels=[[int(row[g]) for g in forecast.group] for row in chunk.levels],
            arrivals=(flat if chunk.arrivals is None else chunk.arrivals).tolist(),
            holding=(flat + 1 if chunk.holding is None else chunk.holding).tolist(),
            classes=list(forecast.classes) or [0] * requests,
            routes=[
                [fibres_of(routes.route(r, k)) for k in range(routes.levels)]
                for r in range(requests)
            ],
            channels=policy.channels,
            wavelengths=policy.wavelengths,
            prices={
                "qkd_reserved_cost": costs.qkd_reserved.tolist(),
                "km_reserved_cost": costs.km_reserved.tolist(),
                "qkd_on_demand_cost": costs.qkd_on_demand.tolist(),
                "km_on_demand_cost": costs.km_on_demand.tolist(),
            },
            blocking_price=costs.blocking or 0.0,
            exposure_price=costs.exposure,
            faults=[
                (int(t), int(f), 1 if d else -1)
                for t, f, d in zip(faults.tick, faults.fibre, faults.down, strict=True)
            ],
            control_delay=seconds_to_ticks(management.control_delay_s),
            on_outage=management.on_outage,
            around=around,
            relays=relays,
        )
    )
    reference.run()
    assert len(topology.fibres) == network.fibres
    return reference


class Restless(Scripted):
    """Gives equal routes anew with every decision, and looks back at every interval."""

    def decide(self, observation: Observation) -> Decision:
        decision = super().decide(observation)
        return replace(decision, routes=replace(self.routes))

    def learn(self, outcome: Outcome) -> None:
        assert len(outcome.levels) == len(outcome.served)


COUNTS = (
    "arrived",
    "served",
    "blocked",
    "interrupted",
    "waiting",
    "holding",
    "rerouted",
    "exposed_bits",
)


def hold_against(result: Result, reference: Reference) -> None:
    """Compare every column of a run with the plain simulator."""
    for pool in POOLS:
        for flow in FLOWS:
            name = f"{pool}_{flow}_bits"
            np.testing.assert_array_equal(result.columns[name], reference.columns[name], name)
    for name in ("on_demand_channels", "on_demand_wavelengths"):
        np.testing.assert_array_equal(result.columns[name], reference.columns[name], name)
    for name in COUNTS:
        np.testing.assert_array_equal(result.columns[name], reference.counts[name], name)
    bins = result.simulation.managers.wait_bins
    waits = np.zeros((len(result.columns["served"]), bins.count), int)
    for slot, ticks in reference.waits:
        waits[slot, -(-ticks // bins.width_ticks) - 1] += 1
    np.testing.assert_array_equal(result.columns["waited"], waits)
    bills = reference.costs()
    for name in BILL_COLUMNS:
        np.testing.assert_array_equal(result.columns[name], bills[name], name)


def compare(seed: int, folder: Path, *, twins: bool = False) -> dict[str, int]:
    """Run all and compare every column; returns what happened, for the coverage test."""
    rng = np.random.default_rng(seed)
    case = random_case(rng, folder, np.random.default_rng([seed, 1]) if twins else None)
    slots, fibres = case.scenario.run.slots, case.network.fibres
    routes = random_routes(rng, case)
    channels = rng.integers(0, 6, (slots, fibres))
    wavelengths = rng.integers(0, 4, (slots, fibres))
    hold = int(rng.choice([1, 2, 3, slots]))
    script = Restless if rng.random() < 0.2 else Scripted
    # the world comes in chunks of any width, and detours are forgotten at any time
    chunk = next(case.realisation(0).chunks())
    width, most_kept = (
        int(rng.choice([1, 2, 3, 5, slots])),
        int(rng.choice([0, 3, paths.MOST_KEPT])),
    )
    results = {}
    followed = following(case, requests="all")
    alone = ((f"{kernel}, not followed", case) for kernel in KERNELS)
    for name, one in (*((kernel, followed) for kernel in KERNELS), *alone):
        policy = script(channels, wavelengths, hold=hold, routes=routes)
        with mock.patch.object(paths, "MOST_KEPT", most_kept):
            world = split(chunk, width, seconds_to_ticks(case.scenario.run.slot_s))
            kernel = name.partition(",")[0]
            results[name] = run(one, policy, chunks=world, kernel=kernel)
        if one is followed and rng.random() < 0.2:
            # keys carried as real bytes change nothing else
            relay = Relay(case.network, case.forecast, seed, 0)
            policy = script(channels, wavelengths, hold=hold, routes=routes)
            results[f"{kernel}, real"] = run(case, policy, kernel=kernel, relay=relay)
    result = results["loop"]
    reference = expected(case, policy, routes)
    hold_against(result, reference)
    rows = reference.rows()
    for kernel in KERNELS:
        assert told(results[kernel]) == rows, kernel
        check_ways_in_order(results[kernel])
        check_counts(results[kernel])
    for kernel in results:
        for column in recorded():
            if not column.volatile:
                np.testing.assert_array_equal(
                    results[kernel].columns[column.name],
                    result.columns[column.name],
                    f"{kernel} {column.name}",
                )
        for name, total in results[kernel].ledger.items():
            np.testing.assert_array_equal(total, result.ledger[name], f"{kernel} {name}")
    columns = result.columns
    arrived = columns["arrived"].sum()
    pending = columns["waiting"][-1]
    assert arrived == columns["served"].sum() + columns["blocked"].sum() + pending
    causes = [*(row["cause"] for row in rows), *(turn[1] for row in rows for turn in row["turns"])]
    return {
        **{f"fate {name}": sum(row["fate"] == name for row in rows) for name in REQUEST_FATES},
        **{f"cause {name}": causes.count(name) for name in REQUEST_CAUSES},
        "turned": sum(len(row["turns"]) > 2 for row in rows),
        "blocked": int(columns["blocked"].sum()),
        "refused": int(any(route == BLOCKED for route in routes.routes)),
        "billed for blocking": int(columns["blocking_cost"].sum()),
        "waited": int(columns["waiting"].sum()),
        "stored": int(columns["reservation_stored_bits"].sum()),
        "expired": int(columns["reservation_expired_bits"].sum()),
        "overflowed": int(columns["reservation_overflowed_bits"].sum()),
        "on_demand_stored": int(columns["on_demand_stored_bits"].sum()),
        "lit": int(columns["on_demand_channels"].sum()),
        "interrupted": int(columns["interrupted"].sum()),
        "holding": int(columns["holding"].sum()),
        "rerouted": int(columns["rerouted"].sum()),
        "served late": int(columns["waited"].sum()),
        "exposed": int(columns["exposure_cost"].sum()),
        "real": int(any("real" in kernel for kernel in results)),
        "all together": int(
            (columns["waited"].sum() > 0)
            & (columns["blocked"].sum() > 0)
            & (columns["reservation_expired_bits"].sum() > 0)
            & bool(case.forecast.classes)
            & (len(chunk.faults) > 0)
        ),
    }
