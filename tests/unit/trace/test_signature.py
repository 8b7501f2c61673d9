"""Keys and signature files: what is read, what is refused, and what other programs make of them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric import ec

from qnetsim.errors import TraceFormatError, UsageError
from qnetsim.trace.files.signature import (
    PASSPHRASE,
    fingerprint,
    private_key,
    public_key,
    read_signature,
    sign_file,
    signature_place,
)
from tests.support.keys import key_pair


@pytest.mark.parametrize("ssh", [False, True])
@pytest.mark.parametrize("passphrase", ["", "pass word"])
def test_what_a_key_signs_its_public_key_fits(ssh: bool, passphrase: str, tmp_path: Path) -> None:
    if ssh and passphrase:
        pytest.importorskip("bcrypt")
    private, public = key_pair(tmp_path, ssh=ssh, passphrase=passphrase)
    key = private_key(private, {PASSPHRASE: passphrase} if passphrase else {})
    trace = tmp_path / "t.h5"
    trace.write_bytes(b"content")
    assert read_signature(trace) is None
    place = sign_file(trace, key)
    assert place == signature_place(trace) == tmp_path / "t.h5.sig"
    found = read_signature(trace)
    assert found is not None
    assert found.fits(public_key(public))
    assert found.fingerprint == fingerprint(public_key(public))
    _, other = key_pair(tmp_path, "other")
    assert not found.fits(public_key(other))
    assert private.read_bytes() not in place.read_bytes()


def test_wrong_keys_get_one_clear_error(tmp_path: Path) -> None:
    private, public = key_pair(tmp_path)
    locked, _ = key_pair(tmp_path, "locked", passphrase="right")
    other = tmp_path / "ec.pem"
    curve = ec.generate_private_key(ec.SECP256R1())
    other.write_bytes(
        curve.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
    )
    broken = tmp_path / "broken.pem"
    broken.write_bytes(private.read_bytes()[:60] + b"\n-----END PRIVATE KEY-----\n")
    text = tmp_path / "text"
    text.write_text("not a key")
    long = tmp_path / "long"
    long.write_bytes(bytes(100_000))
    named = tmp_path / "key.sig"
    named.write_bytes(private.read_bytes())
    for path, environment, what in (
        (public, {}, "is a public key; sign takes a private"),
        (locked, {}, f"is encrypted; give its passphrase in the environment variable {PASSPHRASE}"),
        (locked, {PASSPHRASE: "wrong"}, f"{PASSPHRASE} is not its passphrase"),
        (other, {}, "of another kind than Ed25519"),
        (broken, {}, "cannot be read as a private key"),
        (text, {}, "is no private key"),
        (long, {}, "is too long"),
        (named, {}, "is named like a signature"),
        (tmp_path, {}, "is a folder, not a key file"),
        (tmp_path / "none", {}, "no such key file"),
    ):
        with pytest.raises(UsageError) as caught:
            private_key(path, environment)
        assert str(caught.value).startswith(f"{path}: ")
        assert what in str(caught.value)
        assert "\n" not in str(caught.value)
    for path, what in (
        (private, "is a private key; key takes the public one"),
        (text, "cannot be read as a public key"),
    ):
        with pytest.raises(UsageError, match=what):
            public_key(path)


def test_signatures_that_are_none_are_refused(tmp_path: Path) -> None:
    private, _ = key_pair(tmp_path)
    trace = tmp_path / "t.h5"
    trace.write_bytes(b"content")
    whole = sign_file(trace, private_key(private)).read_text()
    place = signature_place(trace)
    for text in ("", whole[:-1], whole + "more\n", whole.replace("1", "2", 1), "\xff" * 9):
        place.write_text(text, "latin-1")
        with pytest.raises(TraceFormatError, match=r"t\.h5\.sig: "):
            read_signature(trace)
    place.unlink()
    place.mkdir()
    with pytest.raises(TraceFormatError, match="is not a file"):
        read_signature(trace)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_openssl_makes_the_keys_and_checks_the_signature(tmp_path: Path) -> None:
    def openssl(*arguments: object) -> str:
        command = ["openssl", *map(str, arguments)]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    private, public = tmp_path / "key.pem", tmp_path / "public.pem"
    openssl("genpkey", "-algorithm", "ed25519", "-out", private)
    openssl("pkey", "-in", private, "-pubout", "-out", public)
    trace = tmp_path / "t.h5"
    trace.write_bytes(b"content")
    lines = sign_file(trace, private_key(private)).read_text().splitlines(keepends=True)
    (tmp_path / "signed").write_text("".join(lines[:3]))
    found = read_signature(trace)
    assert found is not None
    (tmp_path / "value").write_bytes(found.value)
    assert found.fits(public_key(public))
    how = ("-verify", "-pubin", "-inkey", public, "-rawin", "-in", tmp_path / "signed")
    assert "Verified Successfully" in openssl("pkeyutl", *how, "-sigfile", tmp_path / "value")
