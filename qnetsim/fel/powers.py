"""Powers modulo a number: of a fixed base, many at once, or where the factors are known.

All give what plain ``pow`` gives, so they change nothing of what a ciphertext says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

#: Bits of a digit: the table of a base has 2**WINDOW entries for each digit of an exponent.
WINDOW = 7
#: gmpy2 has no type hints.
Big = Any


class FixedBase:
    """Powers of one base, by a table of the powers of each digit of the exponent.

    Parameters
    ----------
    base, modulus : int
    bits : int
        Length of the longest exponent.
    window : int
        Bits of a digit. A power takes bits/window products instead of about 1.2·bits.
    """

    def __init__(self, base: int, modulus: int, bits: int, window: int = WINDOW) -> None:
        import gmpy2

        self.modulus: Big = gmpy2.mpz(modulus)
        self.bits = bits
        self._window = window
        self._rows: list[list[Big]] = []
        step = gmpy2.mpz(base) % self.modulus
        for _ in range(-(-bits // window)):
            row = [gmpy2.mpz(1)]
            for _ in range((1 << window) - 1):
                row.append(row[-1] * step % self.modulus)
            self._rows.append(row)
            step = row[-1] * step % self.modulus

    def power(self, exponent: int) -> Big:
        """The base to an exponent of at most ``bits`` bits.

        Raises
        ------
        ValueError
            The exponent is negative or longer.
        """
        if not 0 <= exponent < 1 << self.bits:
            raise ValueError(f"an exponent has 0 to {self.bits} bits and no sign")
        mask = (1 << self._window) - 1
        total = self._rows[0][exponent & mask] % self.modulus
        for row in self._rows[1:]:
            exponent >>= self._window
            if digit := exponent & mask:
                total = total * row[digit] % self.modulus
        return total


def product_of_powers(bases: Sequence[Big], exponents: Sequence[int], modulus: Big) -> Big:
    """∏ base^exponent by buckets (Pippenger): bases whose digits are equal are multiplied first.

    Takes about one product for each base and digit, instead of a power for each base. Powers with
    exponents below zero are inverted together.

    Parameters
    ----------
    bases : sequence of mpz
    exponents : sequence of int
    modulus : mpz

    Raises
    ------
    ValueError
        There are not as many exponents as bases.
    """
    import gmpy2

    pairs = list(zip(bases, exponents, strict=True))
    total = _bucket_product([(b, e) for b, e in pairs if e > 0], modulus)
    if below := [(b, -e) for b, e in pairs if e < 0]:
        total = total * gmpy2.invert(_bucket_product(below, modulus), modulus) % modulus
    return total


def _bucket_product(pairs: Sequence[tuple[Big, int]], modulus: Big) -> Big:
    """∏ base^exponent for exponents above zero, digit by digit, the highest first."""
    import gmpy2

    total = gmpy2.mpz(1) % modulus
    longest = max((exponent.bit_length() for _, exponent in pairs), default=0)
    window = _best_window(len(pairs), longest)
    for shift in reversed(range(0, longest, window)):
        if total != 1:
            total = gmpy2.powmod(total, 1 << window, modulus)
        total = total * _digit_product(pairs, shift, window, modulus) % modulus
    return total


def _best_window(count: int, bits: int) -> int:
    """Bits of a digit with the fewest products: each base once a digit, each bucket twice."""
    return min(range(1, 17), key=lambda w: -(-bits // w) * (count + (2 << w)))


def _digit_product(pairs: Sequence[tuple[Big, int]], shift: int, window: int, modulus: Big) -> Big:
    """∏ base^digit for the digit that begins at a bit."""
    import gmpy2

    mask = (1 << window) - 1
    buckets: list[Big] = [None] * (mask + 1)
    for base, exponent in pairs:
        digit = exponent >> shift & mask
        held = buckets[digit]
        buckets[digit] = base if held is None else held * base % modulus
    # a bucket of digit d goes into the last d of the running products
    running = total = gmpy2.mpz(1)
    for held in reversed(buckets[1:]):
        if held is not None:
            running = running * held % modulus
        if running != 1:
            total = total * running % modulus
    return total


class KnownFactors:
    """Numbers modulo (pq)² put together from their residues modulo p² and q².

    Parameters
    ----------
    p, q : int
        Different primes.
    """

    def __init__(self, p: int, q: int) -> None:
        import gmpy2

        self.p: Big = gmpy2.mpz(p)
        self.q: Big = gmpy2.mpz(q)
        self.p_square = self.p * self.p
        self.q_square = self.q * self.q
        self._inverse = gmpy2.invert(self.q_square, self.p_square)

    def join(self, at_p: Big, at_q: Big) -> Big:
        """The number modulo (pq)² with these residues modulo p² and q²."""
        return at_q + self.q_square * ((at_p - at_q) * self._inverse % self.p_square)

    def modulus_power(self, base: int) -> Big:
        """base^(pq) modulo (pq)², for a base that neither prime divides.

        A p-th power modulo p² depends on its base modulo p alone, so base^q is needed modulo p
        only, with its exponent modulo p − 1.
        """
        import gmpy2

        residues = []
        for prime, square, other in (
            (self.p, self.p_square, self.q),
            (self.q, self.q_square, self.p),
        ):
            inner = gmpy2.powmod(base, other % (prime - 1), prime)
            residues.append(gmpy2.powmod(inner, prime, square))
        return self.join(*residues)
