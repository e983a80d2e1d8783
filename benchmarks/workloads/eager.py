"""Small ops, called one by one: what a call costs."""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from harness.workload import Ready, Workload


def inputs(shape: tuple[int, ...]) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape).astype(np.float32) for _ in range(2)]


def ready(op: Callable[..., Any], shape: tuple[int, ...], asarray: Callable[..., Any]) -> Ready:
    """Time an operator; every framework here works eagerly on one thread, so nothing is left to wait for."""
    a, b = map(asarray, inputs(shape))
    return Ready(lambda: op(a, b))


def penstock(op: Callable[..., Any], shape: tuple[int, ...]) -> Ready:
    import penstock as ps

    return ready(op, shape, ps.asarray)


def torch(op: Callable[..., Any], shape: tuple[int, ...]) -> Ready:
    import torch

    return ready(op, shape, torch.from_numpy)


def tensorflow(op: Callable[..., Any], shape: tuple[int, ...]) -> Ready:
    import tensorflow as tf

    return ready(op, shape, tf.constant)


def jax(op: Callable[..., Any], shape: tuple[int, ...]) -> Ready:
    import jax.numpy as jnp

    a, b = map(jnp.asarray, inputs(shape))
    return Ready(lambda: op(a, b).block_until_ready())


def workload(name: str, title: str, op: Callable[..., Any], shape: tuple[int, ...]) -> Workload:
    builders = {
        "penstock": partial(penstock, op, shape),
        "torch": partial(torch, op, shape),
        "tensorflow_eager": partial(tensorflow, op, shape),
        "jax": partial(jax, op, shape),
    }
    return Workload(name, title, builders, goal=0.25, tags=frozenset({"eager"}))


WORKLOADS = [
    workload("eager_add", "eager add of 4 floats", operator.add, (4,)),
    workload("eager_matmul", "eager matmul 8 x 8", operator.matmul, (8, 8)),
]
