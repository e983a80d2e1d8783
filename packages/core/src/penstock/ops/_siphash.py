"""SipHash-2-4 on Python's integers: a hash with a secret key."""

from __future__ import annotations

_MASK = 2**64 - 1


def _turn(x: int, by: int) -> int:
    return (x << by | x >> (64 - by)) & _MASK


def _rounds(v: list[int], count: int) -> None:
    """Stir the four words of the state."""
    a, b, c, d = v
    for _ in range(count):
        a, c = a + b & _MASK, c + d & _MASK
        b, d = _turn(b, 13) ^ a, _turn(d, 16) ^ c
        a, c = _turn(a, 32) + d & _MASK, c + b & _MASK
        b, d = _turn(b, 17) ^ c, _turn(d, 21) ^ a
        c = _turn(c, 32)
    v[:] = a, b, c, d


def siphash(text: bytes, key0: int, key1: int) -> int:
    """Hash bytes to a number from 0 to 2^64 - 1."""
    v = [
        key0 ^ 0x736F6D6570736575,
        key1 ^ 0x646F72616E646F6D,
        key0 ^ 0x6C7967656E657261,
        key1 ^ 0x7465646279746573,
    ]
    whole = len(text) // 8 * 8
    words = [text[at : at + 8] for at in range(0, whole, 8)]
    words.append(text[whole:].ljust(7, b"\0") + bytes([len(text) & 0xFF]))
    for word in words:
        number = int.from_bytes(word, "little")
        v[3] ^= number
        _rounds(v, 2)
        v[0] ^= number
    v[2] ^= 0xFF
    _rounds(v, 4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]
