"""Figures of runs and comparisons: one file for each, drawn the same to the byte every time."""
