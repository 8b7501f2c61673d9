"""Stored results of whole comparisons: any change of a number must be meant.

``make golden`` rewrites them.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from qnetsim.analysis import compare_traces
from qnetsim.case import load
from qnetsim.runs.batch import run_policies
from qnetsim.trace import open_trace

HERE = Path(__file__).parent
ROOT = HERE.parents[1]

CASES = {
    "tiny": ("tiny", {}),
    "nsfnet": ("nsfnet", {"slots": 1500, "replications": 2}),
    "usnet": ("usnet", {"slots": 200, "replications": 2}),
}


@pytest.mark.parametrize("name", CASES)
def test_golden(name: str, tmp_path: Path, update_golden: bool) -> None:
    file, changes = CASES[name]
    scenario = load(ROOT / "scenarios" / f"{file}.toml").with_run(**changes)
    paths = run_policies(scenario, scenario.policy, tmp_path)
    comparison = compare_traces(paths)
    found: dict[str, object] = {"world_digest": comparison.world_digest}
    for policy in comparison.policies:
        digests = []
        for run in policy.runs:
            with open_trace(run.trace) as trace:
                # over the columns that were there before the key layer of format 1.2: with
                # everything new switched off, no bit of them may differ
                digests.append(trace.content_digest((1, 1)))
        found[policy.name] = {"cost": policy.cost_per_slot, "digests": digests}
    stored = HERE / f"{name}.json"
    if update_golden:
        stored.write_text(json.dumps(found, indent=1) + "\n")
    assert found == json.loads(stored.read_text())
