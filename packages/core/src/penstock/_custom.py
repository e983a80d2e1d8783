"""What a call of a function with a gradient of its own carries: its rules, in one object of the graph's node."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from penstock import _native, ops
from penstock._dataclass import dataclass, field
from penstock._native import Tensor
from penstock.errors import GraphError


@dataclass(frozen=True)
class Rules:
    """The rules of one call; calling it is calling the gradient function."""

    gradient: Callable[..., Any]
    jvp: Callable[..., Any] | None = None
    batch: Callable[..., Any] | None = None
    keywords: dict[str, Any] = field(default_factory=dict)  # of the call

    def __call__(self, *dys: Tensor) -> Any:
        return self.gradient(*dys)

    def pushed(self, node: Any, tangents: Sequence[Tensor | None]) -> list[Tensor]:
        """Return how the outputs of a call move, by the function's own rule."""
        primals = node.inputs[: node.attrs["num_inputs"]]
        pairs = zip(primals, tangents, strict=False)
        moved = [ops.zeros_like(x) if t is None else t for x, t in pairs]
        return self.pushed_at(node, [*primals, *moved])

    def pushed_at(self, node: Any, given: Sequence[Tensor]) -> list[Tensor]:
        """Return how the outputs move: `given` are the inputs, then how those move."""
        assert self.jvp is not None
        count = node.attrs["num_inputs"]
        made = self.jvp(tuple(given[:count]), tuple(given[count:]), **self.keywords)
        return _tensors("jvp", made, node)

    def batched(
        self, node: Any, size: Any, which: Sequence[bool], given: Sequence[Tensor]
    ) -> list[Tensor]:
        """Return the outputs for all rows, by the function's own rule."""
        assert self.batch is not None
        return _tensors("batch", self.batch(size, tuple(which), *given, **self.keywords), node)


def _tensors(what: str, made: Any, node: Any) -> list[Tensor]:
    tensors = [ops.asarray(t) for t in _native.tree_flatten(made)[0]]
    if len(tensors) != len(node.outputs):
        raise GraphError(
            f"[custom_gradient] the rule .{what} returned {len(tensors)} tensors for {len(node.outputs)} outputs; "
            "return what the function does, for each output one"
        )
    return tensors
