"""Calls of a method or a function, counted while it goes on to do what it does."""

from __future__ import annotations

import pytest


def counted(monkeypatch: pytest.MonkeyPatch, owner: object, name: str) -> list[str]:
    """Note every call of an attribute; returns the list that grows with each."""
    honest = getattr(owner, name)
    calls: list[str] = []

    def call(*args, **kwargs):  # type: ignore[no-untyped-def]
        calls.append(name)
        return honest(*args, **kwargs)

    monkeypatch.setattr(owner, name, call)
    return calls
