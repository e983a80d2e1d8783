"""Square matrix products in float32, against JAX, PyTorch and NumPy.

python benchmarks/bench_matmul.py [--json]
"""

from __future__ import annotations

from _pairs import compare, pin_to_one_core, report

pin_to_one_core()

import numpy as np  # noqa: E402

import penstock as ps  # noqa: E402


def product(n: int) -> None:
    """Time an n x n product everywhere."""
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal((n, n)).astype(np.float32) for _ in range(2))
    pa, pb = ps.asarray(a), ps.asarray(b)
    bodies = {"penstock": lambda: ps.matmul(pa, pb)}
    try:
        import jax

        ja, jb = jax.numpy.asarray(a), jax.numpy.asarray(b)
        dot = jax.jit(jax.numpy.matmul)
        bodies["jax"] = lambda: dot(ja, jb).block_until_ready()
    except ImportError:
        pass
    try:
        import torch

        torch.set_num_threads(1)
        ta, tb = torch.from_numpy(a), torch.from_numpy(b)
        bodies["torch"] = lambda: ta @ tb
    except ImportError:
        pass
    bodies["numpy"] = lambda: a @ b
    timings = compare(bodies, rounds=9, seconds_per_round=0.1)
    report(f"matmul {n} x {n} x {n}", timings, "ms")
    print(f"  penstock: {2 * n**3 / timings['penstock'].median / 1e9:.0f} GFLOP/s")


if __name__ == "__main__":
    for size in (256, 512, 1024, 2048):
        product(size)
