"""What is handed over with a release says the same everywhere."""

from __future__ import annotations

import configparser
import json
import re

import yaml

from qnetsim.version import __version__
from tests.support import ROOT


def setup_cfg() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


def test_the_citation() -> None:
    """Keys that version 1.2.0 of the format requires, and those that it is there for."""
    found = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert found["cff-version"] == "1.2.0"
    assert {"message", "title", "authors", "abstract", "keywords", "references"} <= found.keys()
    assert all({"name", "family-names"} & author.keys() for author in found["authors"])
    assert found["license"] == setup_cfg()["metadata"]["license"]
    log = (ROOT / "CHANGELOG.md").read_text("utf-8")
    releases = re.findall(r"^## \[(\d[\w.]*)\] - (\S+)$", log, re.M)
    assert (str(found["version"]), str(found["date-released"])) == releases[0]


def test_the_version_is_a_release_or_leads_to_one() -> None:
    """What no release has yet is not said to be of one."""
    log = (ROOT / "CHANGELOG.md").read_text("utf-8")
    unreleased = log.split("## [Unreleased]\n", 1)[1].split("\n## [", 1)[0].strip()
    release = __version__.removesuffix(".dev0")
    assert (f"## [{release}] - " in log) == (release == __version__) == (not unreleased)
    assert release == __version__ or (ROOT / f"docs/release-notes/{release}.md").is_file()


def test_the_archive() -> None:
    found = json.loads((ROOT / ".zenodo.json").read_text("utf-8"))
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    for key in ("title", "license", "keywords"):
        assert found[key] == cited[key]
    assert " ".join(cited["abstract"].split()) == found["description"]
    assert [creator["name"] for creator in found["creators"]] == [
        author["name"] for author in cited["authors"]
    ]


def test_the_environment_has_the_bounds_of_the_package() -> None:
    found = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))
    texts = [text for text in found["dependencies"] if isinstance(text, str) and ">=" in text]
    bounds = {
        name.removesuffix("-base"): bound for name, bound in (text.split(" >=") for text in texts)
    }
    options = setup_cfg()["options"]
    assert bounds.pop("python") == options["python_requires"].removeprefix(">=")
    core = dict(re.findall(r"^([\w-]+)>=(\S+)$", options["install_requires"], re.M))
    # conda-forge lacks this one, so pip brings it
    assert bounds == {name: core[name] for name in core if name != "phe"}


def test_the_image_copies_what_the_build_reads() -> None:
    lines = (ROOT / "Dockerfile").read_text("utf-8").splitlines()
    copied = {word for line in lines if line.startswith("COPY") for word in line.split()[1:-1]}
    options = setup_cfg()["options"]
    folders = set(re.findall(r"= (\w+)", options["package_dir"]))
    assert {"qnetsim", "setup.cfg", "setup.py", "pyproject.toml", *folders} <= copied
    assert all((ROOT / name).exists() for name in copied)
    kept_out = (ROOT / ".dockerignore").read_text("utf-8").split()
    assert not copied & set(kept_out)
