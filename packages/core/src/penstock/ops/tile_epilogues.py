"""Matrix products and convolutions that run a tile program on their result while it is still in the cache."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.ops._declare import BLOCKS, Reject, Sample, op
from penstock.ops._samples import array
from penstock.ops._tile_program import Instruction, TileProgram

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import Ints, TensorLike

_NO_GRADIENT = "gradients are taken before the graph is fused; differentiate the function, not its optimised graph"


@op(infer="matmul_tile", name="core.matmul_tile")
def matmul_tile(
    x: TensorLike,
    y: TensorLike,
    extras: Sequence[TensorLike],
    /,
    *,
    transpose_x: bool = False,
    transpose_y: bool = False,
    program: Ints,
    constants: Sequence[float],
) -> Tensor:
    """Multiply matrices and run a tile program on the product: a bias, an activation, a residual.

    Args:
        x: [..., m, k], as for matmul.
        y: [..., k, n].
        extras: What the program takes after the product, its first input; they broadcast to the product's shape.
        transpose_x: Swap the last two axes of x first.
        transpose_y: Swap the last two axes of y first.
        program: A tile program with one output, a number; see `penstock.ops.tiles`.
        constants: Numbers that the program refers to.

    Returns:
        [..., m, n].

    Raises:
        ValueError: The shapes or the program do not fit.
        TypeError: An extra has another dtype than the product.

    Example:
        >>> from penstock.ops.tile_epilogues import matmul_tile
        >>> from penstock.ops.tiles import Instruction, TileProgram
        >>> relu = TileProgram(1, (), (Instruction("RELU", (0,)),), (1,))
        >>> matmul_tile([[1.0, -1.0]], [[2.0, 3.0], [1.0, 4.0]], [], program=relu.words(), constants=())
        Tensor([[1., 0.]], shape=(1, 2), dtype=float32)
    """


matmul_tile.not_differentiable(_NO_GRADIENT)


@matmul_tile.reference
def _(
    x: Any, y: Any, *extras: Any, program: Sequence[int], constants: Sequence[float], **attrs: Any
) -> Any:
    return _then("matmul", (x, y), attrs, extras, program, constants)


@op(infer="conv2d_tile", name="core.conv2d_tile")
def conv2d_tile(
    x: TensorLike,
    filter: TensorLike,
    extras: Sequence[TensorLike],
    /,
    *,
    strides: Ints = (1, 1),
    padding: str = "valid",
    explicit_padding: Ints | None = None,
    dilations: Ints = (1, 1),
    groups: int = 1,
    program: Ints,
    constants: Sequence[float],
) -> Tensor:
    """Slide filters over images and run a tile program on the result: a bias, an activation, a residual.

    Args:
        x: [batch, height, width, channels], as for conv2d, like the next ones.
        filter: [height, width, channels / groups, filters].
        extras: What the program takes after the convolution's result, its first input; they broadcast to its shape.
        strides: Steps of the window along height and width.
        padding: "valid", "same" or "explicit".
        explicit_padding: (top, bottom, left, right) for "explicit".
        dilations: Distance between the filter's elements.
        groups: Parts into which the channels are cut.
        program: A tile program with one output, a number; see `penstock.ops.tiles`.
        constants: Numbers that the program refers to.

    Returns:
        [batch, rows, columns, filters].

    Raises:
        ValueError: The shapes or the program do not fit.
        TypeError: An extra has another dtype than the result.

    Example:
        >>> from penstock.ops.tile_epilogues import conv2d_tile
        >>> from penstock.ops.tiles import Instruction, TileProgram
        >>> plus = TileProgram(2, (), (Instruction("ADD", (0, 1)),), (2,))
        >>> x, w = [[[[1.0], [2.0]]]], [[[[3.0]]]]
        >>> conv2d_tile(x, w, [[10.0]], program=plus.words(), constants=()).shape
        (1, 1, 2, 1)
    """


conv2d_tile.not_differentiable(_NO_GRADIENT)


@conv2d_tile.reference
def _(
    x: Any,
    filter: Any,
    *extras: Any,
    program: Sequence[int],
    constants: Sequence[float],
    **attrs: Any,
) -> Any:
    return _then("conv2d", (x, filter), attrs, extras, program, constants)


@op(infer="depthwise_conv2d_tile", name="core.depthwise_conv2d_tile")
def depthwise_conv2d_tile(
    x: TensorLike,
    filter: TensorLike,
    extras: Sequence[TensorLike],
    /,
    *,
    strides: Ints = (1, 1),
    padding: str = "valid",
    explicit_padding: Ints | None = None,
    dilations: Ints = (1, 1),
    program: Ints,
    constants: Sequence[float],
) -> Tensor:
    """Slide a filter over every channel and run a tile program on the result: a bias, an activation.

    Args:
        x: [batch, height, width, channels], as for depthwise_conv2d, like the next ones.
        filter: [height, width, channels, multiplier].
        extras: What the program takes after the convolution's result, its first input; they broadcast to its shape.
        strides: Steps of the window along height and width.
        padding: "valid", "same" or "explicit".
        explicit_padding: (top, bottom, left, right) for "explicit".
        dilations: Distance between the filter's elements.
        program: A tile program with one output, a number; see `penstock.ops.tiles`.
        constants: Numbers that the program refers to.

    Returns:
        [batch, rows, columns, channels * multiplier].

    Raises:
        ValueError: The shapes or the program do not fit.
        TypeError: An extra has another dtype than the result.

    Example:
        >>> from penstock.ops.tile_epilogues import depthwise_conv2d_tile
        >>> from penstock.ops.tiles import Instruction, TileProgram
        >>> plus = TileProgram(2, (), (Instruction("ADD", (0, 1)),), (2,))
        >>> x, w = [[[[1.0, 2.0]]]], [[[[3.0], [4.0]]]]
        >>> depthwise_conv2d_tile(x, w, [[10.0, 20.0]], program=plus.words(), constants=())
        Tensor([[[[13., 28.]]]], shape=(1, 1, 1, 2), dtype=float32)
    """


depthwise_conv2d_tile.not_differentiable(_NO_GRADIENT)


@depthwise_conv2d_tile.reference
def _(
    x: Any,
    filter: Any,
    *extras: Any,
    program: Sequence[int],
    constants: Sequence[float],
    **attrs: Any,
) -> Any:
    return _then("depthwise_conv2d", (x, filter), attrs, extras, program, constants)


def _then(
    op_name: str,
    inputs: tuple[Any, Any],
    attrs: dict[str, Any],
    extras: Sequence[Any],
    program: Sequence[int],
    constants: Sequence[float],
) -> Any:
    """Run the reference of an op, then the program on its result."""
    reference = BLOCKS[op_name].reference_fn
    assert reference is not None
    result = np.asarray(reference(*inputs, **attrs)).astype(inputs[0].dtype)
    return TileProgram.parse(program, constants).run([result, *extras], result.dtype)[0]


# What networks put behind a product: relu(y + bias), and tanh(y * 0.5 + bias) + residual.
_BIAS_RELU = TileProgram(2, (), (Instruction("ADD", (0, 1)), Instruction("RELU", (2,))), (3,))
_RESIDUAL = TileProgram(
    3,
    (0.5,),
    (
        Instruction("MULTIPLY", (0, 3)),
        Instruction("ADD", (4, 1)),
        Instruction("TANH", (5,)),
        Instruction("ADD", (6, 2)),
    ),
    (7,),
)


def _sample(args: tuple[Any, ...], program: TileProgram, label: str, **attrs: Any) -> Sample:
    kwargs = attrs | {"program": program.words(), "constants": program.constants}
    return Sample(args, kwargs, differentiable=False, label=label)


@matmul_tile.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    def draw(*shape: int, dtype: str = "float32") -> Any:
        return array(rng, shape, dtype)

    for dtype in ("float32", "float64"):
        made = [draw(*s, dtype=dtype) for s in ((3, 4), (4, 5), (5,))]
        yield _sample((made[0], made[1], [made[2]]), _BIAS_RELU, dtype)
    yield _sample((draw(3, 4), draw(4, 5), [draw(3, 1)]), _BIAS_RELU, "column")
    yield _sample((draw(50, 40), draw(40, 37), [draw(37), draw(50, 37)]), _RESIDUAL, "residual")
    yield _sample((draw(2, 30, 400), draw(400, 210), [draw(210)]), _BIAS_RELU, "long")
    yield _sample((draw(2, 3, 4), draw(2, 4, 5), [draw(3, 1)]), _BIAS_RELU, "batches")
    yield _sample(
        (draw(4, 3), draw(5, 4), [draw(5)]),
        _BIAS_RELU,
        "turned",
        transpose_x=True,
        transpose_y=True,
    )
    yield _sample((draw(3, 0), draw(0, 5), [draw(5)]), _BIAS_RELU, "nothing to sum")
    yield _sample((draw(0, 4), draw(4, 5), [draw(5)]), _BIAS_RELU, "empty")


@matmul_tile.rejects
def _() -> Iterator[Reject]:
    x, y = np.ones((2, 3), "float32"), np.ones((3, 4), "float32")
    good = {"program": _BIAS_RELU.words(), "constants": ()}
    yield Reject((x, x, [y[0]]), good, match="must equal")
    yield Reject((x, y, []), good, match="takes 2 inputs and 0 constants, and got 1 and 0")
    yield Reject((x, y, [np.ones((3, 2, 4), "float32")]), good, match="more than the result")
    yield Reject((x, y, [np.ones(4)]), good, error=TypeError, match="float64; expected float32")
    total = TileProgram(2, (), (Instruction("SUM", (0,), 1),), (2,))
    yield Reject((x, y, [y[0]]), good | {"program": total.words()}, match="one output, a number")


@conv2d_tile.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    def draw(*shape: int, dtype: str = "float32") -> Any:
        return array(rng, shape, dtype)

    for dtype in ("float32", "float64"):
        made = [draw(*s, dtype=dtype) for s in ((2, 5, 6, 3), (3, 3, 3, 4), (4,))]
        yield _sample((made[0], made[1], [made[2]]), _BIAS_RELU, dtype)
    x, w = draw(2, 9, 8, 4), draw(3, 3, 4, 40)
    yield _sample((x, w, [draw(40)]), _BIAS_RELU, "same", padding="same")
    yield _sample((x, w, [draw(40), draw(2, 4, 3, 40)]), _RESIDUAL, "strides", strides=(2, 2))
    grouped = draw(3, 3, 2, 6)
    yield _sample((x, grouped, [draw(6)]), _BIAS_RELU, "groups", groups=2, padding="same")
    pointwise = (draw(2, 5, 5, 3), draw(1, 1, 3, 8), [draw(2, 1, 1, 8)])
    yield _sample(pointwise, _BIAS_RELU, "pointwise, an extra of each image")
    yield _sample((draw(0, 5, 5, 3), draw(1, 1, 3, 8), [draw(8)]), _BIAS_RELU, "empty")


@depthwise_conv2d_tile.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    def draw(*shape: int, dtype: str = "float32") -> Any:
        return array(rng, shape, dtype)

    for dtype in ("float32", "float64"):
        made = [draw(*s, dtype=dtype) for s in ((2, 5, 6, 3), (3, 3, 3, 1), (3,))]
        yield _sample((made[0], made[1], [made[2]]), _BIAS_RELU, dtype)
    x, w = draw(2, 9, 8, 40), draw(3, 3, 40, 1)
    yield _sample((x, w, [draw(40)]), _BIAS_RELU, "same", padding="same")
    yield _sample((x, w, [draw(40), draw(2, 4, 3, 40)]), _RESIDUAL, "strides", strides=(2, 2))
    wide = draw(3, 2, 40, 2)
    yield _sample((x, wide, [draw(80)]), _BIAS_RELU, "multiplier", padding="same")
    yield _sample((x, w, [draw(2, 1, 1, 40)]), _BIAS_RELU, "an extra of each image", padding="same")
    yield _sample((draw(0, 5, 5, 3), draw(1, 1, 3, 1), [draw(3)]), _BIAS_RELU, "empty")


@depthwise_conv2d_tile.rejects
def _() -> Iterator[Reject]:
    x, w = np.ones((1, 4, 4, 2), "float32"), np.ones((3, 3, 2, 1), "float32")
    good = {"program": _BIAS_RELU.words(), "constants": ()}
    yield Reject((x, w, []), good, match="takes 2 inputs and 0 constants, and got 1 and 0")
    yield Reject((x, w, [np.ones(7, "float32")]), good, match="do not broadcast")


@conv2d_tile.rejects
def _() -> Iterator[Reject]:
    x, w = np.ones((1, 4, 4, 2), "float32"), np.ones((3, 3, 2, 5), "float32")
    good = {"program": _BIAS_RELU.words(), "constants": ()}
    yield Reject((x, w, []), good, match="takes 2 inputs and 0 constants, and got 1 and 0")
    yield Reject((x, w, [np.ones(7, "float32")]), good, match="do not broadcast")
