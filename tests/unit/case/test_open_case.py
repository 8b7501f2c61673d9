"""Cases that are refused: bad settings of the key layer, and what cannot be counted exactly."""

from __future__ import annotations

from pathlib import Path

import pytest

from qnetsim.case import load, open_case
from qnetsim.errors import ScenarioError, SettingError
from tests.support.helpers import nsfnet

BAD = {
    "network.key_rate: .*yields 0 bits": '[network]\nkey_rate = "mdi_qkd"\nspan_km = 300',
    "network.key_rate_bps: goes with": '[network]\nkey_rate = "mdi_qkd"\nkey_rate_bps = 10',
    "no fibre joins '1' and '9'": '[network]\nfibre_spans = [["1", "9", 100]]',
    "outage.0.*unknown node 'x'": '[[outage]]\nnode = "x"\nstart_s = 1\nduration_s = 1',
    "outage.0.*6 trusted relays; there is no number 9": (
        '[[outage]]\nfibre = ["1", "2"]\ntrusted_relay = 9\nstart_s = 1\nduration_s = 1'
    ),
    "outage.0.: needs a node or a fibre": "[[outage]]\nstart_s = 1\nduration_s = 1",
    "needs fibre_mttr_s beside it": "[faults]\nfibre_mtbf_s = 3",
    "faults: about .* failures and repairs": ("[faults]\nfibre_mtbf_s = 1e-6\nfibre_mttr_s = 1e-6"),
    "is longer than a slot": "[key_management]\non_demand_setup_s = 2.0",
    "give 1 to 16": "[demand]\npriority_shares = []",
}


@pytest.mark.parametrize(("word", "text"), BAD.items())
def test_bad_settings_of_the_key_layer_are_refused(tmp_path: Path, word: str, text: str) -> None:
    tables = {"[network]": 'topology = "nsfnet"', "[demand]": "requests = 3"}
    for head, keys in tables.items():
        if head in text:
            text = text.replace(head, f"{head}\n{keys}")
        else:
            text += f"\n{head}\n{keys}"
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises((ScenarioError, SettingError), match=word):
        load(path)


TOO_MUCH = {
    "allowed: at most 4.61e\\+09 s": {"run__slots": "10000", "run__slot_s": "1e6"},
    "bits in a slot, waiting requests included": {
        # fat channels: a level of few bits takes a whole one
        "network__key_rate": '"inverse"',
        "network__span_km": "1e6",
        "network__key_rate_bps": "5e8",
        "network__fibre_spans": '[["1", "2", 0.001]]',
        "demand__requests": "3000",
    },
    "to trusted relays in a slot": {
        "network__span_km": "0.001",
        "network__key_rate_bps": "1e12",
    },
}


@pytest.mark.parametrize(("word", "changes"), TOO_MUCH.items())
def test_what_cannot_be_counted_is_refused(word: str, changes: dict[str, str]) -> None:
    with pytest.raises(SettingError, match=word):
        open_case(nsfnet(**{"demand__requests": "100", **changes}))


def test_a_slot_that_asks_for_too_many_bits_is_refused() -> None:
    with pytest.raises(SettingError, match=r"ask for .* bits in a slot"):
        open_case(nsfnet(network__key_rate_bps="1e12", run__slot_s="1000.0"))


def test_a_topology_file_that_changed_is_read_again(tmp_path: Path) -> None:
    net = tmp_path / "net.csv"
    net.write_text("source,target,length_km\na,b,10\nb,c,20\nc,a,25\n")
    scenario = nsfnet(network__topology=repr(str(net)))
    first = open_case(scenario)
    assert open_case(scenario) is first
    net.write_text("source,target,length_km\na,b,10\nb,c,20\nc,a,250\n")
    changed = open_case(scenario)
    assert max(changed.network.topology.lengths_km) == 250
    assert max(first.network.topology.lengths_km) == 25
