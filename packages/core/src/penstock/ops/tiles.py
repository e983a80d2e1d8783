"""The op that a chain of elementwise ops becomes: a tile program, which keeps what is between the ops in the cache."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.ops._declare import Reject, Sample, op
from penstock.ops._samples import array
from penstock.ops._tile_program import Instruction, TileProgram

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import DTypeLike, Ints, TensorLike


@op(infer="tile", name="core.tile", outputs=-1)
def tile_program(
    inputs: Sequence[TensorLike],
    program: Ints,
    constants: Sequence[float],
    dtype: DTypeLike,
) -> tuple[Tensor, ...]:
    """Run a tile program: several elementwise ops, and reductions over trailing axes, in one pass over memory.

    The fuse pass makes these. On the devices that come with penstock, results equal those of the single ops in every
    bit, sums included.

    Args:
        inputs: 1 to 12 tensors that broadcast, each of `dtype` or bool.
        program: The words that `kernel_abi.h` describes; `TileProgram.words()` writes them.
        constants: Numbers that the program refers to.
        dtype: float16, float32 or float64: of everything that is not a mask.

    Returns:
        The program's outputs: of the broadcast shape, or without the reduced axes.

    Raises:
        ValueError: The program is not well formed, or the shapes do not broadcast.
        TypeError: An input has another dtype.

    Example:
        >>> from penstock.ops.tiles import Instruction, TileProgram, tile_program
        >>> twice_plus_one = TileProgram(
        ...     1, (2.0, 1.0), (Instruction("MULTIPLY", (0, 1)), Instruction("ADD", (3, 2))), (4,)
        ... )
        >>> twice_plus_one.text()
        '%3 = multiply(%0, 2.0); %4 = add(%3, 1.0)'
        >>> tile_program([[1.0, 2.0]], twice_plus_one.words(), (2.0, 1.0), "float32")
        (Tensor([3., 5.], shape=(2,), dtype=float32),)
    """


tile_program.not_differentiable(
    "gradients are taken before the graph is fused; differentiate the function, not its optimised graph"
)


@tile_program.reference
def _(*inputs: Any, program: Sequence[int], constants: Sequence[float], dtype: Any) -> Any:
    return TileProgram.parse(program, constants).run(inputs, np.dtype(dtype))


# x * a + b, then tanh; both the chain and its square root's sum may be wanted.
_AFFINE = (
    Instruction("MULTIPLY", (0, 1)),
    Instruction("ADD", (3, 2)),
    Instruction("TANH", (4,)),
)
_CHOICE = (
    Instruction("LESS", (0, 1)),
    Instruction("LOGICAL_OR", (4, 2)),
    Instruction("WHERE", (5, 0, 3)),
    Instruction("NUMBER", (5,)),
)


def _loss(axes: int, keepdims: bool = False) -> TileProgram:
    """Mean, largest and least squared difference over trailing axes."""
    steps = (Instruction("SUBTRACT", (0, 1)), Instruction("SQUARE", (2,)))
    folds = tuple(Instruction(name, (3,), axes, keepdims) for name in ("SUM", "MEAN", "MAX", "MIN"))
    return TileProgram(2, (), steps + folds, (4, 5, 6, 7))


def _sample(inputs: list[Any], program: TileProgram, label: str, dtype: str = "float32") -> Sample:
    return Sample(
        (inputs, program.words(), program.constants, dtype), label=label, differentiable=False
    )


@tile_program.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    def draw(*shape: int, dtype: str = "float32") -> Any:
        return array(rng, shape, dtype)

    affine = TileProgram(3, (), _AFFINE, (5,))
    for dtype in ("float32", "float64", "float16"):
        yield _sample([draw(3, 4, dtype=dtype) for _ in range(3)], affine, dtype, dtype)
    yield _sample([draw(3, 4), draw(4), draw(3, 1)], affine, "row and column")
    yield _sample([draw(5, 2100), draw(2100), draw(5, 1)], affine, "long rows")
    yield _sample([draw(2, 1, 3), draw(5, 1), draw()], affine, "broadcast all ways")
    yield _sample([draw(), draw(), draw()], affine, "0-d")
    yield _sample([draw(0, 3), draw(3), draw()], affine, "empty")
    yield _sample([draw(40001), draw(), draw()], affine, "large")
    both = TileProgram(1, (2.0, 0.5), _AFFINE, (5, 4))
    yield _sample([draw(6, 4).T], both, "two outputs, strided")
    choice = TileProgram(3, (0.25,), _CHOICE, (6, 7, 5))
    yield _sample([draw(7, 300), draw(300), draw(7, 1, dtype="bool")], choice, "masks")
    yield _sample([draw(7), draw(7), draw(7, dtype="bool")], choice, "masks of one axis")
    yield _sample([draw(3, 5), draw(5)], _loss(1), "rows")
    yield _sample([draw(3, 5), draw(3, 1)], _loss(2, keepdims=True), "all kept")
    yield _sample([draw(2, 3, 700), draw(3, 1)], _loss(2), "two axes")
    yield _sample([draw(2, 70001), draw()], _loss(1), "long sums")
    yield _sample([draw(3, 1), draw(3, 1)], _loss(1), "axis of one")
    sums = TileProgram(1, (), (Instruction("SUM", (0,), 1),), (1,))
    yield _sample([draw(3, 0)], sums, "sum of nothing")


@tile_program.rejects
def _() -> Iterator[Reject]:
    x = np.ones((2, 3), "float32")
    good = TileProgram(1, (), (Instruction("SQUARE", (0,)),), (1,)).words()

    def wrong(match: str, words: Sequence[int], *arrays: Any, **kwargs: Any) -> Reject:
        return Reject((list(arrays) or [x], words, (), "float32"), match=match, **kwargs)

    yield wrong("no header", (1, 2))
    yield wrong("version 7; this penstock reads version 1", (7, *good[1:]))
    yield wrong("99 instructions; expected 1 to 32", (1, 1, 0, 99, 1))
    yield wrong("11 words; its header says 10", (*good, 0))
    yield wrong("takes 1 inputs and 0 constants, and got 2 and 0", good, x, x)
    yield wrong("opcode 12345.*made by the fuse pass", (1, 1, 0, 1, 1, 12345, 0, 0, 0, 1))
    yield wrong("uses value 9 before", (*good[:6], 9, *good[7:]))
    yield wrong("operand 0 of SQUARE is a mask; expected a number", good, x > 0)
    yield wrong("float64; expected float32 or bool", good, np.ones(2), error=TypeError)
    yield Reject(([x], good, (), "int32"), error=TypeError, match="expected float16, float32")
    two = [Instruction("SUM", (0,), 1), Instruction("SUM", (0,), 2)]
    yield wrong("1 and 2 trailing axes", TileProgram(1, (), tuple(two), (1, 2)).words())
    many = TileProgram(1, (), (Instruction("SUM", (0,), 3),), (1,)).words()
    yield wrong(r"reduces 3 axes of shape \(2, 3\)", many)
    of_nothing = TileProgram(1, (), (Instruction("MAX", (0,), 1),), (1,)).words()
    yield wrong("no elements to choose from", of_nothing, np.ones((2, 0), "float32"))
