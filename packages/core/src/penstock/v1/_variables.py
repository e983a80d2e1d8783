"""Variables that are shared by name: `get_variable`, the scopes around it, and first values."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import penstock
from penstock._native import Tensor
from penstock.errors import GraphError, InvalidValueError, ShapeError
from penstock.v1._graph import Variable, constant, get_default_graph, shared_variables

AUTO_REUSE = "auto"
Initializer = Callable[[Sequence[int], Any], Any]


@dataclass
class VariableScope:
    """Where `get_variable` looks for names.

    Args:
        name: What stands in front of them: "layer1/conv".
        reuse: True takes variables that exist, False makes new ones, AUTO_REUSE does either.
    """

    name: str = ""
    reuse: bool | str = False

    def reuse_variables(self) -> None:
        """Take variables that exist from now on."""
        self.reuse = True


class _Scopes(threading.local):
    def __init__(self) -> None:
        self.stack = [VariableScope()]


_scopes = _Scopes()


def get_variable_scope() -> VariableScope:
    """Return the scope that `get_variable` uses."""
    return _scopes.stack[-1]


@contextmanager
def variable_scope(
    name_or_scope: str | VariableScope, reuse: bool | str | None = None
) -> Iterator[VariableScope]:
    """Put a name in front of those of `get_variable` and of nodes; scopes nest.

    Args:
        name_or_scope: A name, which is added to that of the scope around, or a scope to enter again.
        reuse: See `VariableScope`; None leaves it as around.

    Yields:
        The scope.

    Raises:
        GraphError: The name is empty or has characters that names may not have.
    """
    around = get_variable_scope()
    if isinstance(name_or_scope, VariableScope):
        name = full = name_or_scope.name
        inherited = name_or_scope.reuse or around.reuse
    else:
        name = name_or_scope
        full = f"{around.name}/{name}" if around.name else name
        inherited = around.reuse
    scope = VariableScope(full, inherited if reuse is None else reuse)
    with penstock.name_scope(name):
        _scopes.stack.append(scope)
        try:
            yield scope
        finally:
            _scopes.stack.pop()


def get_variable(
    name: str,
    shape: Sequence[int] | None = None,
    dtype: Any = None,
    initializer: Any = None,
    trainable: bool = True,
) -> Variable:
    """Make a variable of this name, or take the one that there is, as the scope says.

    Args:
        name: Its name within the scope.
        shape: Its sizes; not needed where `initializer` is a value.
        dtype: By default float32, or that of the value.
        initializer: A value, or a function of shape and dtype that makes one. By default
            `glorot_uniform_initializer()`.
        trainable: Whether optimisers change it.

    Returns:
        The variable.

    Raises:
        GraphError: It exists and the scope makes new ones, or the reverse.
        InvalidValueError: Nothing says which shape it has.
        ShapeError: It exists with another shape.
    """
    scope = get_variable_scope()
    full = f"{scope.name}/{name}" if scope.name else name
    known = shared_variables().get(full)
    if known is None and scope.reuse is True:
        raise GraphError(
            f"[get_variable] there is no variable {full!r} to use again; make it first, or write reuse=tf.AUTO_REUSE"
        )
    if known is not None:
        if not scope.reuse:
            raise GraphError(
                f"[get_variable] variable {full!r} exists; to use it again write "
                f"tf.variable_scope({scope.name!r}, reuse=True), or choose another name"
            )
        if shape is not None and tuple(shape) != known.shape:
            raise ShapeError(
                f"[get_variable] variable {full!r} has shape {known.shape}, not {tuple(shape)}; ask for that shape"
            )
        return known
    made = Variable(_first_value(full, shape, dtype, initializer), full, trainable)
    shared_variables()[full] = made
    return made


def _first_value(name: str, shape: Sequence[int] | None, dtype: Any, initializer: Any) -> Any:
    if initializer is not None and not callable(initializer):
        return constant(initializer, dtype, shape, f"{name}/initial_value")
    if shape is None:
        raise InvalidValueError(
            f"[get_variable] variable {name!r} has no shape; give shape=(...), or a value as initializer"
        )
    make = glorot_uniform_initializer() if initializer is None else initializer
    with get_default_graph().as_default():
        return penstock.asarray(make(tuple(shape), dtype or "float32"))


# ---- first values


def zeros_initializer() -> Initializer:
    """Begin with zeros."""
    return penstock.zeros


def ones_initializer() -> Initializer:
    """Begin with ones."""
    return penstock.ones


def constant_initializer(value: Any = 0.0) -> Initializer:
    """Begin with a number, or with an array of the variable's shape."""
    return lambda shape, dtype: penstock.broadcast_to(penstock.asarray(value, dtype), shape)


def random_normal_initializer(
    mean: float = 0.0, stddev: float = 1.0, seed: int | None = None
) -> Initializer:
    """Begin with normally distributed numbers."""
    return lambda shape, dtype: penstock.random.normal(shape, mean, stddev, dtype=dtype, seed=seed)


def truncated_normal_initializer(
    mean: float = 0.0, stddev: float = 1.0, seed: int | None = None
) -> Initializer:
    """Begin with normally distributed numbers within two deviations."""
    return lambda shape, dtype: penstock.random.truncated_normal(
        shape, mean, stddev, dtype=dtype, seed=seed
    )


def random_uniform_initializer(
    minval: float = 0.0, maxval: float = 1.0, seed: int | None = None
) -> Initializer:
    """Begin with numbers that are spread evenly."""
    return lambda shape, dtype: penstock.random.uniform(
        shape, minval, maxval, dtype=dtype, seed=seed
    )


def glorot_uniform_initializer(seed: int | None = None) -> Initializer:
    """Begin with numbers spread evenly over ±√(6 / (inputs + outputs)), so that layers keep the variance.

    Source:
        Glorot and Bengio, 2010, "Understanding the difficulty of training deep feedforward neural networks".
    """

    def make(shape: Sequence[int], dtype: Any) -> Tensor:
        window = math.prod(shape[:-2])
        fans = window * (shape[-2] + shape[-1]) if len(shape) > 1 else 2 * math.prod(shape)
        limit = math.sqrt(6 / max(fans, 1))
        return penstock.random.uniform(shape, -limit, limit, dtype=dtype, seed=seed)

    return make
