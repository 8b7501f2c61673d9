"""Rounds of line search and conjugate gradients, as messages.

Steps 3 and 4 are those of gradient descent, with a direction in place of the parameters. In step 5
each worker sends the owner sums of products with its share of the loss, and the owner answers with
what it sends in place of rates. The gradients of all workers belong to the same parameters only as
long as the same workers take part: where they change, the owner says so ahead of step 4, by an
empty message of rates, and the round finds the gradients anew and takes no step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from qnetsim.arrays import IntArray
from qnetsim.fel.arithmetic import FeatureBlock, loss_shares, mean_loss
from qnetsim.fel.best_steps import (
    Products,
    Step,
    StepChoice,
    WorkerDirection,
    require_products,
    safe_scale,
)
from qnetsim.fel.exchange import EncryptedExchange
from qnetsim.fel.messages import LONG_BYTES, Flow, MessageKind, gather, send_numbers
from qnetsim.fel.roles import TaskRoles

RESIDUALS = MessageKind(5, "residuals")
GRADIENT = MessageKind(5, "masked gradient")
LOSS = MessageKind(5, "loss")
RATES = MessageKind(5, "rates")


@dataclass(frozen=True)
class Taken:
    """What a round of steps came to.

    Attributes
    ----------
    workers : tuple of str
        That took part to the end.
    loss : float or None
        Ahead of the step; None where a share is missing.
    """

    workers: tuple[str, ...]
    loss: float | None


class _Found(NamedTuple):
    """What a worker found: its share of the loss, gradient or part of H·d, sums of products."""

    share: list[int]
    image: IntArray
    products: list[Products]


class DirectionRounds:
    """Directions of the workers, and the owner's choice of steps.

    Parameters
    ----------
    roles : TaskRoles
    blocks : mapping from worker to FeatureBlock
    at_zero : mapping from worker to ndarray of int64
        Gradients at zero.
    conjugate : bool
        Conjugate gradients; else line search along the gradient.
    l2 : Fraction
        Weight of the penalty on the parameters.
    """

    def __init__(
        self,
        roles: TaskRoles,
        blocks: Mapping[str, FeatureBlock],
        at_zero: Mapping[str, IntArray],
        *,
        conjugate: bool,
        l2: Fraction = Fraction(0),
    ) -> None:
        self._roles = roles
        self._blocks = blocks
        self._at_zero = at_zero
        self._conjugate = conjugate
        self._samples = len(blocks[roles.label_holder].features)
        self._classes = at_zero[roles.label_holder].shape[1]
        features = sum(block.features.shape[1] for block in blocks.values())
        require_products(self._samples, features, l2)
        self._scale = safe_scale(features, l2)
        self._choices = [
            StepChoice(self._samples, features, conjugate, l2) for _ in range(self._classes)
        ]
        self._directions = {worker: self._direction(worker, at_zero[worker]) for worker in blocks}
        #: Workers whose gradients belong together; None: everybody's, at zero.
        self._together: frozenset[str] | None = None
        #: Whether this round finds the gradients anew.
        self._anew = False

    def _direction(self, worker: str, gradient: IntArray) -> WorkerDirection:
        return WorkerDirection(self._blocks[worker], gradient, self._scale)

    def begin(self, present: Sequence[str]) -> Flow[list[str]]:
        """Tell the workers of a new start where there is one; returns those that know."""
        self._anew = self._together not in (None, frozenset(present))
        if not self._anew:
            return list(present)
        told = yield from gather(
            [send_numbers(RATES, self._roles.owner, worker, []) for worker in present]
        )
        return [worker for worker, knows in zip(present, told, strict=True) if knows]

    def point(self, worker: str) -> IntArray:
        """Where a worker evaluates its scores."""
        return self._blocks[worker].parameters if self._anew else self._directions[worker].direction

    def take(
        self, exchange: EncryptedExchange, active: Sequence[str], residuals: tuple[int, ...]
    ) -> Flow[Taken]:
        """Step 5: gradients, sums of products, and the step.

        Parameters
        ----------
        exchange : EncryptedExchange
        active : sequence of str
            Workers whose scores are in the residuals.
        residuals : tuple of int
            Encrypted.
        """
        work = self._find_gradient if self._anew else self._find_products
        found = yield from gather([work(exchange, worker, residuals) for worker in active])
        done = [worker for worker, one in zip(active, found, strict=True) if one is not None]
        shares = [one.share for one in found if one is not None]
        whole = len(done) == len(active)
        # gradients of other workers' parameters have no share in the loss of these
        own = self._anew or self._together in (None, frozenset(active))
        loss = mean_loss(shares, self._samples) if whole and own else None
        if self._anew:
            for choice in self._choices:
                choice.restart()
        else:
            # a step from a part of the sums would not be the best one
            together = {w: one for w, one in zip(active, found, strict=True) if one is not None}
            done = (yield from self._move(together)) if whole else done
        self._settle(active, done)
        return Taken(tuple(done), loss)

    def _settle(self, active: Sequence[str], done: Sequence[str]) -> None:
        """Note whose gradients belong together after the round."""
        same = self._anew or self._together in (None, frozenset(active))
        # no round is of the empty set, so the next one finds all gradients anew
        self._together = frozenset(done) if same and len(done) == len(active) else frozenset()

    def _open(
        self, exchange: EncryptedExchange, worker: str, residuals: tuple[int, ...]
    ) -> Flow[IntArray]:
        """The gradient of a worker's block at the point of this round."""
        holder = self._roles.label_holder
        yield from exchange.send_ciphertexts(RESIDUALS, holder, worker, residuals)
        features = self._blocks[worker].features
        return (yield from exchange.open_sums(GRADIENT, worker, residuals, features, self._classes))

    def _find_gradient(
        self, exchange: EncryptedExchange, worker: str, residuals: tuple[int, ...]
    ) -> Flow[_Found]:
        """A worker's gradient at its parameters, and its share of the loss."""
        block = self._blocks[worker]
        opened = yield from self._open(exchange, worker, residuals)
        gradient = block.penalised(opened, block.parameters)
        share = loss_shares(block.parameters, gradient, self._at_zero[worker])
        yield from send_numbers(LOSS, worker, self._roles.owner, share, LONG_BYTES)
        self._directions[worker] = self._direction(worker, gradient)
        return _Found(share, gradient, [])

    def _find_products(
        self, exchange: EncryptedExchange, worker: str, residuals: tuple[int, ...]
    ) -> Flow[_Found]:
        """A worker's part of H·d, its sums of products, and its share of the loss."""
        block = self._blocks[worker]
        direction = self._directions[worker]
        opened = yield from self._open(exchange, worker, residuals)
        image = block.penalised(opened, direction.direction) - self._at_zero[worker]
        share = loss_shares(block.parameters, direction.gradient, self._at_zero[worker])
        products = direction.products(image)
        owner = self._roles.owner
        numbers = [n for one in products for n in one[: 3 if self._conjugate else 2]]
        yield from send_numbers(LOSS, worker, owner, [*share, *numbers], LONG_BYTES)
        return _Found(share, image, products)

    def _move(self, found: Mapping[str, _Found]) -> Flow[list[str]]:
        """The owner's steps; returns the workers that took them."""
        steps = []
        for choice, parts in zip(
            self._choices, zip(*(one.products for one in found.values()), strict=True), strict=True
        ):
            steps.append(choice.step(Products(*map(sum, zip(*parts, strict=True)))))
        taken = yield from gather(
            [self._step(worker, one.image, steps) for worker, one in found.items()]
        )
        return [worker for worker, done in zip(found, taken, strict=True) if done]

    def _step(self, worker: str, image: IntArray, steps: Sequence[Step]) -> Flow[bool]:
        kept = [step if self._conjugate else (step.length, step.scale) for step in steps]
        numbers = [n for step in kept for n in step]
        yield from send_numbers(RATES, self._roles.owner, worker, numbers, LONG_BYTES)
        self._directions[worker].move(image, steps)
        return True
