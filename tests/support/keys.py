"""Ed25519 keys as openssl and ssh-keygen make them."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def key_pair(
    folder: Path, name: str = "key", *, ssh: bool = False, passphrase: str = ""
) -> tuple[Path, Path]:
    """Write a private and a public key; returns their places."""
    key = Ed25519PrivateKey.generate()
    secret = form.BestAvailableEncryption(passphrase.encode()) if passphrase else None
    private = folder / f"{name}.private"
    public = folder / f"{name}.public"
    kind = form.PrivateFormat.OpenSSH if ssh else form.PrivateFormat.PKCS8
    private.write_bytes(key.private_bytes(form.Encoding.PEM, kind, secret or form.NoEncryption()))
    public.write_bytes(
        key.public_key().public_bytes(
            form.Encoding.OpenSSH if ssh else form.Encoding.PEM,
            form.PublicFormat.OpenSSH if ssh else form.PublicFormat.SubjectPublicKeyInfo,
        )
    )
    return private, public
