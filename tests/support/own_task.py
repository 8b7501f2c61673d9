"""A small file of data, and a scenario whose task learns from it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

TABLES = """
[run]
slots = 40
replications = 2
[network]
topology = "nsfnet"
[demand]
requests = 20
[[fel]]
data = "own.csv"
label = "verdict"
record_id = "id"
owner = "1"
head = "6"
workers = ["3", "8"]
key_bits = 1024
rounds = 2
{more}
[[policy]]
name = "evf"
"""


def own_rows(records: int = 60) -> list[list[str]]:
    """Header and rows: ``id``, eight features, and a verdict that two of them make."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=(records, 8))
    bad = x[:, 0] + 0.5 * x[:, 1] + 0.3 * rng.normal(size=records) > 0
    header = ["id", *(f"f{i}" for i in range(8)), "verdict"]
    rows = [
        [f"p{i}", *(f"{value:.3f}" for value in x[i]), "bad" if bad[i] else "good"]
        for i in range(records)
    ]
    return [header, *rows]


def write_rows(path: Path, rows: list[list[str]], delimiter: str = ",", start: str = "") -> Path:
    text = "\n".join(delimiter.join(row) for row in rows)
    path.write_text(start + text + "\n", encoding="utf-8")
    return path


def own_scenario(folder: Path, more: str = "", rows: list[list[str]] | None = None) -> Path:
    """Write scenario and data; returns the scenario."""
    write_rows(folder / "own.csv", rows or own_rows())
    scenario = folder / "own.toml"
    scenario.write_text(TABLES.format(more=more))
    return scenario
