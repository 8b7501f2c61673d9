"""What is told of a FEL task when its run is over, beside its rounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from qnetsim.arrays import IntArray
from qnetsim.network import Route, Topology

if TYPE_CHECKING:
    from qnetsim.fel.messages import Message
    from qnetsim.fel.relays import RelayedKeys


@dataclass(frozen=True)
class Want:
    """Keys that a task was waiting for when its run ended.

    Attributes
    ----------
    round : int
        0 is the set-up.
    purpose, source, target : str
        The message.
    bits : int
        Key bits that it lacked.
    fibre : str
        Fibre of its cheapest path that had fewest bits to give; empty where there is no path.
    fibre_bits : int
        What that fibre had.
    """

    round: int
    purpose: str
    source: str
    target: str
    bits: int
    fibre: str
    fibre_bits: int


def shortage(
    message: Message,
    round_number: int,
    missing: int,
    room: IntArray,
    route: Route | None,
    topology: Topology,
) -> Want:
    """What a message lacks, and on which fibre of its route.

    Parameters
    ----------
    message : Message
    round_number : int
    missing : int
        Key bytes.
    room : ndarray of int64, shape (fibres,)
        Bits that each fibre can give.
    route : Route or None
    topology : Topology
    """
    name, had = "", 0
    if route is not None:
        fibres = list(route.fibres)
        fibre = fibres[int(np.argmin(room[fibres]))]
        name, had = topology.fibre_title(fibre), int(room[fibre])
    return Want(
        round=round_number,
        purpose=message.purpose,
        source=message.source,
        target=message.target,
        bits=8 * missing,
        fibre=name,
        fibre_bits=had,
    )


@dataclass(frozen=True)
class TaskNotes:
    """What a run tells of a task beside its rounds.

    Attributes
    ----------
    want : Want or None
        What it waited for at the end of the run, if it did.
    relayed : mapping from party to RelayedKeys
        Key bits of others' messages that passed its node; parties that relayed none are left out.
    attacked : mapping from kind to int
        Messages that were attacked.
    burnt_bits : int
        End-to-end key bits of messages that did not arrive.
    """

    want: Want | None
    relayed: Mapping[str, RelayedKeys]
    attacked: Mapping[str, int]
    burnt_bits: int
