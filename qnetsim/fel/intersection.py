"""Private set intersection of record identifiers.

By RSA blind signatures: the cluster head signs blinded hashes, one for each record at most; each
party checks and hashes the signatures, and equal records have equal tokens. Or by commutative
encryption (AES03): every party raises every hash to a secret power, and equal records end equal.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from functools import cache

from numpy.random import BitGenerator

from qnetsim import seeds
from qnetsim.errors import IntersectionError
from qnetsim.fel.signing_key import SigningKey
from qnetsim.plain_text import counted


@cache
def safe_prime() -> int:
    """Prime of group 14 of RFC 3526: 2^2048 − 2^1984 − 1 + 2^64 (⌊2^1918 π⌋ + 124476).

    The squares modulo it have prime order.
    """
    import gmpy2

    with gmpy2.context(precision=2200):
        middle = int(gmpy2.floor(gmpy2.const_pi() * gmpy2.mpfr(2) ** 1918)) + 124476
    return 2**2048 - 2**1984 - 1 + 2**64 * middle


def full_domain_hash(identifier: str, modulus: int) -> int:
    """Hash onto 1 … modulus − 1; 128 further bits leave no bias that matters."""
    count = (modulus.bit_length() + 128 + 7) // 8
    digest = hashlib.shake_256(b"qnetsim record " + identifier.encode()).digest(count)
    return 1 + int.from_bytes(digest, "big") % (modulus - 1)


class BlindSigner:
    """The cluster head, which signs blinded hashes.

    Parameters
    ----------
    key : SigningKey
    limit : int
        Signatures that one party may have, so that nobody can try any number of identifiers.
    """

    def __init__(self, key: SigningKey, limit: int) -> None:
        self.public = key.n, key.e
        self._key = key
        self._limit = limit
        self._given: dict[str, int] = {}

    def sign(self, party: str, blinded: Sequence[int]) -> list[int]:
        """Sign blinded hashes.

        Raises
        ------
        IntersectionError
            The party asks for more signatures than it may have; none is given.
        """
        given = self._given.get(party, 0) + len(blinded)
        if given > self._limit:
            raise IntersectionError(
                f"{party} asks for {counted(given, 'signature')} in all; at most {self._limit} are "
                "given"
            )
        self._given[party] = given
        return [self._power(value) for value in blinded]

    def _power(self, value: int) -> int:
        """The private power, by the Chinese remainder theorem."""
        import gmpy2

        p, q, d = self._key.p, self._key.q, self._key.d
        at_p, at_q = (gmpy2.powmod(value, d % (prime - 1), prime) for prime in (p, q))
        return int(at_q + q * ((at_p - at_q) * gmpy2.invert(q, p) % p))


class BlindSignatureParty:
    """A holder of records in the protocol of blind signatures.

    Parameters
    ----------
    records : iterable of str
        Identifiers; duplicates count once.
    public : (int, int)
        Modulus and exponent of the signer.
    bits : BitGenerator
    """

    def __init__(self, records: Iterable[str], public: tuple[int, int], bits: BitGenerator) -> None:
        self.records = tuple(dict.fromkeys(records))
        self._n, self._e = public
        self._factors = [self._factor(bits) for _ in self.records]

    def _factor(self, bits: BitGenerator) -> int:
        while True:
            factor = 1 + seeds.bits(bits, self._n.bit_length() + 128) % (self._n - 1)
            if math.gcd(factor, self._n) == 1:
                return factor

    def blinded(self) -> list[int]:
        """Hashes of the records under fresh blinding factors, in order."""
        import gmpy2

        n = self._n
        exponent = self._e
        return [
            int(full_domain_hash(record, n) * gmpy2.powmod(factor, exponent, n) % n)
            for record, factor in zip(self.records, self._factors, strict=True)
        ]

    def tokens(self, signed: Sequence[int]) -> dict[bytes, str]:
        """Tokens of the records from the signatures of ``blinded``.

        Raises
        ------
        IntersectionError
            A signature is missing or wrong.
        """
        import gmpy2

        if len(signed) != len(self.records):
            raise IntersectionError(
                f"{counted(len(signed), 'signature')} came for "
                f"{counted(len(self.records), 'record')}"
            )
        found = {}
        size = (self._n.bit_length() + 7) // 8
        for record, factor, value in zip(self.records, self._factors, signed, strict=True):
            signature = int(value * gmpy2.invert(factor, self._n) % self._n)
            if gmpy2.powmod(signature, self._e, self._n) != full_domain_hash(record, self._n):
                raise IntersectionError(f"the signature of a record is wrong: {record!r}")
            found[hashlib.sha256(signature.to_bytes(size, "big")).digest()] = record
        return found


class CommutativeParty:
    """A holder of records in the AES03 protocol.

    Parameters
    ----------
    records : iterable of str
    bits : BitGenerator
    """

    def __init__(self, records: Iterable[str], bits: BitGenerator) -> None:
        self.records = tuple(dict.fromkeys(records))
        # any power below the prime order of the squares can be undone
        self._power = 1 + seeds.bits(bits, 2200) % (safe_prime() // 2 - 1)

    def encrypt_own(self) -> list[int]:
        """Own records, hashed onto the squares and encrypted; in order."""
        hashes = (full_domain_hash(record, safe_prime()) for record in self.records)
        return self.encrypt([value * value % safe_prime() for value in hashes])

    def encrypt(self, values: Sequence[int]) -> list[int]:
        """Add this party's layer to the values of another."""
        import gmpy2

        return [int(gmpy2.powmod(value, self._power, safe_prime())) for value in values]


def common_tokens(tokens: Sequence[Iterable[bytes]]) -> list[bytes]:
    """Tokens that every party holds, in order."""
    sets = [set(party) for party in tokens]
    return sorted(set.intersection(*sets)) if sets else []
