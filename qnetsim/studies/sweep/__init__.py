"""Sweeps: many runs over factors of a scenario, as a manifest of jobs that anything may work off."""
