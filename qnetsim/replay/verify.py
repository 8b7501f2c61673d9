"""Check a trace: what it says of itself, its ledger, its digests, and the run behind it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from qnetsim.analysis.audit import Finding, audit
from qnetsim.errors import TraceError
from qnetsim.policies.chosen import PolicyLike, choose
from qnetsim.policies.learned.weights import read_weights
from qnetsim.replay.data_place import data_finding
from qnetsim.replay.given_files import GivenFiles, demand_finding, network_finding
from qnetsim.replay.plan_check import plan_finding
from qnetsim.replay.reopen import recorded_run
from qnetsim.replay.rerun import rerun_finding
from qnetsim.replay.signed import signature_finding
from qnetsim.replay.trace_findings import length_finding, provenance_findings, world_digest_finding
from qnetsim.runs.simulate import Progress
from qnetsim.trace import open_world, read_plan
from qnetsim.trace.rerun_check import Difference

#: What a trace that passes every check is proved to be.
PROVED = (
    "the file holds the objects, attributes and rows of its format and nothing else",
    "keys are conserved, bills and counts add up, and the digests fit",
    "network, recorded demand and data are those of the files that they are held against",
    "the world follows from the seed or the recorded demand",
)
#: What the run made again proves beside.
PROVED_BY_RERUN = "every value of the run follows from world, policy and plan"
#: What a signature proves beside.
PROVED_BY_SIGNATURE = "the holder of the key signed exactly this file"
#: What no check of a file can prove.
NOT_PROVED = (
    "who made it and when: digests are no signature, and anybody can run the same scenario",
    "on what machine and with which software: those words are the maker's",
    "how long planning and decisions took: wall-clock times differ from run to run",
    "that this run was not chosen among many: seeds are the maker's choice",
)


@dataclass(frozen=True)
class Verification:
    """What came of the checks.

    Attributes
    ----------
    findings : tuple of Finding
        In the order of the checks.
    difference : Difference or None
        First value in which the run does not come out again.
    """

    findings: tuple[Finding, ...]
    difference: Difference | None

    @property
    def failed(self) -> bool:
        """Whether anything is wrong."""
        return any(finding.passed is False for finding in self.findings)

    @property
    def proved(self) -> tuple[str, ...]:
        """What is proved, in sentences; nothing where a check failed or was left open."""
        if self.failed or self.partial:
            return ()
        names = {finding.name for finding in self.findings}
        further = {"re-run": PROVED_BY_RERUN, "signature": PROVED_BY_SIGNATURE}
        return (*PROVED, *(text for name, text in further.items() if name in names))

    @property
    def partial(self) -> bool:
        """Whether something could not be checked."""
        return any(finding.passed is None for finding in self.findings)


def verify(
    path: str | os.PathLike[str],
    *,
    policy: PolicyLike | None = None,
    plan: Path | None = None,
    topology: Path | None = None,
    demand: Path | None = None,
    key: Path | None = None,
    weights: Path | None = None,
    data: Sequence[Path] = (),
    rerun: bool = True,
    progress: Progress | None = None,
) -> Verification:
    """Check a trace or a recorded world.

    Parameters
    ----------
    path : path-like
    policy : str, PolicyTable, class or object of a Policy, optional
        The policy behind the trace, where it is not a registered one: ``FILE.py:Class``,
        ``module:Class``, or a fresh object. Code of the user's own is imported only if it is
        given here, and run only if its SHA-256 is that of the trace.
    plan : Path, optional
        The plan file that the run went by. It is made again, and what it claims compared.
    topology, demand : Path, optional
        The files of the network and of the recorded demand, which a trace only names.
    weights : Path, optional
        The file of trained weights; looked for in the current folder and beside the trace unless
        given.
    data : sequence of Path, optional
        Files that federated tasks learn from; looked for in the same places unless given.
    key : Path, optional
        The public key that the trace must be signed by.
    rerun : bool
        Simulate the run again and compare every value.
    progress : callable, optional
        Told how many slots were simulated since the last call.

    Raises
    ------
    TraceError, UsageError
        The file, or one that is given beside it, cannot be read at all.
    """
    if plan is not None:
        read_plan(plan)  # one that cannot be read is an error even where no plan is asked for
    if weights is not None:
        read_weights(weights)
    with open_world(path) as trace:
        findings = list(audit(trace))
        if (signed := signature_finding(Path(path), key)) is not None:
            findings.append(signed)
        difference = None
        try:
            run = recorded_run(trace, weights, data)
        except TraceError as error:
            return Verification((*findings, Finding("scenario", False, str(error))), None)
        given = GivenFiles(None if policy is None else choose(policy), plan, topology, demand)
        findings += provenance_findings(trace, run)
        findings.append(length_finding(trace, run))
        findings.append(network_finding(trace, run, given))
        if (found := demand_finding(trace, run, given)) is not None:
            findings.append(found)
        if (found := data_finding(run.case.scenario, trace.path.parent, data)) is not None:
            findings.append(found)
        if plan is not None:
            findings.append(plan_finding(trace, run, given))
        findings.append(world_digest_finding(trace, run))
        if rerun:
            finding, difference = rerun_finding(trace, run, given, progress or (lambda slots: None))
            findings.append(finding)
        return Verification(tuple(findings), difference)
