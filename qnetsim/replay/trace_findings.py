"""Whether a trace says of itself what its scenario gives: settings, length, world."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from qnetsim.analysis.audit import Finding
from qnetsim.errors import QnetsimError
from qnetsim.plain_text import visible
from qnetsim.replay.reopen import RecordedRun, recorded_world
from qnetsim.trace import Trace
from qnetsim.trace.provenance import software


def provenance_findings(trace: Trace, run: RecordedRun) -> Iterator[Finding]:
    """Whether settings and seed are those of the scenario, and with which software it was made."""
    stored = trace.provenance
    here = run.case.scenario.digest()
    settings = run.case.scenario.portable().model_dump(mode="json")
    same = stored.get("scenario_digest") == here
    fits = settings == stored["scenario"] or (same and _within(stored["scenario"], settings))
    if "scenario_digest" not in stored or not fits:
        text = "of an older version: settings that came later have their defaults"
        yield Finding("scenario", None, text)
    elif trace.attribute("slot_s") != str(run.case.scenario.run.slot_s):
        yield Finding("scenario", False, "the root attribute slot_s is not the scenario's")
    elif stored["seed"] != run.case.scenario.run.seed:
        yield Finding("scenario", False, "the seed of the provenance is not the scenario's")
    else:
        found = visible(str(stored["scenario_digest"])[:16])
        text = here[:16] if same else f"{here[:16]}, and {found} is stored"
        yield Finding("scenario", same, text)
    ours = software()
    theirs = stored["software"]
    changed = [
        f"{name} {theirs.get('packages', {}).get(name)} → {version}"
        for name, version in ours["packages"].items()
        if theirs.get("packages", {}).get(name) != version
    ]
    if theirs["version"] != ours["version"]:
        changed.insert(0, f"qnetsim {theirs['version']} → {ours['version']}")
    text = f"other versions here: {', '.join(changed)}" if changed else "the same versions here"
    yield Finding("software", True, text)


def _within(stored: Any, settings: Any) -> bool:
    """Whether all settings of a file are those; what came later is not said in older ones.

    The digest covers what came later wherever it is not a default.
    """
    if isinstance(stored, dict) and isinstance(settings, dict):
        return stored.keys() <= settings.keys() and all(
            _within(stored[key], settings[key]) for key in stored
        )
    return type(stored) is type(settings) and bool(stored == settings)


def length_finding(trace: Trace, run: RecordedRun) -> Finding:
    """Whether a file holds the slots of its scenario: no more, and all where it is complete."""
    slots = run.case.scenario.run.slots
    text = f"{trace.slots:,} of the {slots:,} that its scenario has"
    if trace.slots > slots or (trace.status == "complete" and trace.slots < slots):
        return Finding("slots", False, f"{text}; it is {trace.status}")
    return Finding("slots", True, text)


def world_digest_finding(trace: Trace, run: RecordedRun) -> Finding:
    """Whether the world that the scenario gives is the one of the file."""
    stored = trace.attribute("world_digest")
    if not stored:
        return Finding("world digest", None, f"the trace is {trace.status}: it has none yet")
    if trace.slots < run.case.scenario.run.slots:
        return Finding("world digest", None, "the world is cut short; the re-run compares it")
    try:
        found = recorded_world(trace, run).whole_digest()
    except QnetsimError as error:
        return Finding("world digest", False, str(error))
    same = found == stored
    text = stored[:16] if same else f"{found[:16]}, and {stored[:16]} is stored"
    return Finding("world digest", same, text)
