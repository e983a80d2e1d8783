"""The names that a block of rewritten code may change: read before it, set for it, read after it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from penstock import _native, ops
from penstock._dataclass import dataclass
from penstock._native import Tensor
from penstock._trace import is_traced
from penstock.errors import GraphError


class _Unset:
    """What a name is that has no value."""

    def __repr__(self) -> str:
        return "unset"


UNSET = _Unset()
_reasons = threading.local()


def value(read: Callable[[], Any]) -> Any:
    """Read a name or an attribute, which may have no value."""
    try:
        return read()
    except (NameError, AttributeError):
        return UNSET


@dataclass
class State:
    """What a statement may change: how to read it, how to set it, and where the statement is."""

    names: tuple[str, ...]
    read: Callable[[], list[Any]]
    set: Callable[[Sequence[Any]], None]
    parts: tuple[str, ...]  # of which `x[i] = v` changes a part
    grown: Callable[[], list[Any]]  # what `append` and its like are called on
    line: int
    kind: str
    raises: int = 0  # the line of a `raise` in the block

    def enter(self, values: Sequence[Any]) -> None:
        """Set the names before a block runs; what it writes into it gets for its own: tensors, lists, dictionaries."""
        self.set(
            [
                _own(v) if name in self.parts else v
                for name, v in zip(self.names, values, strict=True)
            ]
        )

    def where(self) -> str:
        """Name the statement in a message."""
        return f"the `{self.kind}` at line {self.line}, which depends on a tensor of the graph"

    def lost(self, name: str) -> None:
        """Remember why a name has no value after the statement, in case somebody reads it."""
        reasons = getattr(_reasons, "of", None)
        if reasons is not None:
            reasons[name] = self.where()

    def once(self, block: Callable[[], None]) -> None:
        """Run a block for its graph; methods may not change lists and dictionaries from outside in it."""
        before = [(v, _parts(v)) for v in self.grown() if isinstance(v, (list, dict, set))]
        block()
        if any(not _are(_parts(v), parts) for v, parts in before):
            raise GraphError(
                f"[autograph] a list, dictionary or set changes in {self.where()}: that would happen once, "
                "while the graph is built. Collect results with penstock.scan or penstock.map, or go through a Python "
                "range"
            )


def _own(v: Any) -> Any:
    if isinstance(v, Tensor):
        return ops.identity(v)
    if not isinstance(v, (list, dict)):
        return v
    leaves, structure = _native.tree_flatten(v)
    return _native.tree_unflatten(structure, [_own(leaf) for leaf in leaves])


def _parts(v: Any) -> list[Any]:
    return [part for pair in v.items() for part in pair] if isinstance(v, dict) else list(v)


def _are(these: list[Any], those: list[Any]) -> bool:
    return len(these) == len(those) and all(a is b for a, b in zip(these, those, strict=True))


def explain_unset(fn: Callable[[], Any]) -> Any:
    """Call a function; if it reads a name that a block has lost, say which."""
    outer = getattr(_reasons, "of", None)
    _reasons.of = {}
    try:
        return fn()
    except NameError as error:
        name = next((n for n in _reasons.of if f"'{n}'" in str(error)), None)
        if name is None:
            raise
        raise GraphError(
            f"[autograph] {name!r} has no value in every case after {_reasons.of[name]}; give it one before that"
        ) from error
    finally:
        _reasons.of = outer


def leaves_of(v: Any) -> list[Any]:
    """The leaves of a name's value."""
    return [] if v is UNSET else list(_native.tree_flatten(v)[0])


def can_be_tensor(leaf: Any) -> bool:
    """Whether a leaf can be handed out of a graph."""
    return isinstance(leaf, bool) or is_traced(leaf) or hasattr(leaf, "__penstock_tensor__")


def same(x: Any, y: Any) -> bool:
    """Whether two leaves are one value that is known, so that nothing has to be decided when the graph runs."""
    if x is y:
        return True
    if type(x) is not type(y) or isinstance(x, Tensor) or hasattr(x, "__array__"):
        return False
    try:
        return bool(x == y) and repr(x) == repr(y)
    except Exception:  # an object that does not compare
        return False


def shown(leaf: Any) -> str:
    """Name a leaf in a message."""
    return f"a tensor of {leaf.dtype.name}" if isinstance(leaf, Tensor) else repr(leaf)
