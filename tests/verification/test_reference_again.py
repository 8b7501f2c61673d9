"""Every shipped row of the benchmark comes out again, in its first replication."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qnetsim.policies.chosen import choose
from qnetsim.studies.benchmark.bench_run import measured
from qnetsim.studies.benchmark.benchmark_worlds import open_world
from qnetsim.studies.benchmark.reference_rows import reference

pytestmark = pytest.mark.slow

WORLDS = [world.name for world in reference().worlds]


@pytest.mark.filterwarnings("ignore::qnetsim.policies.learned.training_facts.ModelWarning")
@pytest.mark.parametrize("name", WORLDS)
def test_rows_come_out_again(name: str) -> None:
    """Costs, not digests: products in single precision may differ between processors."""
    whole = open_world(name)
    world = replace(whole, scenario=whole.scenario.with_run(replications=1))
    for row in (row for row in reference().rows if row.world == name):
        chosen = choose(row.policy, whole.scenario.policy)
        (run,) = measured(world, chosen)
        assert run.cost == pytest.approx(row.costs[0], rel=1e-4), row.policy
