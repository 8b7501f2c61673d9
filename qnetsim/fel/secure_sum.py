"""Sums over workers of which the owner learns the sum alone: pairwise masks (Bonawitz et al. 2017).

Every two workers share a mask as long as their numbers, which one adds and the other subtracts, so
that masks cancel in the sum. One end draws it and sends it to the other under one-time pad: that
takes as many key bytes as if the keys themselves were the mask, and those of a tag. Nothing is
stretched, so what is masked is hidden whatever the computing power.

Workers that do not deliver: the owner names them to those that did, and each of these tells the sum
of its masks with them, under one-time pad. It does so once, and only where two are left at least.
Without one of these answers the sum stays hidden and is lost. A worker that missed a mask does not
deliver.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from qnetsim import seeds
from qnetsim.arrays import IntArray
from qnetsim.errors import ProtocolError
from qnetsim.fel.messages import (
    NUMBER_BYTES,
    Flow,
    Message,
    MessageKind,
    MessageLostError,
    gather,
    gather_all,
    send,
)
from qnetsim.fel.pads import MAC_KEY_BYTES
from qnetsim.fel.roles import TaskRoles
from qnetsim.plain_text import counted

#: Fewest workers of whose numbers a sum is told: that of one would be its numbers.
LEAST_WORKERS = 2
#: Workers that one number names, a bit each.
NAMED_BY_NUMBER = 62


@dataclass(frozen=True)
class SumKinds:
    """Kinds of the messages of a sum.

    Attributes
    ----------
    masks : MessageKind
        From worker to worker.
    masked : MessageKind
        From worker to head.
    sums : MessageKind
        From head to owner.
    missing : MessageKind
        From owner to worker: who did not deliver.
    corrections : MessageKind
        From worker to owner: masks with those.
    part : int
        Tells the sums of one round apart.
    """

    masks: MessageKind
    masked: MessageKind
    sums: MessageKind
    missing: MessageKind
    corrections: MessageKind
    part: int = 0

    @staticmethod
    def of_step(step: int, part: int = 0) -> SumKinds:
        """Kinds of a sum of a step."""
        return SumKinds(
            masks=MessageKind(step, "masks"),
            masked=MessageKind(step, "masked numbers"),
            sums=MessageKind(step, "sums"),
            missing=MessageKind(step, "missing workers"),
            corrections=MessageKind(step, "mask corrections"),
            part=part,
        )


#: Sums of the set-up, and that of a round.
COUNT_SUM, CURVATURE_SUM = (SumKinds.of_step(3, part) for part in range(2))
UPDATE_SUM = SumKinds.of_step(5)


@dataclass(frozen=True)
class Masking:
    """Where the masks of a task come from.

    Attributes
    ----------
    seed : int or None
        Names the streams; None counts messages without masks.
    name : tuple of str or int
    padded : bool
        Send masked numbers under one-time pad too.
    """

    seed: int | None = None
    name: tuple[str | int, ...] = ()
    padded: bool = False

    def draw(self, count: int, *name: str | int) -> IntArray:
        """Mask of so many numbers, uniform modulo 2**64; zeros without masks."""
        if self.seed is None:
            return np.zeros(count, dtype=np.int64)
        bits = seeds.stream(self.seed, "fel", "masks", *self.name, *name)
        return seeds.words(bits, count).view(np.int64)


class MaskedWorker:
    """One worker of a sum: its masks with the others, and what it tells of them.

    Parameters
    ----------
    name : str
    workers : sequence of str
        All that take part, itself included, in one order for all.
    """

    def __init__(self, name: str, workers: Sequence[str]) -> None:
        self.name = name
        self._workers = tuple(workers)
        self._masks: dict[str, IntArray] = {}
        self._told = False

    def add_mask(self, other: str, mask: IntArray) -> None:
        """Keep the mask with another worker: the earlier one adds it, the later one subtracts."""
        earlier = self._workers.index(self.name) < self._workers.index(other)
        self._masks[other] = mask if earlier else -mask

    @property
    def ready(self) -> bool:
        """Whether it has a mask with each of the others."""
        return len(self._masks) == len(self._workers) - 1

    def masked(self, numbers: IntArray) -> IntArray:
        """Numbers under all masks, modulo 2**64.

        Raises
        ------
        ProtocolError
            A mask is missing.
        """
        if not self.ready:
            raise ProtocolError(f"{self.name} has no mask with some worker, and tells nothing")
        return numbers + sum(self._masks.values(), np.zeros_like(numbers))

    def correction(self, missing: Sequence[str]) -> IntArray:
        """Sum of its masks with workers that did not deliver, modulo 2**64.

        Raises
        ------
        ProtocolError
            It has told some already, it is asked for its own, or too few workers would be left.
        """
        left = len(set(self._workers) - set(missing))
        if self._told or not missing or self.name in missing or left < LEAST_WORKERS:
            raise ProtocolError(
                f"{self.name} tells no masks with {', '.join(missing) or 'nobody'}: once in a "
                f"round, of others, where at least {LEAST_WORKERS} are left"
            )
        self._told = True
        masks = [self._masks[other] for other in missing]
        return np.asarray(sum(masks[1:], masks[0]))


@dataclass(frozen=True)
class SumOutcome:
    """What the owner learns.

    Attributes
    ----------
    workers : tuple of str
        Those whose numbers are in the sum.
    total : ndarray of int64
    """

    workers: tuple[str, ...]
    total: IntArray


def secure_sum(
    roles: TaskRoles,
    kinds: SumKinds,
    masking: Masking,
    number: int,
    values: Mapping[str, IntArray],
) -> Flow[SumOutcome]:
    """Add up numbers of workers so that nobody learns more than the sum, and the owner that.

    Parameters
    ----------
    roles : TaskRoles
    kinds : SumKinds
    masking : Masking
    number : int
        Of the sum among those of the task: no mask serves twice.
    values : mapping from worker to ndarray of int64
        All of one length, their sum within 63 bits.

    Raises
    ------
    MessageLostError
        Too few workers delivered, or a correction is missing.
    """
    workers = [worker for worker in roles.workers if worker in values]
    if len(workers) < LEAST_WORKERS:
        raise MessageLostError(f"a sum needs {counted(LEAST_WORKERS, 'worker')}")
    length = len(values[workers[0]])
    parties = {worker: MaskedWorker(worker, workers) for worker in workers}
    yield from gather(
        [
            _share_mask(kinds, parties[a], parties[b], masking.draw(length, number, a, b))
            for i, a in enumerate(workers)
            for b in workers[i + 1 :]
        ]
    )
    delivered = yield from _masked_sums(roles, kinds, masking, parties, values)
    arrived = [worker for worker in workers if worker in delivered[0]]
    if len(arrived) < LEAST_WORKERS:
        raise MessageLostError(
            f"{counted(len(arrived), 'worker')} delivered; a sum needs {LEAST_WORKERS}"
        )
    total = delivered[1]
    missing = [worker for worker in workers if worker not in arrived]
    if missing:
        corrections = yield from gather_all(
            [_correct(roles.owner, kinds, parties[w], missing, workers) for w in arrived]
        )
        total = total - sum(corrections, np.zeros_like(total))
    return SumOutcome(tuple(arrived), total)


def _share_mask(
    kinds: SumKinds, one: MaskedWorker, other: MaskedWorker, mask: IntArray
) -> Flow[bool]:
    """Send a mask; who drew it has it in any case."""
    one.add_mask(other.name, mask)
    yield from _send(kinds, kinds.masks, one.name, other.name, mask.tolist(), padded=True)
    other.add_mask(one.name, mask)
    return True


def _masked_sums(
    roles: TaskRoles,
    kinds: SumKinds,
    masking: Masking,
    parties: Mapping[str, MaskedWorker],
    values: Mapping[str, IntArray],
) -> Flow[tuple[set[str], IntArray]]:
    """Workers deliver to their heads, and heads the sums to the owner: who, and how much."""
    ready = [worker for worker, party in parties.items() if party.ready]
    masked = {worker: parties[worker].masked(values[worker]) for worker in ready}
    head_of = roles.head_of
    sent = yield from gather(
        [
            _send(
                kinds,
                kinds.masked,
                worker,
                head_of[worker],
                masked[worker].tolist(),
                padded=masking.padded,
            )
            for worker in ready
        ]
    )
    groups: dict[str, list[str]] = {}
    for worker, arrived in zip(ready, sent, strict=True):
        if arrived:
            groups.setdefault(head_of[worker], []).append(worker)
    order = list(parties)
    sums = {
        head: np.asarray(sum((masked[w] for w in group[1:]), masked[group[0]]))
        for head, group in groups.items()
    }
    told = yield from gather(
        [
            _send(
                kinds,
                kinds.sums,
                head,
                roles.owner,
                [*_named(group, order), *sums[head].tolist()],
                padded=masking.padded,
            )
            for head, group in groups.items()
        ]
    )
    found: set[str] = set()
    total: IntArray = np.zeros(len(next(iter(values.values()))), dtype=np.int64)
    for (head, group), arrived in zip(groups.items(), told, strict=True):
        if arrived:
            found.update(group)
            total = total + sums[head]
    return found, total


def _correct(
    owner: str,
    kinds: SumKinds,
    party: MaskedWorker,
    missing: Sequence[str],
    order: Sequence[str],
) -> Flow[IntArray]:
    """Ask a worker for its masks with those that did not deliver."""
    yield from _send(kinds, kinds.missing, owner, party.name, _named(missing, order), padded=False)
    correction = party.correction(missing)
    numbers = correction.tolist()
    yield from _send(kinds, kinds.corrections, party.name, owner, numbers, padded=True)
    return correction


def _send(
    kinds: SumKinds,
    kind: MessageKind,
    source: str,
    target: str,
    numbers: Sequence[int],
    *,
    padded: bool,
) -> Flow[bool]:
    """Send a message of a sum."""
    return send(
        Message(
            kind,
            source,
            target,
            tuple(numbers),
            width=NUMBER_BYTES,
            padded=padded,
            part=kinds.part,
        )
    )


def _named(chosen: Sequence[str], order: Sequence[str]) -> list[int]:
    """Workers as bits of numbers."""
    bits = sum(1 << order.index(worker) for worker in chosen)
    words = -(-len(order) // NAMED_BY_NUMBER)
    return [(bits >> (NAMED_BY_NUMBER * i)) & ((1 << NAMED_BY_NUMBER) - 1) for i in range(words)]


def sum_key_bytes(workers: int, heads: int, length: int, missing: int = 0) -> int:
    """Key bytes of a sum whose masked numbers are not padded.

    Parameters
    ----------
    workers, heads : int
    length : int
        Numbers of a worker.
    missing : int
        Workers whose masked numbers do not reach their heads, each of which has another worker.
    """
    tag, vector = MAC_KEY_BYTES, NUMBER_BYTES * length
    left = workers - missing
    masks = workers * (workers - 1) // 2 * (vector + tag)
    corrections = left * (tag + vector + tag) if missing else 0
    return masks + workers * tag + heads * tag + corrections
