"""Figures of docs/background/planning.md: ``make study`` prints its table and draws its picture.

Times are CPU seconds of one process, import of the solver excluded.
"""

from __future__ import annotations

import re
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

from qnetsim.case import open_case
from qnetsim.errors import InfeasibleError
from qnetsim.optimize.full.full_plan import full_problem
from qnetsim.plans.make import make_plan
from qnetsim.scenario import PolicyTable, Scenario, parse_scenario
from tests.support import ROOT

PICTURE = ROOT / "docs" / "images" / "solve-time.png"


def scenario(
    topology: str, requests: int, levels: int = 10, sigma: int = 0, seed: int = 1
) -> Scenario:
    return parse_scenario(
        f"[run]\nseed = {seed}\n[network]\ntopology = {topology!r}\nqkd_wavelengths = {sigma}\n"
        f"[demand]\nlevels = {levels}\nrequests = {requests}\n"
    )


def least(topology: str, requests: int, levels: int = 10, seed: int = 1) -> int:
    """The least |σ| that carries the demand, as the message of a hopeless plan gives it."""
    try:
        make_plan(scenario(topology, requests, levels, 3, seed), PolicyTable(name="sip"))
    except InfeasibleError as error:
        found = re.search(r"qkd_wavelengths = (\d+)", str(error))
        assert found is not None
        return int(found.group(1))
    raise AssertionError("three wavelengths were enough")


def solve(asked: Scenario, formulation: str = "auto") -> dict[str, Any]:
    """Plan once and say what it took."""
    case = open_case(asked)
    table = PolicyTable.model_validate({"name": "sip", "formulation": formulation})
    started = time.process_time()
    plan = make_plan(asked, table)
    seconds = time.process_time() - started
    return {
        "seconds": seconds,
        "gap": plan.gap(case.network),
        "status": str(plan.status),
        "variables": plan.size.variables,
        "rows": plan.size.rows,
        "full": full_problem(case.network, case.forecast).variables,
    }


def cases() -> Iterator[tuple[str, Scenario, str]]:
    """Name, scenario and formulation of every row of the table."""
    for name, topology, requests in (("NSFNET", "nsfnet", 100), ("USNET", "usnet", 200)):
        title = f"{name}, {requests} requests"
        yield f"{title}, no limit: closed form", scenario(topology, requests), "auto"
        yield f"{title}, no limit: routes program", scenario(topology, requests), "routes"
        edge = least(topology, requests)
        for factor in (1.6, 1.3, 1.15, 1.06, 1.02, 1.0):
            sigma = int(edge * factor)
            what = "the edge" if factor == 1.0 else f"{factor:g} × the edge"
            asked = scenario(topology, requests, sigma=sigma)
            yield f"{title}, σ = {sigma} ({what})", asked, "auto"
    germany = "topohub:sndlib/germany50"
    edge = least(germany, 1000, 30)
    for factor in (1.3, 1.1, 1.0):
        sigma = int(edge * factor)
        what = "the edge" if factor == 1.0 else f"{factor:g} × the edge"
        asked = scenario(germany, 1000, 30, sigma)
        yield f"germany50, 1000 requests, 30 levels, σ = {sigma} ({what})", asked, "auto"


def small_cases(folder: Path) -> Iterator[tuple[str, Scenario, str]]:
    """Instances that the full program can be built for."""
    path = folder / "five.csv"
    rows = ["1,2,300", "2,3,450", "3,4,200", "4,5,700", "5,1,350", "2,5,500"]
    path.write_text("source,target,length_km\n" + "\n".join(rows) + "\n")
    for requests, sigma in ((4, 18), (8, 36)):
        asked = scenario(str(path), requests, 4, sigma)
        title = f"5 nodes, {requests} requests, 4 levels, σ = {sigma}"
        yield f"{title}: full program", asked, "full"
        yield f"{title}: routes program", asked, "routes"


def table() -> None:
    """Print the table of the page."""
    solve(scenario("nsfnet", 5, sigma=30))  # imports the solver
    print("| case | variables | rows | full program would need | seconds | status | gap |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        small = list(small_cases(Path(name)))
        rows = [(name, solve(asked, formulation)) for name, asked, formulation in small]
    for name, found in rows:
        _row(name, found)
    for name, asked, formulation in cases():
        _row(name, solve(asked, formulation))


def _row(name: str, found: dict[str, Any]) -> None:
    print(
        f"| {name} | {found['variables']:,} | {found['rows']:,} | {found['full']:,} | "
        f"{found['seconds']:.2f} | {found['status']} | {found['gap']:.1e} |",
        flush=True,
    )


def grown_network(nodes: int, folder: Path) -> str:
    """A random geometric network: near neighbours joined, average degree about 3.5."""
    import networkx

    places = np.random.default_rng(nodes).random((nodes, 2)) * 100 * np.sqrt(nodes)
    apart = np.linalg.norm(places[:, None] - places[None], axis=2)
    graph = networkx.Graph()
    graph.add_weighted_edges_from((a, b, apart[a, b]) for a in range(nodes) for b in range(a))
    kept = networkx.minimum_spanning_tree(graph)
    pairs = sorted((apart[a, b], a, b) for a in range(nodes) for b in range(a))
    for length, a, b in pairs:
        if kept.number_of_edges() >= 1.75 * nodes:
            break
        if max(kept.degree[a], kept.degree[b]) < 5:
            kept.add_edge(a, b, weight=length)
    path = folder / f"grown{nodes}.csv"
    rows = [f"n{a},n{b},{max(d['weight'], 1):.1f}" for a, b, d in kept.edges(data=True)]
    path.write_text("source,target,length_km\n" + "\n".join(rows) + "\n")
    return str(path)


def growth() -> None:
    """Draw how the time of a plan with binding |σ| grows."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 7), layout="constrained")
    axes = figure.subplots(2, 2).ravel()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        panels: list[tuple[str, str, list[tuple[float, Scenario]]]] = [
            (
                "requests |R|",
                "NSFNET, 10 levels, σ = 1.1 × the edge",
                [
                    (r, scenario("nsfnet", r, 10, int(1.1 * least("nsfnet", r))))
                    for r in (25, 50, 100, 200, 400, 800, 1600, 3200)
                ],
            ),
            (
                "levels |Ω|",
                "NSFNET, 100 requests, σ = 1.1 × the edge",
                [
                    (k, scenario("nsfnet", 100, k, int(1.1 * least("nsfnet", 100, k))))
                    for k in (5, 10, 20, 40, 80)
                ],
            ),
            (
                "nodes |V|",
                "random geometric networks, 100 requests, 10 levels, σ at the edge",
                [
                    (v, scenario(path, 100, 10, least(path, 100)))
                    for v in (10, 20, 40, 80, 160)
                    for path in [grown_network(v, folder)]
                ],
            ),
            (
                "limit |σ| over the least that is enough",
                "NSFNET (100 requests) and USNET (200), 10 levels",
                [
                    (f, scenario("usnet", 200, 10, int(f * least("usnet", 200))))
                    for f in (1.0, 1.03, 1.1, 1.2, 1.4, 1.8)
                ],
            ),
        ]
        for ax, (label, title, points) in zip(axes, panels, strict=True):
            _panel(ax, label, title, points, "USNET" if "over" in label else "")
        nsfnet = [
            (f, scenario("nsfnet", 100, 10, int(f * least("nsfnet", 100))))
            for f in (1.0, 1.03, 1.1, 1.2, 1.4, 1.8)
        ]
        _panel(axes[3], panels[3][0], panels[3][1], nsfnet, "NSFNET")
    PICTURE.parent.mkdir(exist_ok=True)
    axes[3].legend(fontsize=8)
    figure.savefig(PICTURE, dpi=110, metadata={"Software": None})
    print(f"drawn: {PICTURE}")


def _panel(ax: Any, label: str, title: str, points: list[Any], name: str = "") -> None:
    found = [(x, solve(asked, "routes")) for x, asked in points]
    for x, result in found:
        print(f"{label} = {x:g} {name}: {result}", flush=True)
    ax.plot([x for x, _ in found], [r["seconds"] for _, r in found], "o-", label=name or None)
    ax.set_xlabel(label)
    ax.set_ylabel("CPU seconds")
    ax.set_yscale("log")
    if "over" not in label:
        ax.set_xscale("log")
        ax.set_xticks([x for x, _ in found], [f"{x:g}" for x, _ in found])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.set_title(title, fontsize=8)
    for x, result in found:
        ax.annotate(
            f"{result['gap']:.0e}",
            (x, result["seconds"]),
            fontsize=6,
            xytext=(2, 5),
            textcoords="offset points",
        )
    ax.grid(alpha=0.3)


if __name__ == "__main__":
    if "growth" not in sys.argv:
        table()
    if "table" not in sys.argv:
        growth()
