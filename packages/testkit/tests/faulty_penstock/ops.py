"""The ops. Each is x + 1, `faulty.mirrored` is x backwards; what is wrong with them is in their names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

import penstock as ps
from penstock.registry import Reject, Sample

if TYPE_CHECKING:
    from penstock import Tensor
    from penstock.annotations import TensorLike


def _samples(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in ("float32", "float64"):
        yield Sample((rng.uniform(-2, 2, (3, 4)).astype(dtype),), label=dtype)
    yield Sample((np.float32(rng.uniform(-2, 2, ())) * np.ones((), "float32"),), label="0-d")
    yield Sample((np.zeros((0, 3), "float32"),), label="empty")
    yield Sample((rng.uniform(-2, 2, (7, 33)).astype("float32"),), label="large")


def _complete(block: Any) -> Any:
    """Attach what a right block has."""
    block.reference(lambda x: x + x.dtype.type(1))
    block.vjp(lambda node, dy: (dy,))
    block.samples(_samples)
    return block


def _named(name: str, **options: Any) -> Any:
    @ps.op(infer=options.pop("infer", "elementwise:float"), name=f"faulty.{name}", **options)
    def block(x: TensorLike, /) -> Tensor:
        """Add one."""

    return _complete(block)


right = _named("right", broadcasts=True)
PLAIN = {
    name: _named(name, broadcasts=True)
    for name in (
        *("wrong_value", "writes_nothing", "loses_nan", "ignores_strides", "fails_when_empty"),
        *("writes_to_input", "writes_behind_input", "aligns_down", "not_repeatable"),
        *("counts_threads", "shares_scratch"),
    )
}

# ---- gradients

wrong_gradient = _named("wrong_gradient")
wrong_gradient.vjp(lambda node, dy: (dy * 2,))


def _samples_of_float32(rng: np.random.Generator) -> Iterator[Sample]:
    for sample in _samples(rng):
        if sample.label != "float64":
            yield sample


nearly_right_gradient = _named("nearly_right_gradient")
nearly_right_gradient.vjp(lambda node, dy: (dy * 1.01,))
nearly_right_gradient.samples(_samples_of_float32)

gradient_of_other_dtype = _named("gradient_of_other_dtype")
gradient_of_other_dtype.vjp(lambda node, dy: (ps.cast(dy, "float16"),))


# ---- blocks


@ps.op(infer="elementwise:float", name="faulty.no_gradient")
def no_gradient(x: TensorLike, /) -> Tensor:
    """Add one."""


no_gradient.reference(lambda x: x + x.dtype.type(1))
no_gradient.samples(_samples)

accepts_rejects = _named("accepts_rejects")
accepts_rejects.rejects(lambda: iter([Reject((np.ones((2,), "float32"),), match="never raised")]))

other_message = _named("other_message")
other_message.rejects(
    lambda: iter([Reject((np.array(["a"]),), error=TypeError, match="use a telescope")])
)

other_error = _named("other_error")
other_error.rejects(lambda: iter([Reject((np.array(["a"]),), error=IndexError, match="string")]))


# ---- shape rules


def _one_more(x: Any) -> Any:
    shape, dtype = x
    return (*shape[:-1], shape[-1] + 1) if shape else shape, dtype


def _wrong_for_symbols(x: Any) -> Any:
    shape, dtype = x
    return tuple(d if isinstance(d, int) else d + 1 for d in shape), dtype


def _narrow_for_symbols(x: Any) -> Any:
    shape, dtype = x
    return shape, dtype if all(isinstance(d, int) for d in shape) else ps.float16


rule_differs = _named("rule_differs", infer=_one_more)
rule_differs_for_symbols = _named("rule_differs_for_symbols", infer=_wrong_for_symbols)
dtype_differs_for_symbols = _named("dtype_differs_for_symbols", infer=_narrow_for_symbols)

composed_of_other_dtype = _named("composed_of_other_dtype")
composed_of_other_dtype.compose(lambda x: ps.cast(x + 1, "float64"))


# ---- compositions


@ps.op(infer="elementwise:float", name="faulty.hands_out_input")
def hands_out_input(x: TensorLike, /) -> Tensor:
    """Return the very input."""


hands_out_input.reference(lambda x: x.copy())
hands_out_input.compose(lambda x: x)
hands_out_input.vjp(lambda node, dy: (dy,))
hands_out_input.samples(_samples)


# ---- a kernel that claims it may write over its input


@ps.op(infer="elementwise:float", name="faulty.mirrored")
def mirrored(x: TensorLike, /) -> Tensor:
    """Reverse all elements."""


mirrored.reference(lambda x: np.flip(x))
mirrored.vjp(lambda node, dy: (mirrored(dy),))
mirrored.samples(_samples)

ALL = [
    *(right, *PLAIN.values(), wrong_gradient, nearly_right_gradient),
    *(gradient_of_other_dtype, no_gradient),
    *(accepts_rejects, other_message, other_error, rule_differs, rule_differs_for_symbols),
    *(dtype_differs_for_symbols, composed_of_other_dtype, hands_out_input, mirrored),
]
