"""Keys from seeds, beside those that pycryptodome makes of the same random bytes."""

from __future__ import annotations

import pytest
from Crypto.PublicKey import RSA

from qnetsim import seeds
from qnetsim.fel.signing_key import signing_key


@pytest.mark.parametrize(("seed", "size"), [(1, 1024), (2, 1024), (3, 1024), (4, 1024), (1, 2048)])
def test_a_key_is_that_of_pycryptodome(seed: int, size: int) -> None:
    """Runs of version 0.1.0 had theirs from there, and must come out the same."""
    bits = seeds.stream(seed, "test", "signing key")
    theirs = RSA.generate(size, randfunc=lambda n: seeds.bits(bits, 8 * n).to_bytes(n, "big"))
    found = signing_key(seeds.stream(seed, "test", "signing key"), size)
    for part in ("n", "e", "d", "p", "q"):
        assert getattr(found, part) == int(getattr(theirs, part)), part


@pytest.mark.parametrize("seed", range(5))
def test_a_key_signs(seed: int) -> None:
    key = signing_key(seeds.stream(seed, "test", "signing key"), 512)
    assert key.n == key.p * key.q
    assert key.n.bit_length() == 512
    assert pow(pow(1234567, key.d, key.n), key.e, key.n) == 1234567
    assert str(key.d) not in repr(key)
    assert key != signing_key(seeds.stream(seed + 100, "test", "signing key"), 512)
