"""The tables of a scenario file, one module for each kind.

They do without ``from __future__ import annotations``: pydantic would evaluate the text of each
annotation by itself, which every command would wait for.
"""
