"""What the design promises about the code itself."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import qnetsim
from tests.support import ROOT

FILES = sorted((ROOT / "qnetsim").rglob("*.py"))


def test_files_are_small() -> None:
    lengths = {path: len(path.read_text("utf-8").splitlines()) for path in FILES}
    assert max(lengths.values()) <= 500
    assert sum(n > 300 for n in lengths.values()) <= 0.2 * len(lengths)


def clashes(found: dict[str, list[str]]) -> dict[str, list[str]]:
    return {name: places for name, places in found.items() if len(places) > 1}


def test_no_two_modules_have_one_name() -> None:
    """Commands, tables, pages and figures are named after what they are about."""
    named_after = {"cli", "tables", "reference", "figures", "paper"}
    found: dict[str, list[str]] = {}
    for path in FILES:
        place = path.relative_to(ROOT / "qnetsim")
        if place.stem.startswith("__") or named_after & set(place.parts):
            continue
        found.setdefault(place.stem, []).append(str(place))
    assert not clashes(found)


def test_no_two_public_classes_have_one_name() -> None:
    found: dict[str, list[str]] = {}
    for path in FILES:
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found.setdefault(node.name, []).append(str(path.relative_to(ROOT)))
    assert not clashes(found)


def folders(place: Path) -> set[str]:
    return {path.name for path in place.iterdir() if path.is_dir()} - {"__pycache__"}


def test_tests_mirror_the_package() -> None:
    """Whole commands test what prints and what is shipped; every other room has its own tests."""
    tested_by_commands = {"cli", "data"}
    rooms = folders(ROOT / "qnetsim")
    tested = folders(ROOT / "tests" / "unit")
    assert tested_by_commands <= rooms
    assert tested == rooms - tested_by_commands
    for room in tested:
        place = ROOT / "tests" / "unit" / room
        assert (place / "__init__.py").exists(), room
        assert list(place.glob("test_*.py")), room


def test_the_root_holds_no_loose_modules() -> None:
    loose = {path.stem for path in (ROOT / "qnetsim").glob("*.py")}
    shared = {"errors", "units", "arrays", "seeds", "version", "vocabulary", "testing"}
    shared |= {"locations", "fibre_loss"}
    process = {"interrupt", "last_message", "streams", "input_files", "plain_text", "first_use"}
    process |= {"shipped", "extras", "csv_rows", "arguments", "compiling", "recycled"}
    process |= {"process_pool", "pool_queue"}
    assert loose == shared | process | {"__init__", "__main__"}


def test_no_test_imports_another_test() -> None:
    """But for the fuzzer, which is a program of its own."""
    for path in (ROOT / "tests").rglob("*.py"):
        found = re.findall(
            r"^ *(?:from|import) tests\.(?!(?:support|fuzz)\b).*", path.read_text("utf-8"), re.M
        )
        assert not found, path


def test_the_walls_stand() -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_randomness_only_through_seeds() -> None:
    for path in FILES:
        if path.name != "seeds.py":
            text = path.read_text("utf-8")
            assert not re.search(r"default_rng|^import random|np\.random\.seed", text, re.M), path


def test_every_name_of_the_face_exists() -> None:
    for name in qnetsim.__all__:
        assert getattr(qnetsim, name) is not None
    with pytest.raises(AttributeError):
        _ = qnetsim.nothing


def python_blocks(path: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", path.read_text("utf-8"), re.S)


@pytest.mark.parametrize(
    "page", ["README.md", "docs/tutorials/python.md", "docs/tutorials/your-own-policy.md"]
)
def test_code_on_the_pages_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = python_blocks(ROOT / page)
    assert blocks
    (tmp_path / "scenarios").mkdir()
    for name in ("nsfnet.toml", "tiny.toml", "tiny.csv"):
        text = (ROOT / "scenarios" / name).read_text("utf-8")
        (tmp_path / "scenarios" / name).write_text(text.replace("slots = 1000", "slots = 20"))
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": "page"}
    for block in blocks:
        exec(block, namespace)


def test_commands_on_the_pages_exist() -> None:
    from qnetsim.cli import COMMANDS

    for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for command in re.findall(r"^\$? ?qnetsim ([a-z]+)", path.read_text("utf-8"), re.M):
            assert command in COMMANDS, (path, command)


def test_the_mutation_check_names_what_is_there() -> None:
    """Modules and tests; the file itself imports a tool that is no dependency."""
    tree = ast.parse((ROOT / "tests" / "mutation" / "run.py").read_text("utf-8"))
    constants = [n for n in tree.body if isinstance(n, ast.Assign) and n.lineno < 200]
    names: dict[str, object] = {}
    for node in constants:
        if {x.id for x in ast.walk(node.value) if isinstance(x, ast.Name)} <= names.keys():
            exec(compile(ast.Module([node], []), "run.py", "exec"), names)
    modules = names["MODULES"]
    assert isinstance(modules, dict)
    assert len(modules) >= 25
    for module, tests in modules.items():
        assert (ROOT / module).exists(), module
        for test in tests:
            file, _, function = test.partition("::")
            source = (ROOT / file).read_text("utf-8")
            assert f"def {function.split('[')[0]}" in source, test
