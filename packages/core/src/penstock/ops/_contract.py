"""einsum as transposes, reshapes and matrix products, one pair of operands after the other."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

from penstock import ops

if TYPE_CHECKING:
    from penstock._native import Tensor

# What a size counts that is only a symbol, when pairs are compared.
_TYPICAL = 64

Term = tuple[str, "Tensor"]


def parse(equation: str) -> tuple[list[str], str]:
    """Take "ab,bc->ac" apart: the letters of the operands and of the result."""
    left, _, result = equation.partition("->")
    return left.split(","), result


def contract(equation: str, operands: Sequence[Tensor]) -> Tensor:
    """Carry out an equation in which every axis has a letter."""
    terms, result = parse(equation)
    sizes = _sizes(terms, operands)
    work = [_prepared(term, x, sizes) for term, x in zip(terms, operands, strict=True)]
    while len(work) > 1:
        i, j = _best_pair(work, result, sizes)
        second, first = work.pop(j), work.pop(i)
        wanted = set(result).union(*(term for term, _ in work))
        work.append(_product(first, second, wanted))
    term, x = _summed(*work[0], set(result))
    return _arranged(term, x, result, sizes)


def _sizes(terms: Sequence[str], operands: Sequence[Tensor]) -> dict[str, Any]:
    """The size of every letter; what has size 1 somewhere broadcasts."""
    sizes: dict[str, Any] = {}
    for term, x in zip(terms, operands, strict=True):
        for letter, size in zip(term, x.shape, strict=True):
            if _is_one(sizes.get(letter, 1)):
                sizes[letter] = size
    return sizes


def _prepared(term: str, x: Tensor, sizes: dict[str, Any]) -> Term:
    """Take the diagonal of letters that occur twice, and drop axes that only broadcast."""
    for letter in dict.fromkeys(term):
        while term.count(letter) > 1:
            first = term.index(letter)
            second = term.index(letter, first + 1)
            x = ops.diagonal(x, 0, first, second)
            term = term[:first] + term[first + 1 : second] + term[second + 1 :] + letter
    broadcast = [_is_one(n) and not _is_one(sizes[c]) for c, n in zip(term, x.shape, strict=True)]
    if any(broadcast):
        x = ops.reshape(x, [n for n, gone in zip(x.shape, broadcast, strict=True) if not gone])
        term = "".join(c for c, gone in zip(term, broadcast, strict=True) if not gone)
    return term, x


def _is_one(size: Any) -> bool:
    return isinstance(size, int) and size == 1


def _best_pair(work: Sequence[Term], result: str, sizes: dict[str, Any]) -> tuple[int, int]:
    """The pair whose product adds least to what is stored."""

    def elements(letters: set[str]) -> int:
        number = 1
        for letter in letters:
            size = sizes[letter]
            number *= size if isinstance(size, int) else _TYPICAL
        return number

    def growth(pair: tuple[int, int]) -> int:
        first, second = (set(work[k][0]) for k in pair)
        rest = [set(term) for k, (term, _) in enumerate(work) if k not in pair]
        kept = (first | second) & set(result).union(*rest)
        return elements(kept) - elements(first) - elements(second)

    return min(combinations(range(len(work)), 2), key=growth)


def _summed(term: str, x: Tensor, wanted: set[str]) -> Term:
    """Sum over letters that nobody wants."""
    axes = [axis for axis, letter in enumerate(term) if letter not in wanted]
    if not axes:
        return term, x
    # Sums of small integers are wider.
    return "".join(c for c in term if c in wanted), ops.astype(ops.sum(x, axes), x.dtype)


def _product(first: Term, second: Term, wanted: set[str]) -> Term:
    a, x = _summed(*first, wanted | set(second[0]))
    b, y = _summed(*second, wanted | set(first[0]))
    both = [c for c in a if c in b]
    batch = "".join(c for c in both if c in wanted)
    inner = "".join(c for c in both if c not in wanted)
    rows = "".join(c for c in a if c not in b)
    columns = "".join(c for c in b if c not in a)
    kept = batch + rows + columns
    if not inner:
        return kept, ops.multiply(_spread(a, x, kept), _spread(b, y, kept))
    left, turned_left = _matrices(a, x, batch, rows, inner)
    right, turned_right = _matrices(b, y, batch, columns, inner)
    z = ops.matmul(left, right, transpose_x=turned_left, transpose_y=not turned_right)
    sizes = dict(zip(a + b, (*x.shape, *y.shape), strict=True))
    return kept, _shaped(z, [sizes[c] for c in kept])


def _matrices(term: str, x: Tensor, batch: str, outer: str, inner: str) -> tuple[Tensor, bool]:
    """Merge axes to [*batch, outer, inner], or to [*batch, inner, outer] where the axes lie so; says which."""
    turned = term == batch + inner + outer and term != batch + outer + inner
    order = batch + (inner + outer if turned else outer + inner)
    x = _permuted(term, x, order)
    at = len(batch)
    middle = at + len(inner if turned else outer)
    groups = [x.shape[at:middle], x.shape[middle:]]
    return _shaped(x, [*x.shape[:at], *map(_number, groups)]), turned


def _number(sizes: Sequence[Any]) -> Any:
    number: Any = 1
    for size in sizes:
        number = number * size
    return number


def _permuted(term: str, x: Tensor, order: str) -> Tensor:
    return x if term == order else ops.transpose(x, [term.index(c) for c in order])


def _shaped(x: Tensor, sizes: Sequence[Any]) -> Tensor:
    known = all(isinstance(n, int) for n in (*x.shape, *sizes))
    return x if known and tuple(x.shape) == tuple(sizes) else ops.reshape(x, sizes)


def _spread(term: str, x: Tensor, kept: str) -> Tensor:
    """Lay the axes out like those of `kept`, with size 1 where there is none."""
    x = _permuted(term, x, "".join(c for c in kept if c in term))
    sizes = iter(x.shape)
    return _shaped(x, [next(sizes) if c in term else 1 for c in kept])


def _arranged(term: str, x: Tensor, result: str, sizes: dict[str, Any]) -> Tensor:
    """The letters in the order of the result; one that everybody dropped comes back by repetition."""
    x = _spread(term, x, result)
    if len(term) == len(result):
        return x
    return ops.broadcast_to(x, [sizes[c] for c in result])


def onto_diagonals(x: Tensor, letters: str, term: str) -> Tensor:
    """Give letters that a term has several times their axes back, with zeros beside the diagonals."""
    have = letters
    for at, letter in enumerate(term):
        if have[at : at + 1] == letter:
            continue
        first = have.index(letter)
        size = x.shape[first]
        values = ops.moveaxis(x, first, -1)
        zeros = ops.full([*x.shape[:at], size, *x.shape[at:]], 0, x.dtype)
        x = ops.diagonal_scatter(zeros, values, 0, first, at)
        have = have[:at] + letter + have[at:]
    return x
