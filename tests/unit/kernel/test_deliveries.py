"""Keys as the two applications of a request get them."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pytest

from qnetsim.kernel import DeliveredKey, Relay
from qnetsim.kernel.relay import KeyStream
from qnetsim.network import Route, RouteTable
from tests.support.helpers import Scripted, run
from tests.support.lines import line_case

ALWAYS = 'kind = "table"\nprobabilities = [0, 1]'


@pytest.mark.parametrize("route", [Route((0, 1, 2), (0, 1)), Route((2, 1, 0), (1, 0))])
def test_keys_are_made_at_the_source_whichever_way_the_route_is_written(
    tmp_path: Path, route: Route
) -> None:
    case = line_case(tmp_path, rate=1001.0, pairs='["a", "c"], ["a", "c"]', more=ALWAYS)
    keys: list[DeliveredKey] = []
    relay = Relay(case.network, case.forecast, 5, 3, keys.append)
    rows = np.ones((6, 3), dtype=np.int64)
    run(case, Scripted(rows, rows, routes=RouteTable.of([[route] * 2] * 2)), relay=relay)
    assert [(key.slot, key.request) for key in keys] == [(s, r) for s in range(6) for r in (0, 1)]
    assert {(key.source_SAE_ID, key.target_SAE_ID) for key in keys} == {("a", "c")}
    assert len({key.key_ID for key in keys}) == 12
    stream = KeyStream(5, "source", 3, 0)
    for number, key in enumerate(keys):
        # 1001 bits, and seven zeros that fill up the last byte
        bits = stream.bits(1001 * number, 1001)
        assert (key.bits, key.key) == (1001, (bits << 7).to_bytes(126, "big"))
        entry = key.container()["keys"][0]
        assert (entry["key_ID"], base64.b64decode(entry["key"])) == (str(key.key_ID), key.key)
