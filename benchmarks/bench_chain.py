"""The elementwise chain y = gelu_tanh(x * a + b) + c at 1M and 10M floats, written in primitive ops. Against peers.

    python benchmarks/bench_chain.py [--json]

a, b and c are scalars. PyTorch runs eagerly, with its own gelu and with primitive ops, and compiled where that works
here; JAX is jitted. Results are compared before anything is timed.
"""

from __future__ import annotations

from _pairs import compare, pin_to_one_core, report

pin_to_one_core()

import numpy as np  # noqa: E402

import penstock as ps  # noqa: E402

SCALE, CUBIC = 0.7978845608028654, 0.044715


def primitive(x, a, b, c, tanh):
    """Write the chain in operators; works for every framework."""
    z = x * a + b
    return 0.5 * z * (1.0 + tanh(SCALE * (z + CUBIC * z * z * z))) + c


def penstock_bodies(x, a, b, c):
    """Make ours: compiled."""
    chain = ps.function(lambda x, a, b, c: primitive(x, a, b, c, ps.tanh))
    given = [ps.asarray(v) for v in (x, a, b, c)]
    return {"penstock": lambda: chain(*given)}


def torch_bodies(x, a, b, c):
    """Make PyTorch's, without gradients."""
    import torch

    torch.set_num_threads(1)
    given = [torch.from_numpy(x), *map(float, (a, b, c))]

    def gelu(x, a, b, c):
        return torch.nn.functional.gelu(x * a + b, approximate="tanh") + c

    def ops(x, a, b, c):
        return primitive(x, a, b, c, torch.tanh)

    bodies = {"torch, its gelu": gelu, "torch, primitives": ops}
    try:
        compiled = torch.compile(gelu)
        compiled(*given)
        bodies["torch.compile"] = compiled
    except Exception as error:
        print("torch.compile does not work here:", str(error).splitlines()[0])

    def without_gradients(body):
        def call():
            with torch.no_grad():
                return body(*given)

        return call

    return {name: without_gradients(body) for name, body in bodies.items()}


def jax_bodies(x, a, b, c):
    """Make JAX's, jitted."""
    import jax
    import jax.numpy as jnp

    chain = jax.jit(lambda x, a, b, c: primitive(x, a, b, c, jnp.tanh))
    given = [jnp.asarray(v) for v in (x, a, b, c)]
    return {"jax.jit": lambda: chain(*given).block_until_ready()}


def main() -> None:
    """Check that all compute the same, then time them."""
    for size in (1 << 20, 10_000_000):
        x = np.random.default_rng(0).standard_normal(size, "float32")
        a, b, c = (np.float32(v) for v in (1.5, 0.25, -0.5))
        expected = primitive(x.astype("float64"), a, b, c, np.tanh)
        bodies = {}
        for maker in (penstock_bodies, torch_bodies, jax_bodies):
            try:
                bodies |= maker(x, a, b, c)
            except ImportError as error:
                print("left out:", error)
        for name, body in bodies.items():
            np.testing.assert_allclose(
                np.asarray(body()), expected, rtol=2e-5, atol=2e-6, err_msg=name
            )
        report(f"chain, {size} floats", compare(bodies, rounds=9), "ms")


if __name__ == "__main__":
    main()
