"""Explicit wavelengths: colouring, search, repair by other routes."""
