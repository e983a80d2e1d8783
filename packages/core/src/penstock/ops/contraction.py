"""einsum: products of tensors, summed, with a letter for each axis."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

import functools
import string
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import _native, ops
from penstock.errors import InvalidValueError
from penstock.ops import _contract
from penstock.ops._declare import Gradients, Node, Reject, Sample, op
from penstock.ops._gradients import sum_to
from penstock.ops._samples import NUMERIC, array
from penstock.ops.conversion import asarray
from penstock.ops.reduce import wider

if TYPE_CHECKING:
    from penstock._native import DType, Tensor
    from penstock.annotations import TensorLike

# An op, the numbers of the values that it takes, and its attributes.
_Step = tuple[Callable[..., Any], list[int], dict[str, Any]]


@op(infer="einsum")
def einsum_(operands: Sequence[TensorLike], equation: str) -> Tensor:
    """Multiply tensors and sum over the axes that the result has not got.

    Args:
        operands: [...] each, any numeric dtypes that promote.
        equation: A letter for each axis of each operand, and behind "->" for each axis of the result. Nothing is
            left out here; `einsum` fills in what is.

    Returns:
        A size for each letter of the result, of the promoted dtype.

    Raises:
        ValueError: The equation is no equation, or does not fit the operands.
        TypeError: The dtypes do not promote, or are boolean.

    Example:
        >>> penstock.ops.einsum_([[[1.0, 2.0]], [[3.0], [4.0]]], "ab,bc->ac")
        Tensor([[11.]], shape=(1, 1), dtype=float32)
    """


@einsum_.reference
def _(*operands: Any, equation: str) -> Any:
    return np.einsum(equation, *map(wider, operands))


@einsum_.compose
def _(*operands: Any, equation: str) -> Any:
    return _contract.contract(equation, operands)


@einsum_.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    terms, result = _contract.parse(node.attrs["equation"])
    return tuple(_gradient(i, terms, result, node.inputs, dy) for i in range(len(node.inputs)))


def _gradient(
    i: int, terms: Sequence[str], result: str, operands: Sequence[Tensor], dy: Tensor
) -> Tensor:
    """Contract the gradient with the other operands; the letters of operand i are what is left."""
    others = [(term, x) for j, (term, x) in enumerate(zip(terms, operands, strict=True)) if j != i]
    letters = "".join(dict.fromkeys(terms[i]))
    reached = "".join(c for c in letters if c in result or any(c in term for term, _ in others))
    sources = ",".join([result, *(term for term, _ in others)])
    grad = einsum(f"{sources}->{reached}", dy, *(x for _, x in others))
    grad = _stretched(grad, reached, letters, terms[i], operands[i])
    return sum_to(_contract.onto_diagonals(grad, letters, terms[i]), operands[i])


def _stretched(grad: Tensor, reached: str, letters: str, term: str, x: Tensor) -> Tensor:
    """Repeat along the axes that were summed away before anything else, or that only x has in full."""
    sizes = [grad.shape[reached.index(c)] if c in reached else 1 for c in letters]
    full = [
        x.shape[term.index(c)] if isinstance(n, int) and n == 1 else n
        for c, n in zip(letters, sizes, strict=True)
    ]
    grad = ops.reshape(grad, sizes) if reached != letters else grad
    return grad if full == sizes else ops.broadcast_to(grad, full)


_SIZES = dict(zip("abcdef", (2, 3, 4, 1, 5, 2), strict=True))
_EQUATIONS = (
    *("ab,bc->ac", "ab,cb->ac", "ba,bc->ca", "cab,cbe->cae", "ab,ab->ab", "ab,ab->", "a,b->ab"),
    *("ab->ba", "abc->b", "ab->", "aab->ab", "abab->ba", "aaa->a", "ab,b,bc->ac", "ab,bc,ce->ae"),
    *("abc,acb->a", "ab,c->b", ",ab->ba", "adc,bdc->ab", "aab,b->a"),
)


def _whole(rng: np.random.Generator, shape: tuple[int, ...], dtype: str = "float64") -> Any:
    # Whole numbers add up to the same in any order.
    return np.round(array(rng, shape, dtype))


@einsum_.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for equation in _EQUATIONS:
        terms, _ = _contract.parse(equation)
        shapes = [tuple(_SIZES[c] for c in term) for term in terms]
        yield Sample(([_whole(rng, s) for s in shapes], equation), label=equation)
    for dtype in NUMERIC:
        pair = [_whole(rng, (2, 3), dtype), _whole(rng, (3, 4), dtype)]
        yield Sample((pair, "ab,bc->ac"), label=dtype)
    yield Sample(([_whole(rng, (2, 1)), _whole(rng, (3, 4))], "ab,bc->ac"), label="broadcast")
    yield Sample(([_whole(rng, (2, 0)), _whole(rng, (0, 4))], "ab,bc->ac"), label="sum of nothing")
    yield Sample(([_whole(rng, (0, 2)), _whole(rng, (2, 4))], "ab,bc->ac"), label="empty")
    yield Sample(([_whole(rng, ())], "->"), label="0-d")
    yield Sample(([_whole(rng, (4, 2)).T, _whole(rng, (3, 4)).T], "ab,bc->ac"), label="strided")
    large = [_whole(rng, (67, 129), "float32"), _whole(rng, (71, 129), "float32")]
    yield Sample((large, "ab,cb->ca"), label="large")


@einsum_.rejects
def _() -> Iterator[Reject]:
    x = np.ones((2, 3))
    yield Reject(([x], "ab"), match="a letter for each axis, such as")
    yield Reject(([x], "abc->a"), match="3 letters for operands.*write one for each axis")
    yield Reject(([x], "ab,b->a"), match="for 2 operands; got 1")
    yield Reject(([x, x], "ab,bc->ac"), match='"b" has size 3.* and 2 .*give it one size')
    yield Reject(([x], "ab->c"), match='"c" that no operand has; leave it out')
    yield Reject(([x], "ab->aa"), match='"a" twice; name it once')
    yield Reject(([x > 0], "ab->a"), error=TypeError, match="got bool.*astype")


def einsum(equation: str, /, *operands: TensorLike) -> Tensor:
    """Multiply tensors and sum, as an equation says: "ij,jk->ik" is the product of matrices.

    A letter stands for an axis. Axes with the same letter run together; those that the result has not got are summed
    over. The same letter twice in one operand takes its diagonal. "..." stands for the axes that are not named, which
    broadcast. Without "->" the result has, in alphabetical order, the letters that occur once. With three operands or
    more, pairs whose result is small are multiplied first.

    Args:
        equation: The letters of each operand, commas between them, then "->" and the letters of the result.
        operands: [...] each, any numeric dtypes that promote.

    Returns:
        A size for each letter of the result, of the promoted dtype.

    Raises:
        ValueError: The equation is no equation, or does not fit the operands.
        TypeError: The dtypes do not promote, or are boolean.

    Example:
        >>> penstock.einsum("ij,jk->ik", [[1.0, 2.0]], [[3.0], [4.0]])
        Tensor([[11.]], shape=(1, 1), dtype=float32)
        >>> penstock.einsum("ii", [[1, 2], [3, 4]])
        Tensor(5, shape=(), dtype=int64)
    """
    tensors = [asarray(x) for x in operands]
    written = _written_out(equation, tuple(x.ndim for x in tensors))
    if any(x.is_symbolic for x in tensors):
        return einsum_(tensors, written)
    # Outside graphs nothing takes the op apart, so that is done here.
    steps, result = _steps(written, tuple((x.dtype, x.shape) for x in tensors))
    for call, inputs, attrs in steps:
        tensors.append(call(*[tensors[i] for i in inputs], **attrs))
    return tensors[result]


@functools.lru_cache(maxsize=256)
def _steps(
    written: str, operands: tuple[tuple[DType, tuple[int, ...]], ...]
) -> tuple[list[_Step], int]:
    """Plan an equation for operands of given sizes, by writing it down as a graph.

    The op's own rule says whether it fits, and the dtype of the result. Values are numbered: operands first, then what
    each step makes.
    """
    with _native.Graph().as_default() as graph:
        inputs = [ops.placeholder_(dtype, shape, "x") for dtype, shape in operands]
        dtype = einsum_(inputs, written).dtype
        made = _contract.contract(written, [ops.astype(x, dtype) for x in inputs])
    number = {x.value_index: i for i, x in enumerate(inputs)}
    steps: list[_Step] = []
    for node in graph.nodes:
        if node.op not in ("placeholder", "einsum"):
            number[node.outputs[0].value_index] = len(inputs) + len(steps)
            given = [number[t.value_index] for t in node.inputs]
            steps.append((node.op_function, given, node.attrs))
    return steps, number[made.value_index]


@functools.lru_cache(maxsize=256)
def _written_out(equation: str, ranks: tuple[int, ...]) -> str:
    """Give every axis a letter: those of "...", and those of a result that is only implied."""
    text = equation.replace(" ", "")
    left, arrow, result = text.partition("->")
    terms = left.split(",")
    if len(terms) != len(ranks):
        raise InvalidValueError(
            f'[einsum] the equation "{equation}" is for {len(terms)} operands; got {len(ranks)}'
        )
    free = [c for c in string.ascii_letters if c not in text]
    hidden = [
        rank - len(term.replace("...", "")) if "..." in term else 0
        for term, rank in zip(terms, ranks, strict=True)
    ]
    if min(hidden) < 0 or max(hidden) > len(free):
        raise InvalidValueError(
            f'[einsum] the equation "{equation}" names more axes than an operand has; leave letters out'
        )
    dots = "".join(free[: max(hidden)])
    terms = [
        term.replace("...", dots[len(dots) - n :], 1) for term, n in zip(terms, hidden, strict=True)
    ]
    if not arrow:
        letters = sorted(c for c in set(left) if c.isalpha() and left.count(c) == 1)
        result = dots + "".join(letters)
    return ",".join(terms) + "->" + result.replace("...", dots, 1)
