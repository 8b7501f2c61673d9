"""What runs a FEL task, whatever its workers share: the side that a simulator sees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from qnetsim.fel.evaluation import ModelFigures
from qnetsim.fel.messages import Steps
from qnetsim.fel.protocol import RoundOutcome


class TaskSession(Protocol):
    """One FEL task.

    Attributes
    ----------
    parties, workers : tuple of str
    needed : tuple of str
        Workers without whom no round begins.
    accuracy : float
        Share of the training records that the model classifies rightly.
    evaluation : ModelFigures or None
        Figures on the records that are held out.
    """

    @property
    def parties(self) -> tuple[str, ...]:
        """Owner, heads and workers."""

    @property
    def workers(self) -> tuple[str, ...]:
        """All workers."""

    @property
    def needed(self) -> tuple[str, ...]:
        """Workers without whom no round begins."""

    @property
    def accuracy(self) -> float:
        """Share of the training records that the model classifies rightly."""

    @property
    def evaluation(self) -> ModelFigures | None:
        """Figures on the records that are held out."""

    def setup(self) -> Steps:
        """What comes ahead of the rounds."""

    def round(self, present: Sequence[str], outcome: RoundOutcome) -> Steps:
        """One round with the workers that are there; fills in its outcome."""
