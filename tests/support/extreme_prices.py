"""Small random scenarios whose prices and lengths lie as far apart as they may."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from qnetsim.scenario import Scenario, parse_scenario


def extreme_scenario(seed: int, folder: Path) -> Scenario:
    """Price ratios 1e-6 to 1e9, fibres of 1e-3 to 2e4 km, blocking at up to 1e15."""
    rng = np.random.default_rng(seed)

    def spread(low: float, high: float) -> float:
        """A number whose logarithm is uniform, of few digits."""
        return float(f"{10 ** rng.uniform(np.log10(low), np.log10(high)):.3g}")

    nodes = int(rng.integers(3, 6))
    edges = {(int(rng.integers(0, n)), n) for n in range(1, nodes)}
    for _ in range(int(rng.integers(0, 5))):
        edges.add(tuple(sorted(rng.choice(nodes, 2, replace=False).tolist())))
    path = folder / f"net{seed}.csv"
    rows = [f"{a},{b},{spread(1e-3, 2e4)}" for a, b in sorted(edges)]
    path.write_text("source,target,length_km\n" + "\n".join(rows) + "\n")
    blocking = f"blocking_cost = {spread(1e3, 1e15)}" if rng.random() < 0.4 else ""
    names = "transmitter receiver key_manager security_infrastructure mux_demux channel_km"
    prices = [1500.0, 2250.0, 1200.0, 150.0, 300.0, 1.0]
    if rng.random() < 0.5:
        prices = [spread(1e-2, 1e4) for _ in prices]
    ratio = spread(1e-6, 1e9)
    tables = ""
    other = [spread(1e-2, 1e4) for _ in prices] if rng.random() < 0.5 else prices
    for table, listed in (("reserved", prices), ("on_demand", other)):
        tables += f"[cost.{table}]\n"
        both = zip(names.split(), listed, strict=True)
        tables += "".join(f"{name} = {price:.6g}\n" for name, price in both)
    return parse_scenario(f"""
[run]
seed = {seed}
[network]
topology = {str(path)!r}
km_wavelengths = {int(rng.choice([0, 1, 2, 3]))}
qkd_wavelengths = {int(rng.choice([0, 6, 9, 12, 14]))}
[cost]
on_demand_multiplier = {ratio}
{blocking}
{tables}
[demand]
levels = {int(rng.integers(2, 5))}
mean = {spread(0.3, 2)}
requests = {int(rng.integers(2, 6))}
""")
