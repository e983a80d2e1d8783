"""Mixed precision: half the bytes where it is harmless, float32 where it is not.

Variables stay float32. `autocast` runs the products of a function, which are most of its work, in bfloat16 or float16;
everything else, sums and losses above all, stays what it is. float16 has few exponents, so gradients are taken of a
loss that `LossScaler` makes larger; bfloat16 needs none.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from penstock import _native, control, ops
from penstock._bodies import build, is_building, within
from penstock._dataclass import dataclass
from penstock._native import DType, Tensor
from penstock._replay import replay
from penstock._trace import as_input, is_traced
from penstock.autograph._convert import converted
from penstock.dtypes import as_dtype, float32
from penstock.errors import DTypeError, InvalidTypeError, InvalidValueError
from penstock.state import Variable

__all__ = ["LossScaler", "Policy", "autocast", "global_policy", "set_global_policy"]

# Ops that are most of the work, and whose sums a kernel keeps in float32.
PRODUCTS = frozenset(
    {
        *("matmul", "einsum", "attention", "attention_biased"),
        *("conv2d", "conv2d_transpose", "depthwise_conv2d"),
    }
)


@dataclass(frozen=True)
class Policy:
    """Which dtype variables have, and which one layers compute in.

    Args:
        name: "float32", "float64", "bfloat16" or "float16" for both; "mixed_bfloat16" or "mixed_float16" for float32
            variables.

    Raises:
        InvalidValueError: There is no such policy.

    Example:
        >>> policy = penstock.mixed_precision.Policy("mixed_bfloat16")
        >>> policy.compute_dtype, policy.variable_dtype
        (penstock.bfloat16, penstock.float32)
        >>> policy.cast_to_compute({"x": penstock.ones((2,)), "n": penstock.asarray(1)})["x"].dtype
        penstock.bfloat16
    """

    name: str

    def __post_init__(self) -> None:
        plain = self.name.removeprefix("mixed_")
        known = ("bfloat16", "float16")
        if plain not in (known if plain != self.name else (*known, "float32", "float64")):
            raise InvalidValueError(
                f"[Policy] got {self.name!r}; it is one of 'float32', 'float64', 'bfloat16', 'float16', "
                "'mixed_bfloat16' and 'mixed_float16'"
            )

    @property
    def compute_dtype(self) -> DType:
        """What layers compute in."""
        return as_dtype(self.name.removeprefix("mixed_"))

    @property
    def variable_dtype(self) -> DType:
        """What variables are kept in."""
        return float32 if self.name.startswith("mixed_") else self.compute_dtype

    def cast_to_compute(self, tree: Any) -> Any:
        """Convert every floating-point tensor of a structure to `compute_dtype`.

        Raises:
            InvalidTypeError: A leaf is nothing that becomes a tensor.
        """
        return _cast(tree, self.compute_dtype)

    def cast_to_variable(self, tree: Any) -> Any:
        """Convert every floating-point tensor of a structure to `variable_dtype`.

        Raises:
            InvalidTypeError: A leaf is nothing that becomes a tensor.
        """
        return _cast(tree, self.variable_dtype)


def _cast(tree: Any, dtype: DType) -> Any:
    leaves, structure = _native.tree_flatten(tree)
    tensors = [ops.asarray(leaf) for leaf in leaves]
    made = [ops.cast(t, dtype) if t.dtype.kind == "float" else t for t in tensors]
    return _native.tree_unflatten(structure, made)


_policy = Policy("float32")


def global_policy() -> Policy:
    """Return the policy that layers take when they are given none.

    Returns:
        The policy, at first "float32".

    Raises:
        Nothing.

    Example:
        >>> penstock.mixed_precision.global_policy().name
        'float32'
    """
    return _policy


def set_global_policy(policy: Policy | str) -> None:
    """Set the policy that layers take when they are given none.

    Args:
        policy: A policy, or its name.

    Returns:
        Nothing.

    Raises:
        InvalidValueError: There is no policy of that name.
        InvalidTypeError: It is neither a policy nor a name.

    Example:
        >>> penstock.mixed_precision.set_global_policy("float32")
    """
    global _policy
    if not isinstance(policy, (Policy, str)):
        raise InvalidTypeError(
            f"[set_global_policy] got {type(policy).__name__}; give a Policy or its name, such as 'mixed_bfloat16'"
        )
    _policy = Policy(policy) if isinstance(policy, str) else policy


# ---- products in half precision


def autocast(fn: Callable[..., Any], dtype: Any = "bfloat16") -> Callable[..., Any]:
    """Make a function whose matrix products, convolutions and attention compute in half precision.

    Their inputs are converted and their results converted back, so every tensor that the function sees, and every
    gradient of a variable, keeps its dtype.

    Args:
        fn: A function of tensors; `penstock.grad` of it, or it inside of another, works as ever.
        dtype: bfloat16 or float16.

    Returns:
        A function of the same arguments.

    Raises:
        InvalidValueError: The dtype is another.

    Example:
        >>> product = penstock.mixed_precision.autocast(lambda x, w: x @ w)
        >>> product(penstock.asarray([[1.001]]), penstock.asarray([[1.0]]))
        Tensor([[1.]], shape=(1, 1), dtype=float32)
    """
    narrow = as_dtype(dtype)
    if narrow not in ("bfloat16", "float16"):
        raise InvalidValueError(
            f"[autocast] got {narrow.name}; products are computed in bfloat16 or float16"
        )

    @functools.wraps(fn)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if is_building(args, kwargs):
            with within(args, kwargs):
                return _narrowed(fn, args, kwargs, narrow)
        return _narrowed(fn, args, kwargs, narrow)

    return wrapped


def _narrowed(fn: Callable[..., Any], args: Any, kwargs: Any, dtype: DType) -> Any:
    """Trace a function, and call its ops with the products narrowed."""
    leaves, structure = _native.tree_flatten((args, kwargs))
    places = [i for i, leaf in enumerate(leaves) if is_traced(leaf)]
    inputs = [as_input(leaves[i]) for i in places]
    inner = converted(fn)

    def run(symbols: list[Tensor]) -> Any:
        for i, t in zip(places, symbols, strict=True):
            leaves[i] = t
        own_args, own_kwargs = _native.tree_unflatten(structure, leaves)
        return inner(*own_args, **own_kwargs)

    body = build("autocast", [(t.dtype, t.shape) for t in inputs], run)
    made = replay(body.graph, [*inputs, *body.captured], functools.partial(_narrow, dtype=dtype))
    return _native.tree_unflatten(body.structure, made)


def _narrow(node: Any, given: list[Tensor], attrs: dict[str, Any], dtype: DType) -> list[Tensor]:
    if node.op not in PRODUCTS or any(t.dtype != "float32" for t in given):
        return _native.call_op(node.op, given, attrs)
    made = _native.call_op(node.op, [ops.cast(t, dtype) for t in given], attrs)
    return [ops.cast(t, float32) for t in made]


# ---- losses that stay within float16


class LossScaler:
    """Make a loss larger, so that its gradients do not vanish in float16, and the gradients small again.

    The factor halves when gradients have overflowed, and doubles after `growth_interval` steps in which they have not.
    It lives in variables, so a traced training step changes it.

    Args:
        initial_scale: The factor at first.
        growth_factor: What it is multiplied by after a good while, and divided by after an overflow.
        growth_interval: How many good steps that takes.
        dynamic: Whether it changes at all.

    Raises:
        InvalidValueError: The scale is not positive, the growth factor not above one, or the interval below one.

    Example:
        >>> scaler = penstock.mixed_precision.LossScaler(initial_scale=8.0)
        >>> w = penstock.Variable(3.0)
        >>> with penstock.GradientTape() as tape:
        ...     loss = scaler.scale(w * w)
        >>> grads, finite = scaler.unscale(tape.gradient(loss, [w]))
        >>> float(loss), float(grads[0]), bool(finite)
        (72.0, 6.0, True)
    """

    def __init__(
        self,
        initial_scale: float = 2.0**15,
        growth_factor: float = 2.0,
        growth_interval: int = 2000,
        dynamic: bool = True,
    ) -> None:
        if not (initial_scale > 0 and growth_factor > 1 and growth_interval >= 1):
            raise InvalidValueError(
                f"[LossScaler] got initial_scale={initial_scale}, growth_factor={growth_factor}, "
                f"growth_interval={growth_interval}; they must be positive, above 1 and at least 1"
            )
        self._growth_factor, self._growth_interval = growth_factor, growth_interval
        self._dynamic = dynamic
        self.current_scale = Variable(float(initial_scale), trainable=False, name="loss_scale")
        self.good_steps = Variable(0, trainable=False, name="good_steps")

    def scale(self, loss: Any) -> Tensor:
        """Multiply a loss by the factor.

        Raises:
            TypeError: The loss is no number.
        """
        loss = ops.asarray(loss)
        scaled: Tensor = ops.multiply(loss, ops.cast(self.current_scale.value, loss.dtype))
        return scaled

    def unscale(self, grads: Any) -> tuple[Any, Tensor]:
        """Divide gradients by the factor, in float32.

        Args:
            grads: A structure of gradients; None among them stays None.

        Returns:
            The structure, and one bool: whether all are finite.

        Raises:
            TypeError: A gradient is no number.
        """
        leaves, structure = _native.tree_flatten(grads)
        inverse = ops.divide(1.0, self.current_scale.value)
        # The rows of a table have the numbers of the rows among their parts: those stay.
        floats = [g is not None and ops.asarray(g).dtype.kind == "float" for g in leaves]
        made = [_wide(g) * inverse if b else g for g, b in zip(leaves, floats, strict=True)]
        finite = [ops.all(ops.isfinite(g)) for g, b in zip(made, floats, strict=True) if b]
        all_finite = ops.all(ops.stack(finite)) if finite else ops.asarray(True)
        return _native.tree_unflatten(structure, made), all_finite

    def update(self, finite: Any) -> Tensor:
        """Adapt the factor after a step.

        Args:
            finite: What `unscale` returned.

        Returns:
            `finite`, for deciding whether to take the step.

        Raises:
            TypeError: It is not one bool.
        """
        held = self._one_bool(finite)
        if not self._dynamic:
            return held
        scale, steps = self.current_scale.value, self.good_steps.value + 1
        grows = ops.logical_and(held, steps >= self._growth_interval)
        larger = ops.where(grows, scale * self._growth_factor, scale)
        larger = ops.where(ops.isfinite(larger), larger, scale)
        smaller = ops.maximum(scale / self._growth_factor, 1.0)
        self.current_scale.assign(ops.where(held, larger, smaller))
        self.good_steps.assign(ops.where(ops.logical_or(grows, ops.logical_not(held)), 0, steps))
        return held

    def _one_bool(self, finite: Any) -> Tensor:
        t: Tensor = ops.asarray(finite)
        if t.dtype != "bool" or t.ndim != 0:
            raise DTypeError(
                f"[LossScaler] finite is {t.dtype.name} of shape {t.shape}; give the one bool that unscale returned"
            )
        return t

    def apply(self, finite: Any, step: Callable[[], Any]) -> None:
        """Run an update of variables if the gradients were finite, and adapt the factor.

        Args:
            finite: What `unscale` returned.
            step: Assigns the variables.

        Raises:
            Exception: What `step` raises.
        """

        def taken() -> Tensor:
            step()
            return ops.asarray(True)

        control.cond(self._one_bool(finite), taken, lambda: ops.asarray(False))
        self.update(finite)


def _wide(gradient: Any) -> Tensor:
    t = ops.asarray(gradient)
    return ops.cast(t, float32) if t.dtype in ("float16", "bfloat16") else t
