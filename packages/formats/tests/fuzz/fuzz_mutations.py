"""Files damaged blindly: what is drawn where no coverage guides."""

from __future__ import annotations

import random
from typing import Final

LARGEST_FILE: Final = 1 << 16


def mutated(rng: random.Random, starts: list[bytes]) -> bytes:
    """Damage one of some files a little: bits, numbers, cuts, repeats, and pieces of another."""
    data = bytearray(rng.choice(starts))
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        if not data:
            break
        at = rng.randrange(len(data))
        match rng.randrange(8):
            case 0:
                data[at] ^= 1 << rng.randrange(8)
            case 1:
                data[at] = rng.randrange(256)
            case 2:
                size = rng.choice((1, 2, 4, 8))
                number = rng.choice((0, 1, -1, 2**7, 2**15, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1))
                data[at : at + size] = (number % 2 ** (8 * size)).to_bytes(size, "little")
            case 3:
                del data[at:]
            case 4:
                del data[at : at + rng.randrange(1, 64)]
            case 5:
                data[at:at] = data[at : at + rng.randrange(1, 64)] * rng.choice((1, 2, 50))
            case 6:
                other = rng.choice(starts)
                start = rng.randrange(len(other))
                piece = other[start : start + rng.randrange(1, 64)]
                data[at : at + len(piece)] = piece
            case 7:
                text = rng.choice(
                    (b"-1", b"99999999999999999999", b"1e999", b"null", b"[]", b'"', b"\\", b"\xff")
                )
                data[at : at + rng.randrange(3)] = text
    return bytes(data[:LARGEST_FILE])
