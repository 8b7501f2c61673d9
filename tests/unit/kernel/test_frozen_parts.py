"""What the kernel hands from part to part cannot be changed by who receives it."""

from __future__ import annotations

import dataclasses

import pytest

from qnetsim.kernel import DeliveredKey, SlotBlock
from qnetsim.kernel.context import SimulationContext
from qnetsim.kernel.controllers import Controller
from qnetsim.kernel.relay import Announcement
from qnetsim.kernel.running_tasks import Task
from qnetsim.kernel.serving.intervals import Interval
from qnetsim.kernel.serving.open_slot import TakenKey
from qnetsim.kernel.serving.outages import Phases
from qnetsim.kernel.serving.wait_bins import WaitBins

PARTS = (
    Announcement,
    Controller,
    DeliveredKey,
    Interval,
    Phases,
    SimulationContext,
    SlotBlock,
    TakenKey,
    Task,
    WaitBins,
)


@pytest.mark.parametrize("part", PARTS)
def test_attributes_cannot_be_set(part: type) -> None:
    blank = object.__new__(part)
    for field in dataclasses.fields(part):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(blank, field.name, None)
