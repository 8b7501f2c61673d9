"""Modules that are loaded once more and compiled: the names by which numba keeps their code."""

from __future__ import annotations

import importlib
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from qnetsim import compiling
from qnetsim.interrupt import Interrupted, stoppable
from qnetsim.kernel.serving import fibre_books, loop, sessions, state, whole
from qnetsim.world import passes

NAMES = ("numbers_of_it", "below_it", "above_it")


@pytest.fixture
def three(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[ModuleType]]:
    """A module with a number, one that names it, and one that names that and a number."""
    monkeypatch.setattr(compiling, "__package__", "ours")
    package = ModuleType("ours")
    package.__path__ = [str(tmp_path)]
    monkeypatch.setitem(sys.modules, "ours", package)
    texts = ("ANY = 1", "from ours import numbers_of_it", "from ours import below_it\nHERE = 5")
    for name, text in zip(NAMES, texts, strict=True):
        (tmp_path / f"{name}.py").write_text(text)
    yield [importlib.import_module(f"ours.{name}") for name in NAMES]
    for name in NAMES:
        del sys.modules[f"ours.{name}"]


def test_what_is_compiled_into_a_function_changes_its_name(three: list[ModuleType]) -> None:
    deepest, below, above = three
    before = [compiling._stamp_of(module) for module in three]
    assert before == [compiling._stamp_of(module) for module in three]
    Path(str(deepest.__file__)).write_text("ANY = 2")
    after = [compiling._stamp_of(module) for module in three]
    assert all(old != new for old, new in zip(before, after, strict=True))
    Path(str(above.__file__)).write_text("HERE = 5")
    assert compiling._stamp_of(below) == after[1]
    # a number that comes from elsewhere stands in no file of it
    above.HERE = 6
    assert compiling._stamp_of(above) not in (after[2], before[2])


@pytest.mark.parametrize("module", [loop, whole, sessions, fibre_books])
def test_the_columns_of_the_tables_are_stamped(
    module: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = compiling._stamp_of(module)
    edited = tmp_path / "state.py"
    edited.write_text(Path(state.__file__).read_text().replace("PATH = 7", "PATH = 6"))
    monkeypatch.setattr(state, "__file__", str(edited))
    assert compiling._stamp_of(module) != before


def test_a_number_from_elsewhere_is_stamped(monkeypatch: pytest.MonkeyPatch) -> None:
    before = compiling._stamp_of(passes)
    monkeypatch.setattr(passes, "GUIDE_BITS", passes.GUIDE_BITS + 1)
    assert compiling._stamp_of(passes) != before


def test_a_signal_stops_the_compiler(three: list[ModuleType]) -> None:
    """Ahead of its next pass; the function is compiled when it is called again."""
    pytest.importorskip("numba")
    above = three[2]
    text = "from qnetsim.compiling import jit\n\n@jit\ndef one_more(a):\n    return a + 1\n"
    Path(str(above.__file__)).write_text(text)
    one_more = compiling.compiled(above).one_more
    with pytest.raises(Interrupted), stoppable():
        signal.raise_signal(signal.SIGTERM)
        one_more(1)
        pytest.fail("it was compiled to the end")
    assert not one_more.signatures
    with stoppable():
        assert one_more(1) == 2
