"""Fast powers against plain ``pow``, and the cryptography made of them against phe."""

from __future__ import annotations

import gmpy2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qnetsim import seeds
from qnetsim.fel import paillier
from qnetsim.fel.powers import FixedBase, KnownFactors, product_of_powers
from qnetsim.fel.randomness import (
    RANDOMNESS_NAMES,
    FullRandomness,
    ShortRandomness,
    base_of,
    randomness_of,
)

MODULUS = 3**200 + 2
#: Factors for the tests: primes of 128 bits that are 3 modulo 4.
PUBLIC, PRIVATE = paillier.generate_keys(seeds.stream(1, "test", "powers"), 256)
P, Q, N = int(PRIVATE.p), int(PRIVATE.q), int(PUBLIC.n)


@given(st.integers(2, MODULUS - 1), st.integers(0, 2**100 - 1), st.integers(1, 8))
@settings(max_examples=60, deadline=None)
def test_a_fixed_base_gives_plain_powers(base: int, exponent: int, window: int) -> None:
    table = FixedBase(base, MODULUS, 100, window)
    assert table.power(exponent) == pow(base, exponent, MODULUS)


@pytest.mark.parametrize("exponent", [0, 1, 2**7 - 1, 2**7, 2**14, 2**100 - 1, 2**99])
def test_a_fixed_base_at_the_edges_of_its_digits(exponent: int) -> None:
    assert FixedBase(7, MODULUS, 100).power(exponent) == pow(7, exponent, MODULUS)


@pytest.mark.parametrize("exponent", [-1, 2**100])
def test_a_fixed_base_refuses_exponents_that_it_has_no_table_for(exponent: int) -> None:
    with pytest.raises(ValueError, match="0 to 100 bits"):
        FixedBase(7, MODULUS, 100).power(exponent)


factors = st.integers(-(2**30), 2**30)


@given(st.lists(st.tuples(st.integers(1, N - 1), factors), max_size=30))
@settings(max_examples=80, deadline=None)
def test_buckets_give_the_product_of_plain_powers(pairs: list[tuple[int, int]]) -> None:
    bases = [gmpy2.mpz(base) for base, _ in pairs]
    exponents = [exponent for _, exponent in pairs]
    expected = 1
    for base, exponent in pairs:
        expected = expected * pow(base, exponent, N) % N
    assert product_of_powers(bases, exponents, gmpy2.mpz(N)) == expected


@pytest.mark.parametrize("exponents", [[0, 0, 0], [1, 0, 0], [4096] * 3, [2**27, 1, -1], [5, 5, 5]])
def test_buckets_at_the_edges(exponents: list[int]) -> None:
    bases = [gmpy2.mpz(value) for value in (2, 3, N - 1)]
    expected = pow(2, exponents[0], N) * pow(3, exponents[1], N) * pow(N - 1, exponents[2], N) % N
    assert product_of_powers(bases, exponents, gmpy2.mpz(N)) == expected
    assert product_of_powers([], [], gmpy2.mpz(N)) == 1
    with pytest.raises(ValueError, match=r"shorter|argument"):
        product_of_powers(bases, exponents[:2], gmpy2.mpz(N))


@given(st.integers(1, N - 1))
@settings(max_examples=60, deadline=None)
def test_known_factors_give_the_power_modulo_the_square(base: int) -> None:
    known = KnownFactors(P, Q)
    assert known.modulus_power(base) == pow(base, N, N * N)
    assert known.join(base % P**2, base % Q**2) == base


def test_keys_are_those_of_short_exponents() -> None:
    for number in range(8):
        _, private = paillier.generate_keys(seeds.stream(number, "test", "blum"), 256)
        p, q = int(private.p), int(private.q)
        assert p % 4 == q % 4 == 3
        assert gmpy2.gcd(p - 1, q - 1) == 2
        # h generates all residues of Jacobi symbol 1, so its order is even
        h = base_of(p * q)
        assert gmpy2.jacobi(h, p * q) == 1
        assert gmpy2.legendre(h, p) == gmpy2.legendre(h, q) == -1


@pytest.mark.parametrize("drawn", [0, 1, 2**127, 2**128 - 1])
def test_short_randomness_is_a_power_of_its_base(drawn: int) -> None:
    short = ShortRandomness(N)
    assert short.exponent_bits == 128
    expected = pow(pow(base_of(N), N, N * N), drawn, N * N)
    assert short.factor(drawn) == expected
    # it is an n-th residue, so the plaintext stays
    assert PRIVATE.raw_decrypt(int(expected)) == 0


@pytest.mark.parametrize("drawn", [1, 2, N - 1])
def test_full_randomness_is_the_same_for_the_holder_of_the_key(drawn: int) -> None:
    expected = pow(drawn, N, N * N)
    assert FullRandomness(N).factor(drawn) == FullRandomness(N, (P, Q)).factor(drawn) == expected


@pytest.mark.parametrize("name", RANDOMNESS_NAMES)
def test_phe_opens_what_is_encrypted(name: str) -> None:
    bits = seeds.stream(2, "test", name)
    for holder in (None, (P, Q)):
        cipher = paillier.Cipher(PUBLIC, bits, randomness_of(name, N, holder))
        for plaintext in (0, 1, N - 1, -1, N // 2, N // 3):
            sealed = cipher.encrypt(plaintext)
            assert PRIVATE.raw_decrypt(sealed) == plaintext % N
            assert cipher.encrypt(plaintext) != sealed
    drawn = {randomness_of(name, N).draw(bits) for _ in range(50)}
    assert len(drawn) == 50


def test_full_randomness_makes_the_ciphertexts_of_phe() -> None:
    drawn = FullRandomness(N).draw(seeds.stream(3, "test"))
    for plaintext in (0, 5, N - 1):
        (sealed,) = paillier.encrypt_all(FullRandomness(N), N, [(plaintext, drawn)])
        assert sealed == PUBLIC.raw_encrypt(plaintext, r_value=drawn)


def test_weighed_sums_are_those_of_phe() -> None:
    bits = seeds.stream(4, "test")
    cipher = paillier.Cipher(PUBLIC, bits)
    values, columns = [3, -7, 11], [[1, 2, 3], [0, 0, 0], [4096, 0, 1], [-1, 5, -2]]
    sealed = [cipher.encrypt(value) for value in values]
    found = paillier.weigh_all(N * N, sealed, columns)
    for one, column in zip(found, columns, strict=True):
        total = sum(v * f for v, f in zip(values, column, strict=True))
        assert paillier.signed(PRIVATE.raw_decrypt(one), N) == total
    assert paillier.decrypt_all((P, Q), sealed) == [value % N for value in values]
