"""What a policy is told of requests that wait."""

from __future__ import annotations

import numpy as np
import pytest

from qnetsim.scenario import parse_scenario
from tests.support.helpers import Scripted, run

TEXT = """
[run]
slots = 6
slot_s = 1.0
[network]
topology = {topology!r}
span_km = 100
key_rate_bps = 10
km_wavelengths = 3
[demand]
kind = "table"
levels = 2
probabilities = [0.0, 1.0]
pairs = [["a", "b"], ["a", "b"]]
holding = "fixed"
holding_slots = 3
[key_management]
patience_s = 1.5
"""


@pytest.mark.parametrize("kernel", ["loop", "numpy"])
def test_sessions_that_go_on_do_not_wait(tmp_path, kernel: str) -> None:
    path = tmp_path / "two.csv"
    path.write_text("source,target,length_km\na,b,80\n")
    rows = np.ones((6, 1), dtype=np.int64)
    policy = Scripted(rows, rows)
    found = run(parse_scenario(TEXT.format(topology=str(path))), policy, kernel=kernel)
    # three wavelengths: two sessions begin in slot 0, a third in slot 1 while another one waits
    assert found.columns["served"].tolist()[:2] == [2, 1]
    assert found.columns["holding"].tolist()[:2] == [2, 3]
    assert found.columns["waiting"].tolist()[:2] == [0, 1]
    told = [observation.waiting for observation in policy.seen]
    assert told == [0, *found.columns["waiting"].tolist()[:-1]]
    assert max(found.columns["holding"]) > max(told)
