"""How far a cost is from its bound."""

#: Relative distance of a relaxation, or of a plan, from its bound at which it counts as proved.
PROOF_GAP = 1e-9


def relative_gap(objective: float, bound: float) -> float:
    """(objective − bound) over the objective; zero where both are."""
    return max(objective - bound, 0.0) / max(abs(objective), 1e-12)
