"""The 64-bit fingerprint of FarmHash, on Python's integers: what TensorFlow's "fast" hash buckets are made of."""

from __future__ import annotations

_K0, _K1, _K2 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F
_MASK = 2**64 - 1

Pair = tuple[int, int]


def fingerprint64(text: bytes) -> int:
    """Hash bytes to a number from 0 to 2^64 - 1 that never changes."""
    n = len(text)
    if n <= 16:
        return _up_to_16(text, n)
    if n <= 32:
        return _up_to_32(text, n)
    return _up_to_64(text, n) if n <= 64 else _long(text, n)


def _word(text: bytes, at: int, size: int = 8) -> int:
    return int.from_bytes(text[at : at + size], "little")


def _turn(x: int, by: int) -> int:
    x &= _MASK
    return (x >> by | x << (64 - by)) & _MASK


def _mix(x: int) -> int:
    x &= _MASK
    return x ^ x >> 47


def _fold(u: int, v: int, times: int) -> int:
    """Make one word of two."""
    a = _mix(((u ^ v) & _MASK) * times)
    return _mix(((v & _MASK) ^ a) * times) * times & _MASK


def _up_to_16(text: bytes, n: int) -> int:
    times = _K2 + 2 * n
    if n >= 8:
        a, b = _word(text, 0) + _K2, _word(text, n - 8)
        return _fold(_turn(b, 37) * times + a & _MASK, (_turn(a, 25) + b) * times & _MASK, times)
    if n >= 4:
        return _fold(n + (_word(text, 0, 4) << 3), _word(text, n - 4, 4), times)
    if n == 0:
        return _K2
    y, z = text[0] + (text[n >> 1] << 8), n + (text[n - 1] << 2)
    return _mix(y * _K2 & _MASK ^ z * _K0 & _MASK) * _K2 & _MASK


def _ends(text: bytes, n: int, first: int, times: int) -> tuple[int, int, int]:
    """Read two words at each end: (first word, and what folds to the hash of up to 32 bytes)."""
    a, b = _word(text, 0) * first & _MASK, _word(text, 8)
    c, d = _word(text, n - 8) * times & _MASK, _word(text, n - 16) * _K2
    return a, _turn(a + b, 43) + _turn(c, 30) + d & _MASK, a + _turn(b + _K2, 18) + c & _MASK


def _up_to_32(text: bytes, n: int) -> int:
    times = _K2 + 2 * n
    _, u, v = _ends(text, n, _K1, times)
    return _fold(u, v, times)


def _up_to_64(text: bytes, n: int) -> int:
    times = _K2 + 2 * n
    a, y, v = _ends(text, n, _K2, times)
    z = _fold(y, v, times)
    e, f = _word(text, 16) * times & _MASK, _word(text, 24)
    g, h = (y + _word(text, n - 32)) * times & _MASK, (z + _word(text, n - 24)) * times
    return _fold(
        _turn(e + f, 43) + _turn(g, 30) + h & _MASK, e + _turn(f + a, 18) + g & _MASK, times
    )


def _absorb(text: bytes, at: int, a: int, b: int) -> Pair:
    """Take 32 bytes into two words."""
    first, second, third, fourth = (_word(text, at + 8 * i) for i in range(4))
    a += first
    b = _turn(b + a + fourth, 21)
    c = a
    a += second + third
    return a + fourth & _MASK, b + _turn(a, 44) + c & _MASK


def _long(text: bytes, n: int) -> int:
    x, y = 81, 81 * _K1 + 113 & _MASK
    z = _mix(y * _K2 + 113) * _K2 & _MASK
    v: Pair = (0, 0)
    w: Pair = (0, 0)
    x = x * _K2 + _word(text, 0) & _MASK
    end = (n - 1) // 64 * 64
    for at in range(0, end, 64):
        x = _turn(x + y + v[0] + _word(text, at + 8), 37) * _K1 ^ w[1]
        y = _turn(y + v[1] + _word(text, at + 48), 42) * _K1 + v[0] + _word(text, at + 40)
        z = _turn(z + w[0], 33) * _K1
        v = _absorb(text, at, v[1] * _K1, x + w[0])
        w = _absorb(text, at + 32, z + w[1], y + _word(text, at + 16))
        x, y, z = z & _MASK, y & _MASK, x & _MASK
    times = _K1 + ((z & 0xFF) << 1)
    at = n - 64
    w = (w[0] + (n - 1 & 63) & _MASK, w[1])
    v = (v[0] + w[0] & _MASK, v[1])
    w = (w[0] + v[0] & _MASK, w[1])
    x = _turn(x + y + v[0] + _word(text, at + 8), 37) * times ^ w[1] * 9
    y = _turn(y + v[1] + _word(text, at + 48), 42) * times + v[0] * 9 + _word(text, at + 40)
    z = _turn(z + w[0], 33) * times
    v = _absorb(text, at, v[1] * times, x + w[0])
    w = _absorb(text, at + 32, z + w[1], y + _word(text, at + 16))
    return _fold(
        _fold(v[0], w[0], times) + _mix(y) * _K0 + x & _MASK,
        _fold(v[1], w[1], times) + z & _MASK,
        times & _MASK,
    )
