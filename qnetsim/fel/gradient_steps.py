"""Steps of gradient descent, as messages: step 5 of a round.

Every worker steps along its own gradient by rates that the owner works out from the curvature, and
sends the owner its share of the loss. A batch's loss is the label holder's to tell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np

from qnetsim.arrays import IntArray
from qnetsim.fel.arithmetic import (
    ClassBalance,
    FeatureBlock,
    batch_loss,
    learning_rates,
    loss_shares,
    mean_loss,
)
from qnetsim.fel.direction_rounds import Taken
from qnetsim.fel.exchange import EncryptedExchange, FormedResiduals
from qnetsim.fel.learning_method import LearningMethod
from qnetsim.fel.messages import (
    LONG_BYTES,
    Flow,
    MessageKind,
    gather,
    gather_all,
    send_numbers,
)
from qnetsim.fel.roles import TaskRoles


class GradientSteps:
    """Steps of all workers along their gradients.

    Parameters
    ----------
    roles : TaskRoles
    blocks : mapping from worker to FeatureBlock
    balance : ClassBalance
    curvature : mapping from worker to ndarray of int64, shape (classes,)
    at_zero : mapping from worker to ndarray of int64
        Gradients at zero.
    method : LearningMethod
    """

    def __init__(
        self,
        roles: TaskRoles,
        blocks: Mapping[str, FeatureBlock],
        balance: ClassBalance,
        curvature: Mapping[str, IntArray],
        at_zero: Mapping[str, IntArray],
        method: LearningMethod,
    ) -> None:
        self._roles = roles
        self._blocks = blocks
        self._balance = balance
        self._scales = balance.scales
        self._curvature = curvature
        self._at_zero = at_zero
        self._method = method

    def take(
        self,
        exchange: EncryptedExchange,
        active: Sequence[str],
        rows: IntArray,
        residuals: FormedResiduals,
    ) -> Flow[Taken]:
        """Step 5: every worker steps along its own gradient, and the owner learns the loss.

        Parameters
        ----------
        exchange : EncryptedExchange
        active : sequence of str
            Workers whose scores are in the residuals.
        rows : ndarray of int64
            Places of the records that the round learns from.
        residuals : FormedResiduals
        """
        encrypted, opened = residuals
        loss = None
        curvature = np.sum([self._curvature[worker] for worker in active], axis=0)
        rates = learning_rates(curvature, self._scales, self._method.l2)
        steps = [self._step(exchange, worker, (rows, encrypted), rates) for worker in active]
        if self._method.batches is None:
            found = yield from gather(steps)
            shares = [share for share in found if share is not None]
            if len(shares) == len(active):
                loss = mean_loss(shares, len(self._balance.labels))
        else:
            assert opened is not None
            told, *found = yield from gather([self._tell_loss(opened, rows), *steps])
            if told is not None:
                loss = batch_loss(told)
        done = (w for w, share in zip(active, found, strict=True) if share is not None)
        return Taken(tuple(done), loss)

    def _tell_loss(self, scores: IntArray, rows: IntArray) -> Flow[list[int]]:
        """Loss of a batch, which the label holder tells the owner: no worker has a share of it."""
        losses = self._balance.losses(scores, rows)
        kind = MessageKind(5, "loss")
        yield from send_numbers(
            kind, self._roles.label_holder, self._roles.owner, losses, LONG_BYTES
        )
        return losses

    def _step(
        self,
        exchange: EncryptedExchange,
        worker: str,
        learnt: tuple[IntArray, tuple[int, ...]],
        rates: list[Fraction],
    ) -> Flow[list[int]]:
        """A worker's step; returns its share of the loss, which is none of a batch's."""
        rows, residuals = learnt
        owner = self._roles.owner
        block = self._blocks[worker]
        kind = MessageKind(5, "residuals")
        numbers = [n for rate in rates for n in (rate.numerator, rate.denominator)]
        yield from gather_all(
            [
                send_numbers(MessageKind(5, "rates"), owner, worker, numbers, LONG_BYTES),
                exchange.send_ciphertexts(kind, self._roles.label_holder, worker, residuals),
            ]
        )
        kind = MessageKind(5, "masked gradient")
        features = block.features[rows]
        gradient = yield from exchange.open_sums(
            kind, worker, residuals, features, block.parameters.shape[1]
        )
        gradient = block.penalised(gradient, block.parameters, len(rows))
        share: list[int] = []
        if self._method.batches is None:
            share = loss_shares(block.parameters, gradient, self._at_zero[worker])
            yield from send_numbers(MessageKind(5, "loss"), worker, owner, share, LONG_BYTES)
        block.step(gradient, rates, len(rows))
        return share
