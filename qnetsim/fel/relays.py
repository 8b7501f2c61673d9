"""Who may relay the keys of a message: a trusted relay sees every key that passes it.

A party of the task whose node relays a pad takes the pad off, and reads the message where what is
under it is readable to that party.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from qnetsim.fel.messages import MessageKind
from qnetsim.fel.roles import TaskRoles

#: Parties of the task that keys avoid: none; those with a private key that opens the message; all
#: that could read it; all.
Avoided = Literal["none", "key_holders", "readers", "parties"]
#: Messages whose content is a ciphertext that tells its reader something; masked ones do not.
TELLING = frozenset({"weights", "residuals", "scores"})
#: Messages of horizontal tasks that take the masks off numbers which heads and owner have.
UNMASKING = frozenset({"masks", "mask corrections"})


class Leg(NamedTuple):
    """A kind of message and its two ends."""

    kind: MessageKind
    source: str
    target: str


def key_holders(roles: TaskRoles, leg: Leg) -> frozenset[str]:
    """Parties beside its ends with a private key that opens what is under the pad of a message.

    That of the encryption opens ciphertexts; that of the blind signatures makes the token of any
    record, and so finds out whose tokens they are. Heads and owner of a horizontal task have masked
    numbers, which masks open.
    """
    purpose = leg.kind.purpose
    found: set[str] = set()
    if purpose in TELLING:
        found = {roles.key_holder}
    elif purpose in {"tokens", "common records"}:
        found = {roles.head}
    elif purpose in UNMASKING:
        found = {roles.owner, *roles.clusters}
    return frozenset(found - {leg.source, leg.target})


def readers(roles: TaskRoles, leg: Leg) -> frozenset[str]:
    """Parties beside its ends that could read a message, if its pad were off.

    Beside the holders of keys these are workers, who find their own records in the tokens of
    another, or in the final lists of the commutative protocol. Masked values and public keys tell
    nobody anything, and plain numbers tell everybody sums over records: only "parties" keeps these.
    """
    purpose = leg.kind.purpose
    found: frozenset[str] = key_holders(roles, leg)
    if purpose == "tokens" or (purpose == "encrypted records" and leg.target == roles.owner):
        found |= frozenset(roles.workers)
    return found - {leg.source, leg.target}


@dataclass
class RelayedKeys:
    """Key bits of others' messages that passed a party.

    Attributes
    ----------
    bits : int
        All of them.
    readable_bits : int
        Those of pads of messages that it can read.
    """

    bits: int = 0
    readable_bits: int = 0

    def add(self, bits: int, *, readable: bool) -> None:
        """Count keys of a message."""
        self.bits += bits
        self.readable_bits += bits if readable else 0


@dataclass(frozen=True)
class RelayRule:
    """Which parties of a task are kept out of the way of its keys.

    Attributes
    ----------
    roles : TaskRoles
    avoid : {"none", "key_holders", "readers", "parties"}
    pad_ciphertexts : bool
        Where ciphertexts and step 2 go without a pad, anybody on the links hears them, and their
        keys are those of tags: only "parties" keeps anybody from these.
    horizontal : bool
        The task sends masks, which always go under a pad.
    """

    roles: TaskRoles
    avoid: Avoided
    pad_ciphertexts: bool
    horizontal: bool = False

    @property
    def idle(self) -> bool:
        """Whether nobody is kept from any key."""
        some = self.pad_ciphertexts or self.horizontal or self.avoid == "parties"
        return self.avoid == "none" or not some

    def barred(self, leg: Leg) -> frozenset[str]:
        """Parties that must not relay the keys of a message."""
        if self.idle:
            return frozenset()
        if self.avoid == "parties":
            return frozenset(self.roles.names) - {leg.source, leg.target}
        if self.avoid == "readers":
            return self.readers(leg)
        return key_holders(self.roles, leg)

    def readers(self, leg: Leg) -> frozenset[str]:
        """Parties that read a message if they relay its keys: those of pads, not of tags."""
        if leg.kind.purpose in UNMASKING and not self.pad_ciphertexts:
            # a worker knows its own masks with another, whose masked numbers anybody overhears
            everybody = key_holders(self.roles, leg) | frozenset(self.roles.workers)
            return everybody - {leg.source, leg.target}
        padded = self.pad_ciphertexts or leg.kind.purpose in UNMASKING
        return readers(self.roles, leg) if padded else frozenset()
