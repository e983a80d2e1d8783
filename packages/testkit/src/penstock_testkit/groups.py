"""Groups of cases: one op with one dtype on one device is what a check is run on, and what an exception names."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import penstock as ps
from penstock import errors
from penstock.registry import OpBlock, kernel_of, op_blocks
from penstock_testkit.cases import HOST, Case, samples_of

_PLAIN = ("float32", "float64", "bfloat16", "int64", "bool", "complex64", "string")
_NARROWED = {"float32", "int32", "int64", "bool"}


@dataclass(frozen=True)
class Level:
    """How much is run.

    Args:
        name: What `--penstock-level` is given.
        samples: At most so many of each op and dtype.
        examples: Random shapes tried for each op that broadcasts.
        elements: The largest input that central differences are taken of.
        repeats: Calls whose bits must agree.
        workers: Threads that call an op at once.
        dtypes: Only these, of ops that have any of them; empty means all.
    """

    name: str
    samples: int
    examples: int
    elements: int
    repeats: int
    workers: int
    dtypes: tuple[str, ...] = ()


LEVELS = {
    level.name: level
    for level in (
        Level("smoke", 3, examples=3, elements=16, repeats=2, workers=2, dtypes=_PLAIN),
        Level("normal", samples=16, examples=15, elements=60, repeats=3, workers=4),
        Level("full", samples=1000, examples=100, elements=300, repeats=10, workers=8),
    )
}


@dataclass(frozen=True)
class Group:
    """One op with one dtype on one device.

    Args:
        op: The op's name.
        dtype: That of the first floating point array among a sample's arguments, else of the first array, else of
            the result.
        device: Where it runs.
        level: How much is run.
    """

    op: str
    dtype: str
    device: str
    level: Level = field(default=LEVELS["normal"])

    def __str__(self) -> str:
        return f"{self.op}-{self.dtype}"

    @property
    def block(self) -> OpBlock[..., Any]:
        """The op's block."""
        return op_blocks(self.op)[self.op]

    @property
    def cases(self) -> list[Case]:
        """The samples of this dtype, at most as many as the level asks for: the first, and those most unlike it."""
        return _spread(cases_by_dtype(self.op, self.device)[self.dtype], self.level.samples)

    def placement(self) -> str:
        """Say what carries the op out: "native (provider isa)", "composed", "host", "view" or "runtime"."""
        return placement_of(self.op, self.dtype, self.device)


@functools.lru_cache(
    maxsize=4
)  # a group is checked in one go; samples of all ops at once would fill the memory
def cases_by_dtype(op: str, device: str) -> dict[str, list[Case]]:
    """Draw an op's samples and sort them by dtype; float32 ones come as bfloat16 too, where the op takes it."""
    block = op_blocks(op)[op]
    groups: dict[str, list[Case]] = {}
    for sample in samples_of(block):
        case = Case(block, sample, device)
        groups.setdefault(_leading_dtype(case), []).append(case)
    narrow = [Case(block, c.sample, device, narrow=True) for c in groups.get("float32", ())]
    narrow = [c for c in narrow if {a.dtype.name for a in c.arrays} <= _NARROWED and _is_taken(c)]
    if narrow and any(c.arrays for c in narrow):
        groups["bfloat16"] = [c for c in narrow if c.arrays]
    return groups


@functools.cache
def placement_of(op: str, dtype: str, device: str) -> str:
    """Say what carries an op out for a dtype on a device."""
    block = op_blocks(op)[op]
    _, node, _ = cases_by_dtype(op, device)[dtype][0].graph(device)
    if node.is_alias:
        return "view"
    kernel = kernel_of(node)
    if kernel is not None and not kernel.is_reference:
        return f"native ({kernel.provider} {kernel.isa})".replace(" )", ")")
    if block.compose_fn is not None:
        return "composed"
    return "host" if block.reference_fn is not None else "runtime"


def all_groups(pattern: str, device: str, level: Level) -> Iterator[Group]:
    """List the groups of all ops whose name fits, those of installed plugins too."""
    for name, block in op_blocks(pattern).items():
        if block.samples_fn is not None:
            found = list(cases_by_dtype(name, device))
            for dtype in [d for d in found if d in level.dtypes] or found:
                yield Group(name, dtype, device, level)


def _leading_dtype(case: Case) -> str:
    names = [case.dtype_of(a) for a in case.arrays]
    floats = [n for n in names if ps.as_dtype(n).kind in ("float", "complex")]
    if names:
        return (floats or names)[0]
    _, _, results = case.graph(HOST)
    return str(results[0].dtype.name)


def _is_taken(case: Case) -> bool:
    try:
        case.graph(HOST)
    except (errors.DTypeError, errors.InvalidTypeError, errors.NoKernelError):
        return False
    return True


def _spread(cases: list[Case], count: int) -> list[Case]:
    """Pick the first case, an empty one, then from the end: samples begin with the plain and end with the odd."""
    if len(cases) <= count:
        return cases
    empty = [c for c in cases[1:] if any(not a.size for a in c.arrays)][:1]
    others = [c for c in cases[1:] if c not in empty]
    return [cases[0], *empty, *others[len(others) - count + 1 + len(empty) :]]
