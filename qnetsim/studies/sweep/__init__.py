"""Sweeps: many runs over factors of a scenario, as a manifest of jobs for any executor."""
