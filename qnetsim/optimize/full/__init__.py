"""The wavelength-indexed program (21)-(31) of the paper, for small instances."""
