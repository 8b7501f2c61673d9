"""Runs: one policy in one world, or many, and their trace files."""
