"""What a trace says of its scenario."""

from __future__ import annotations

import json
from pathlib import Path

from qnetsim.runs.simulate import simulate
from qnetsim.scenario import parse_scenario
from qnetsim.trace import open_trace

TEXT = """
[run]
slots = 2
[network]
topology = "nsfnet"
[demand]
requests = 2
[[policy]]
name = "own.py:Own"
share = {share}
"""


def test_options_of_equal_scenarios_keep_their_kinds(tmp_path: Path) -> None:
    found = {}
    for share in ("1", "1.0", "true"):
        scenario = parse_scenario(TEXT.format(share=share))
        path = simulate(scenario, "evf", tmp_path / f"{share}.h5")
        with open_trace(path) as trace:
            assert trace.provenance["scenario_digest"] == scenario.digest()
            found[share] = json.dumps(trace.provenance["scenario"]["policy"][0]["share"])
    assert found == {share: share for share in found}
