"""The run that is interrupted and resumed; a process of its own imports it from here."""

from __future__ import annotations

from qnetsim.scenario import PolicyTable, Scenario
from tests.support.helpers import nsfnet

EVF = PolicyTable(name="evf")


def spec(slots: int = 30_000) -> Scenario:
    return nsfnet(run__slots=str(slots), demand__requests="40", key_management__store_bits="4000")
