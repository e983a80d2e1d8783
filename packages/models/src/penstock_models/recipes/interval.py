"""How sure a measured share is."""

from __future__ import annotations

import math


def interval(right: int, count: int) -> tuple[float, float]:
    """Return the 95% interval of a share, by Wilson's formula.

    Args:
        right: How many were right.
        count: Of how many.

    Returns:
        The interval's ends.

    Raises:
        ZeroDivisionError: There were none.

    >>> [round(end, 3) for end in interval(90, 100)]
    [0.826, 0.945]
    """
    z = 1.959964
    share, scale = right / count, 1 + z * z / count
    middle = (share + z * z / (2 * count)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return middle - half, middle + half
