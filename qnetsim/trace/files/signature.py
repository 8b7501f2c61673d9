"""Signatures of traces: Ed25519 over every byte of the file, kept in a file beside it.

A detached signature covers what an attribute cannot: bytes that HDF5 ignores, and the attribute
itself. It needs no new format, and a trace without it is the same file.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qnetsim.errors import TraceFormatError, UsageError, argument
from qnetsim.input_files import read_start
from qnetsim.trace.hdf5.files import beside, replacing

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

#: Environment variable with the passphrase of an encrypted private key.
PASSPHRASE = "QNETSIM_SIGN_PASSPHRASE"
#: Longer files are no keys and no signatures.
MOST_BYTES = 64 * 1024
#: What is signed, and what the signature file begins with.
SIGNED = "qnetsim-signature 1\nsha256 {sha256}\nkey {fingerprint}\n"
_LINES = re.compile(
    r"qnetsim-signature 1\n"
    r"sha256 (?P<sha256>[0-9a-f]{64})\n"
    r"key (?P<fingerprint>SHA256:[A-Za-z0-9+/]{43})\n"
    r"signature (?P<signature>[A-Za-z0-9+/]{86}==)\n"
)


@dataclass(frozen=True)
class Signature:
    """What a signature file says; nothing of it is checked.

    Attributes
    ----------
    sha256 : str
        Of the file that was signed.
    fingerprint : str
        Of the public key, as ``ssh-keygen -l`` shows it.
    value : bytes
    """

    sha256: str
    fingerprint: str
    value: bytes

    def fits(self, key: Ed25519PublicKey) -> bool:
        """Whether the holder of a key signed these lines."""
        from cryptography.exceptions import InvalidSignature

        text = SIGNED.format(sha256=self.sha256, fingerprint=self.fingerprint)
        try:
            key.verify(self.value, text.encode())
        except InvalidSignature:
            return False
        return True


def signature_place(trace: Path) -> Path:
    """Where the signature of a trace stands."""
    return beside(trace, f"{trace.name}.sig")


def sign_file(trace: Path, key: Ed25519PrivateKey) -> Path:
    """Sign a finished trace; what its signature file held before is replaced.

    Raises
    ------
    TraceError
        The signature cannot be written.
    """
    sha256 = file_sha256(trace)
    text = SIGNED.format(sha256=sha256, fingerprint=fingerprint(key.public_key()))
    value = base64.b64encode(key.sign(text.encode())).decode()
    place = signature_place(trace)
    with replacing(place, force=True) as fresh:
        fresh.write_text(f"{text}signature {value}\n", "ascii")
    return place


def read_signature(trace: Path) -> Signature | None:
    """Signature beside a trace; None where there is none.

    Raises
    ------
    TraceFormatError
        It is none of ours.
    """
    place = signature_place(trace)
    if not os.path.lexists(place):
        return None
    if not place.is_file():
        raise TraceFormatError(f"{place}: is not a file")
    try:
        with place.open("rb") as raw:
            text = raw.read(MOST_BYTES).decode("ascii")
    except (OSError, UnicodeDecodeError):
        raise TraceFormatError(f"{place}: cannot be read as a signature") from None
    found = _LINES.fullmatch(text)
    if found is None:
        raise TraceFormatError(f"{place}: is not a signature of qnetsim")
    value = base64.b64decode(found["signature"])
    return Signature(found["sha256"], found["fingerprint"], value)


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as raw:
        return hashlib.file_digest(raw, "sha256").hexdigest()


def fingerprint(key: Ed25519PublicKey) -> str:
    """SHA-256 of a public key as ``ssh-keygen -l`` shows it, ``SHA256:…``."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    line = key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    digest = hashlib.sha256(binascii.a2b_base64(line.split()[1])).digest()
    return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


def private_key(path: Path, environment: Mapping[str, str] = os.environ) -> Ed25519PrivateKey:
    """Read the key to sign with: PKCS8 in PEM, or OpenSSH's own form.

    An encrypted one is opened with the passphrase in ``QNETSIM_SIGN_PASSPHRASE``.

    Raises
    ------
    UsageError
        It is no private Ed25519 key, or its passphrase is missing or wrong.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    data = _key_bytes(path)
    how = "make one by `openssl genpkey -algorithm ed25519 -out KEY`"
    if b"PRIVATE KEY-----" not in data:
        what = "a public key" if _is_public(data) else "no private key"
        raise UsageError(
            f"{path}: is {what}; {argument('sign')} takes a private Ed25519 key ({how})"
        )
    given = environment.get(PASSPHRASE)
    load = serialization.load_pem_private_key
    if b"OPENSSH PRIVATE KEY" in data:
        load = serialization.load_ssh_private_key
    try:
        try:
            key = load(data, password=None)
        except TypeError:  # it is encrypted
            if given is None:
                raise UsageError(
                    f"{path}: is encrypted; give its passphrase in the environment variable "
                    f"{PASSPHRASE}"
                ) from None
            key = load(data, password=given.encode())
    except (ValueError, TypeError, UnsupportedAlgorithm):
        wrong = f", or {PASSPHRASE} is not its passphrase" if given is not None else ""
        raise UsageError(f"{path}: cannot be read as a private key{wrong}") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError(f"{path}: is a private key of another kind than Ed25519; {how}")
    return key


def public_key(path: Path) -> Ed25519PublicKey:
    """Read the key to check with: SubjectPublicKeyInfo in PEM, or a line of OpenSSH.

    Raises
    ------
    UsageError
        It is no public Ed25519 key.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    data = _key_bytes(path)
    how = "write it by `openssl pkey -in KEY -pubout -out PUBLIC`"
    if b"PRIVATE KEY-----" in data:
        raise UsageError(
            f"{path}: is a private key; {argument('key')} takes the public one ({how})"
        )
    load = serialization.load_ssh_public_key if data.startswith(b"ssh-") else None
    try:
        key = (load or serialization.load_pem_public_key)(data)
    except (ValueError, UnsupportedAlgorithm):
        raise UsageError(f"{path}: cannot be read as a public key; {how}") from None
    if not isinstance(key, Ed25519PublicKey):
        raise UsageError(f"{path}: is a public key of another kind than Ed25519")
    return key


def _is_public(data: bytes) -> bool:
    return data.startswith(b"ssh-") or b"PUBLIC KEY-----" in data


def _key_bytes(path: Path) -> bytes:
    if path.suffix == ".sig":
        raise UsageError(f"{path}: is named like a signature; give the key another name")
    data = read_start(path, MOST_BYTES + 1, "key file")
    if len(data) > MOST_BYTES:
        raise UsageError(f"{path}: is too long to be a key")
    return data
