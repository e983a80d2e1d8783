"""Depthwise convolution, normalisation and attention, forward and with gradients, against PyTorch and JAX.

python benchmarks/bench_nn.py [--json]
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from _pairs import Body, compare, pin_to_one_core, report

pin_to_one_core()

import numpy as np  # noqa: E402

import penstock as ps  # noqa: E402

Arrays = list[np.ndarray[Any, Any]]


def draw(*shapes: tuple[int, ...]) -> Arrays:
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape).astype(np.float32) for shape in shapes]


def ours(fn: Callable[..., Any], arrays: Arrays, grads: bool) -> Body:
    tensors = [ps.asarray(a) for a in arrays]
    which = tuple(range(len(arrays)))
    run = ps.function(ps.grad(lambda *a: ps.sum(fn(*a)), argnums=which) if grads else fn)
    return lambda: run(*tensors)


def of_torch(fn: Callable[..., Any], arrays: Arrays, grads: bool) -> Body:
    import torch

    torch.set_num_threads(1)
    leaves = [torch.from_numpy(a).requires_grad_(grads) for a in arrays]
    if not grads:
        return lambda: fn(*leaves)
    return lambda: torch.autograd.grad(fn(*leaves).sum(), leaves)


def of_jax(fn: Callable[..., Any], arrays: Arrays, grads: bool) -> Body:
    import jax

    device = [jax.numpy.asarray(a) for a in arrays]
    which = tuple(range(len(arrays)))
    run = jax.jit(jax.grad(lambda *a: fn(*a).sum(), argnums=which) if grads else fn)
    return lambda: jax.block_until_ready(run(*device))


def pair(name: str, arrays: Arrays, penstock: Any, torch: Any, jax: Any) -> None:
    """Time one function everywhere, alone and with all its gradients."""
    for grads in (False, True):
        bodies = {"penstock": ours(penstock, arrays, grads)}
        for peer, fn, make in (("torch", torch, of_torch), ("jax", jax, of_jax)):
            try:
                bodies[peer] = make(fn, arrays, grads)
            except ImportError:
                continue
        timings = compare(bodies, rounds=7, seconds_per_round=0.05)
        report(f"{name}{', gradients' if grads else ''}", timings, "ms")


def depthwise() -> None:
    def in_torch(x: Any, f: Any) -> Any:
        import torch

        x = x.permute(0, 3, 1, 2)  # channels last in memory, as ours
        f = f.permute(2, 3, 0, 1).reshape(-1, 1, 3, 3)
        return torch.nn.functional.conv2d(x, f, None, 1, 1, 1, x.shape[1])

    def in_jax(x: Any, f: Any) -> Any:
        import jax

        f = f.reshape(3, 3, 1, -1)
        layout = ("NHWC", "HWIO", "NHWC")
        return jax.lax.conv_general_dilated(
            x, f, (1, 1), "SAME", dimension_numbers=layout, feature_group_count=x.shape[3]
        )

    images = draw((8, 56, 56, 128), (3, 3, 128, 1))
    pair(
        "depthwise 3 x 3 of 8 x 56 x 56 x 128",
        images,
        lambda x, f: ps.nn.depthwise_conv2d(x, f, padding="same"),
        in_torch,
        in_jax,
    )


def layer_norm() -> None:
    def in_torch(x: Any, s: Any, o: Any) -> Any:
        import torch

        return torch.nn.functional.layer_norm(x, (768,), s, o, 1e-5)

    def in_jax(x: Any, s: Any, o: Any) -> Any:
        import jax

        mean = x.mean(-1, keepdims=True)
        variance = ((x - mean) ** 2).mean(-1, keepdims=True)
        return (x - mean) * jax.lax.rsqrt(variance + 1e-5) * s + o

    rows = draw((2048, 768), (768,), (768,))
    pair("layer norm of 2048 x 768", rows, ps.nn.layer_norm, in_torch, in_jax)


def attention(length: int) -> None:
    def in_torch(q: Any, k: Any, v: Any) -> Any:
        import torch

        q, k, v = q[None], k[None], v[None]  # its blocked kernel wants four axes
        return torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)[0]

    def in_jax(q: Any, k: Any, v: Any) -> Any:
        import jax

        scores = q @ k.swapaxes(-1, -2) / q.shape[-1] ** 0.5
        mask = jax.numpy.tril(jax.numpy.ones(scores.shape[-2:], bool))
        return jax.nn.softmax(jax.numpy.where(mask, scores, -jax.numpy.inf)) @ v

    heads = draw(*[(8, length, 64)] * 3)
    pair(
        f"causal attention, 8 heads of {length} x 64",
        heads,
        lambda q, k, v: ps.nn.scaled_dot_product_attention(q, k, v, causal=True),
        in_torch,
        in_jax,
    )


if __name__ == "__main__":
    depthwise()
    layer_norm()
    for length in (128, 1024):
        attention(length)
