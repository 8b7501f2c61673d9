"""Operations of a scheme on one ciphertext; the protocol has them on lists alone."""

from __future__ import annotations

from collections.abc import Sequence

from qnetsim.fel.encryption_schemes import EncryptionScheme


def encrypt(scheme: EncryptionScheme, value: int) -> int:
    """Encrypt one packed integer."""
    return scheme.encrypt_all([value])()[0]


def add_fresh(scheme: EncryptionScheme, ciphertexts: Sequence[int]) -> int:
    """Fresh encryption of one sum."""
    return scheme.add_fresh_all([ciphertexts])()[0]


def blind(scheme: EncryptionScheme, ciphertext: int) -> tuple[int, int]:
    """Fresh encryption of one value + mask, and the mask."""
    blinded, masks = scheme.blind_all([ciphertext])
    return blinded()[0], masks[0]


def decrypt(scheme: EncryptionScheme, ciphertext: int) -> int:
    """One masked value."""
    return scheme.decrypt_all([ciphertext])()[0]
