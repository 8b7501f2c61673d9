"""Figures of runs and comparisons, one module for each; their files are reproducible."""
