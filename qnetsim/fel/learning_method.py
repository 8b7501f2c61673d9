"""How a vertical task learns: its optimiser, the records of a round, the penalty."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from qnetsim.errors import UsageError
from qnetsim.fel.batches import Batches
from qnetsim.fel.best_steps import OptimiserName


@dataclass(frozen=True)
class LearningMethod:
    """How a task learns.

    Attributes
    ----------
    optimiser : {"gradient_descent", "line_search", "conjugate_gradients"}
    batches : Batches, optional
        Records of each round; all unless given. Gradient descent only.
    l2 : Fraction
        Weight of the penalty on the parameters.
    """

    optimiser: OptimiserName = "gradient_descent"
    batches: Batches | None = None
    l2: Fraction = Fraction(0)

    def __post_init__(self) -> None:
        if self.batches is not None and self.optimiser != "gradient_descent":
            raise UsageError(f"{self.optimiser} needs all records in every round, not a batch")
