"""What the pages name exists: files, modules, functions, links."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support import ROOT

PACKAGE = ROOT / "qnetsim"
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    ROOT / "traces" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
#: What is no place in the repository: files that a reader would write, and old names on purpose.
PLACEHOLDERS = re.compile(r"NAME|figN|FILE|my_policy")


def text_of(page: Path) -> str:
    """A page without the list of what was renamed, whose first column is gone on purpose."""
    found = page.read_text("utf-8")
    return re.sub(r"<!-- old names -->.*?<!-- /old names -->", "", found, flags=re.S)


def ids(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_python_files_that_a_page_names_exist(page: Path) -> None:
    for name in set(re.findall(r"[\w./-]+\.py\b", text_of(page))):
        if PLACEHOLDERS.search(name):
            continue
        places = [ROOT / name, PACKAGE / name, page.parent / name]
        somewhere = "/" not in name and any(PACKAGE.rglob(name))
        assert somewhere or any(place.exists() for place in places), name


@pytest.mark.parametrize("page", [p for p in PAGES if p.name != "CHANGELOG.md"], ids=ids)
def test_modules_that_a_page_names_exist(page: Path) -> None:
    """The change log is left out: it names modules that are gone."""
    for name in set(re.findall(r"`(qnetsim(?:\.[a-z_0-9]+)+)`", text_of(page))):
        if PLACEHOLDERS.search(name):
            continue
        *folders, last = name.split(".")[1:]
        room = PACKAGE.joinpath(*folders)
        module = room / last
        sources = [room.with_suffix(".py"), room / "__init__.py"]
        named = [s for s in sources if s.exists() and re.search(rf"\b{last}\b", s.read_text())]
        assert module.exists() or module.with_suffix(".py").exists() or named, name


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text_of(page)):
        assert link.startswith("http") or (page.parent / link).exists(), link


def test_the_walks_through_the_house_name_what_is_there() -> None:
    """Each "`file.py: name`" of the architecture page is defined in that file."""
    page = text_of(ROOT / "docs" / "background" / "architecture.md")
    steps = re.findall(r"`([\w/]+\.py): ([\w.]+)`", page)
    assert len(steps) > 20
    for file, names in steps:
        source = (PACKAGE / file).read_text("utf-8")
        for name in names.split("."):
            assert re.search(rf"^ *(?:def|class) {name}\b", source, re.M), (file, name)


def test_moved_modules_are_where_the_list_of_renames_says() -> None:
    page = (ROOT / "docs" / "background" / "architecture.md").read_text("utf-8")
    listed = re.search(r"<!-- old names -->(.*?)<!-- /old names -->", page, re.S)
    assert listed
    modules = listed[1].split("\n\n")[0]
    rows = re.findall(r"^\| `[\w/]+\.py` \| (.*) \|$", modules, re.M)
    assert len(rows) > 80
    for row in rows:
        for name in re.findall(r"`([\w/]+\.py)`", row):
            assert (PACKAGE / name).exists(), name
