"""Whether the signature beside a trace is that of a key, over the trace as it is."""

from __future__ import annotations

from pathlib import Path

from qnetsim.analysis.audit import Finding
from qnetsim.errors import TraceFormatError, argument
from qnetsim.trace.files.signature import (
    file_sha256,
    fingerprint,
    public_key,
    read_signature,
    signature_place,
)

#: Name of the finding.
NAME = "signature"


def signature_finding(trace: Path, key: Path | None) -> Finding | None:
    """Check a signature; None where there is none and no key asks for one.

    Raises
    ------
    UsageError
        The key cannot be read.
    """
    public = None if key is None else public_key(key)
    try:
        found = read_signature(trace)
    except TraceFormatError as error:
        return Finding(NAME, None if public is None else False, str(error))
    if public is None:
        if found is None:
            return None
        how = f"give the public key with {argument('key', 'PUBLIC')}"
        text = f"signed by {found.fingerprint}, not checked; {how}"
        return Finding(NAME, None, text)
    if found is None:
        return Finding(NAME, False, f"not signed: there is no {signature_place(trace).name}")
    wanted = fingerprint(public)
    if found.fingerprint != wanted:
        return Finding(NAME, False, f"signed by {found.fingerprint}, not by {wanted}")
    if not found.fits(public):
        return Finding(NAME, False, f"not made with the key {wanted}, whatever it says")
    if found.sha256 != file_sha256(trace):
        return Finding(NAME, False, "the trace was changed after it was signed")
    return Finding(NAME, True, f"signed by {wanted}, every byte of the file")
