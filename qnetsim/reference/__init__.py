"""Generators of the pages under ``docs/reference``, which read the code."""
