"""Results in a terminal and as JSON."""
