"""How far a cost is from its bound."""


def relative_gap(objective: float, bound: float) -> float:
    """(objective − bound) over the objective; zero where both are."""
    return max(objective - bound, 0.0) / max(abs(objective), 1e-12)
