"""Products of bfloat16 by pairs. Here the processor's instruction may be spelt out: PENSTOCK_BF16_PAIRS=emulated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import penstock as ps

# What runs in a new Python: `product` of float32 arrays that become bfloat16, and the same in float64.
START = """
    import numpy as np
    import penstock as ps

    def narrow(x):
        return ps.cast(np.asarray(x, "float32"), "bfloat16")

    def product(x, y, **attrs):
        return ps.cast(ps.matmul(x, y, **attrs), "float32").numpy()

    def wide(x):
        return ps.cast(x, "float64").numpy()

    ps.add(1.0, 1.0)
    used = [row for row in ps._native.kernel_rows("matmul") if row[3] == "avx512_bf16"]
    assert len(used) == 1, "no products by pairs"
    rng = np.random.default_rng(5)
"""

ODD = (
    START
    + """
    shapes = [(1, 1, 1), (7, 33, 20), (129, 1, 3), (14, 64, 32), (33, 129, 65), (1, 300, 40), (29, 2, 70), (5, 0, 3), (0, 4, 4)]
    for m, k, n in shapes:
        for tx in (False, True):
            for ty in (False, True):
                x = narrow(rng.standard_normal((k, m) if tx else (m, k)))
                y = narrow(rng.standard_normal((n, k) if ty else (k, n)))
                a, b = (wide(x).T if tx else wide(x)), (wide(y).T if ty else wide(y))
                attrs = {"transpose_x": tx, "transpose_y": ty}
                kept = ps.function(lambda x, y=y, attrs=attrs: ps.matmul(x, y, **attrs))
                bound = np.abs(a @ b) / 256 + np.abs(a) @ np.abs(b) * (k + 1) * 2.0**-24
                alone = product(x, y, **attrs)
                assert (np.abs(alone - a @ b) <= bound).all(), (m, k, n, tx, ty)
                np.testing.assert_array_equal(alone, ps.cast(kept(x), "float32").numpy())
    for left, right in (((3, 1, 7, 5), (4, 5, 9)), ((2, 3, 6), (6, 4)), ((5, 3), (2, 3, 33)), ((2, 0, 3), (3, 2))):
        x, y = narrow(rng.standard_normal(left)), narrow(rng.standard_normal(right))
        np.testing.assert_allclose(product(x, y), wide(x) @ wide(y), rtol=2**-8, atol=1e-5)
    print("done")
"""
)

ORDER = (
    START
    + """
    large = 2.0**24  # 1 beside it is lost
    # Upper numbers come first: (large, + 1), (- large, + 1) leaves the second 1; the other order would leave none.
    assert product(narrow([[1, large, 1, -large]]), narrow(np.ones((4, 1))))[0, 0] == 1
    tiny = 2.0**-130  # a subnormal bfloat16
    assert product(narrow([[tiny, 0]]), narrow([[2.0**20], [0]]))[0, 0] == 0
    assert product(narrow([[2.0**-65, 0]]), narrow([[2.0**-65], [0]]))[0, 0] == 0
    assert np.isnan(product(narrow([[np.inf, 1]]), narrow([[0.0], [1.0]])))[0, 0]
    assert product(narrow([[np.inf, 1]]), narrow([[2.0], [1.0]]))[0, 0] == np.inf
    print("done")
"""
)

SAME = (
    START
    + """
    import zlib

    x, y = narrow(rng.standard_normal((3, 250, 130))), narrow(rng.standard_normal((130, 515)))
    print(zlib.crc32(product(x, y).tobytes()))
"""
)


@pytest.fixture
def pairs(python: Callable[..., str]) -> Callable[..., str]:
    """Run a program with products by pairs, or skip where this processor cannot."""
    level = ps._native.cpu_isa()
    if level not in ("avx512", "avx512_bf16"):
        pytest.skip(f"{level} has no products by pairs")
    setting = "emulated" if level == "avx512" else "on"

    def run(code: str, **settings: Any) -> str:
        return python(code, PENSTOCK_BF16_PAIRS=setting, **settings)

    return run


def test_odd_sizes_agree_with_float64(pairs: Callable[..., str]) -> None:
    assert pairs(ODD).strip() == "done"


def test_the_order_of_adding_and_subnormal_numbers_are_the_instruction_s(
    pairs: Callable[..., str],
) -> None:
    assert pairs(ORDER).strip() == "done"


def test_threads_do_not_change_bits(pairs: Callable[..., str]) -> None:
    assert len({pairs(SAME, PENSTOCK_NUM_THREADS=n) for n in ("1", "2")}) == 1


def test_off_leaves_them_out(python: Callable[..., str]) -> None:
    code = """
        import penstock as ps
        ps.add(1.0, 1.0)
        print("avx512_bf16" in {row[3] for row in ps._native.kernel_rows("matmul")})
    """
    assert python(code, PENSTOCK_BF16_PAIRS="off").strip() == "False"
