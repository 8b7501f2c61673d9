"""Damaged topology files of every format end in an answer or a clear refusal, never a traceback."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.fuzz.attempt import FINE, attempt
from tests.fuzz.seeds import CORPUS, Home
from tests.fuzz.targets import TARGETS, seeds_of

FORMATS = sorted(name for name in TARGETS if name.startswith("topology_"))
#: Inputs of each format here and in `make verify`.
FEW, MANY = 25, 1000


def mutated(name: str, count: int, folder: Path) -> dict[str, int]:
    """Ends of so many mutated inputs, by kind."""
    target = TARGETS[name]
    home = Home(folder)
    seeds = seeds_of(target, home, CORPUS)
    path = folder / f"input{target.suffix}"
    ends: dict[str, int] = {}
    for number in range(count):
        rng = Random(number)
        data = target.mutate(rng, rng.choice(seeds), rng.choice(seeds))
        path.write_bytes(data)
        end = attempt(target, path, home)
        assert end.kind in FINE, f"{name} {number}: {end.text}\n{data[:2000]!r}"
        ends[end.kind] = ends.get(end.kind, 0) + 1
    return ends


def test_there_is_a_target_for_every_format() -> None:
    assert len(FORMATS) == 7


@pytest.mark.parametrize("name", FORMATS)
def test_some_mutated_inputs_raise_no_traceback(name: str, tmp_path: Path) -> None:
    assert sum(mutated(name, FEW, tmp_path).values()) == FEW


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
def test_a_thousand_mutated_inputs_raise_no_traceback(name: str, tmp_path: Path) -> None:
    ends = mutated(name, MANY, tmp_path)
    assert ends["accepted"] > 0
    assert ends["refused"] > MANY / 10
