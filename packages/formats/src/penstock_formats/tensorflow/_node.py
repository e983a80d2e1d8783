"""A node of a file, and the forms in which its inputs come.

Numbers that are known, such as axes and shapes, stay NumPy arrays until an op needs a tensor; so shapes that are
computed in the file are computed while it is read. A size that varies is an object in such an array.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

import penstock as ps
from penstock import Tensor
from penstock_formats.tensorflow._problems import damaged, problem
from penstock_formats.tensorflow._tensors import array_of, dtype_of, shape_of

if TYPE_CHECKING:
    from penstock_formats.tensorflow._scope import Scope

Array = np.ndarray[Any, Any]

_MOST_KNOWN: Final = 1 << 12


class Node:
    """A node's name, op and attributes.

    Args:
        message: What the file has.
        scope: The function or graph that it is in.
    """

    def __init__(self, message: Any, scope: Scope) -> None:
        self.name: str = message.name
        self.op: str = message.op
        self.scope = scope
        self._attrs = message.attr

    def has(self, name: str) -> bool:
        """Whether the attribute is given."""
        return name in self._attrs

    def integer(self, name: str, default: int | None = None) -> int:
        """Read a whole number."""
        return int(self._field(name, "i", default))

    def number(self, name: str, default: float | None = None) -> float:
        """Read a number."""
        return float(self._field(name, "f", default))

    def flag(self, name: str, default: bool = False) -> bool:
        """Read yes or no."""
        return bool(self._field(name, "b", default))

    def text(self, name: str, default: str | None = None) -> str:
        """Read a word."""
        value = self._field(name, "s", None if default is None else default.encode())
        return str(value.decode("utf-8"))

    def dtype(self, name: str = "T", default: int | None = None) -> str:
        """Read a dtype."""
        return dtype_of(int(self._field(name, "type", default)))

    def integers(self, name: str, default: Sequence[int] = ()) -> list[int]:
        """Read a list of whole numbers."""
        found = self._field(name, "list", None if name not in self._attrs else 0, optional=True)
        return list(default) if found is None else [int(n) for n in found.i]

    def shape(self, name: str = "shape") -> tuple[int | None, ...] | None:
        """Read a shape."""
        found = self._field(name, "shape", None, optional=True)
        return None if found is None else shape_of(found)

    def array(self, name: str = "value") -> Array:
        """Read a tensor."""
        return array_of(self._field(name, "tensor", None))

    def function(self, name: str) -> str:
        """Read the name of a function."""
        return str(self._field(name, "func", None).name)

    def _field(self, name: str, kind: str, default: Any, *, optional: bool = False) -> Any:
        if name in self._attrs:
            if not self._attrs[name].HasField(kind):
                raise damaged(f"{self} has an attribute {name!r} of another kind")
            return getattr(self._attrs[name], kind)
        if default is None and not optional:
            raise damaged(f"{self} has no attribute {name!r}")
        return default

    def unsupported(self, what: str) -> Exception:
        """Make an error for what cannot be imported."""
        return problem(
            f"{self} has {what}, which cannot be imported", "change the model, or export it as ONNX"
        )

    def __str__(self) -> str:
        return f"the {self.op} {self.name!r}"


def tensor(x: Any) -> Tensor:
    """Make a tensor of an input."""
    if isinstance(x, Tensor):
        return x
    if isinstance(x, np.ndarray | np.generic) and x.dtype == object:
        flat = [int(n) if isinstance(n, int) else n for n in np.asarray(x).ravel()]
        if all(isinstance(n, bytes) for n in flat):
            return ps.asarray(x)
        if not all(isinstance(n, int) for n in flat):
            raise problem(
                "the model computes numbers from a size that varies", "give it fixed sizes"
            )
        return ps.asarray(np.array(flat, np.int64).reshape(x.shape))
    if not isinstance(x, np.ndarray | np.generic):
        raise damaged(f"a {type(x).__name__} stands where a tensor should be")
    return ps.asarray(x)


def known(node: Node, x: Any) -> Array:
    """Return an input whose numbers must be known while the file is read."""
    if not isinstance(x, np.ndarray | np.generic):
        raise problem(
            f"{node} takes a shape, an axis or a size that only a run can tell",
            "make it constant in the model",
        )
    return np.asarray(x)


def sizes(node: Node, x: Any) -> list[Any]:
    """Return a known input as a list of sizes, some of which may vary."""
    return [int(n) if isinstance(n, int | np.integer) else n for n in known(node, x).ravel()]


def integer(node: Node, x: Any) -> int:
    """Return a known input of one whole number."""
    return int(known(node, x).reshape(()))


def all_known(xs: Sequence[Any]) -> bool:
    """Whether all inputs are known while the file is read, and as few as axes and shapes are.

    Larger ones are left to the graph: otherwise a short file could fill the memory.
    """
    return all(isinstance(x, np.ndarray | np.generic) and x.size <= _MOST_KNOWN for x in xs)
