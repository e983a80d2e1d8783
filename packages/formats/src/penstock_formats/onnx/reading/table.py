"""The table of converters: for an operator and an opset, the function that calls ops for a node."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from penstock.errors import FormatError
from penstock_formats.onnx.reading.errors import DataDependentError, UnsupportedOperatorError

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto

    from penstock_formats.onnx.reading.values import Array, Value
    from penstock_formats.onnx.reading.walk import Scope, Walk

Result = Any  # a tensor, a Value, None, or a list or tuple of these


@dataclass(frozen=True)
class Converter:
    """How a kind of node becomes ops.

    Args:
        function: Gets the call and a value for each input, None for one that is left out.
        since: The first opset that it is for.
        elementwise: Any order of axes will do, so channels may stay at the end.
        tensors: It gets tensors in place of values.
    """

    function: Callable[..., Result]
    since: int
    elementwise: bool = False
    tensors: bool = False


_CONVERTERS: dict[tuple[str, str], list[Converter]] = {}


def converts(
    op: str,
    since: int = 1,
    *,
    domain: str = "",
    elementwise: bool = False,
    tensors: bool = False,
) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
    """Register a function as the converter of an operator from an opset on."""

    def register(function: Callable[..., Result]) -> Callable[..., Result]:
        rows = _CONVERTERS.setdefault((domain, op), [])
        rows.append(Converter(function, since, elementwise, tensors or elementwise))
        rows.sort(key=lambda row: -row.since)
        return function

    return register


def find(domain: str, op: str, opset: int) -> Converter | None:
    """Return the converter of an operator at an opset, or None."""
    return next((row for row in _CONVERTERS.get((domain, op), ()) if row.since <= opset), None)


def converted() -> list[tuple[str, str]]:
    """List the domains and operators that have converters."""
    return sorted(_CONVERTERS)


class Call:
    """A node that is being converted.

    Args:
        walk: Who converts it.
        scope: The values that it can see.
        node: The message.
        opset: Of its domain.
        attrs: Its attributes, and the defaults of those that it has not got.
    """

    def __init__(
        self, walk: Walk, scope: Scope, node: NodeProto, opset: int, attrs: dict[str, Any]
    ) -> None:
        self.walk = walk
        self.scope = scope
        self.node = node
        self.opset = opset
        self.attrs = attrs

    @property
    def building(self) -> bool:
        """Whether a graph is being built, so that not all numbers are known."""
        return self.walk.building

    @property
    def where(self) -> str:
        """What a message calls the node."""
        return f"node {self.node.name or ', '.join(self.node.output)!r} ({self.node.op_type}, opset {self.opset})"

    def attr(self, name: str, default: Any = None) -> Any:
        """Return an attribute, or a default if it is left out."""
        value = self.attrs.get(name)
        return default if value is None else value

    def need(self, name: str) -> Any:
        """Return an attribute that must be there."""
        value = self.attrs.get(name)
        if value is None:
            raise self.wrong(f"has no attribute {name!r}", "it needs one: export the model again")
        return value

    def graph(self, name: str) -> GraphProto:
        """Return a graph that is an attribute."""
        found: GraphProto = self.need(name)
        return found

    def count(self) -> int:
        """Return how many outputs the node has."""
        return len(self.node.output)

    def wants(self, index: int) -> bool:
        """Say whether somebody may use an output."""
        return len(self.node.output) > index and bool(self.node.output[index])

    def wrong(self, what: str, remedy: str) -> FormatError:
        """Make the error that the node is not as it should be."""
        return FormatError(f"[onnx] {self.where} {what}; {remedy}")

    def unsupported(self, what: str) -> UnsupportedOperatorError:
        """Make the error that this form of the operator has no converter."""
        return UnsupportedOperatorError(
            f"[onnx] {self.where}: {what}, which has no converter; export the model without it, or add one "
            "(docs/onnx_import.md)"
        )

    def known(self, value: Value, what: str) -> Array:
        """Return the numbers of an input that must be known while a graph is built.

        Raises:
            DataDependentError: They are computed from an input.
        """
        array = value.host
        if array is None or (not self.building and value.has_dims):
            raise DataDependentError(
                f"[onnx] {self.where} takes its {what} from what the model computes, so sizes would depend on "
                "numbers; a graph cannot have them: read the model with eager=True, to run it node by node"
            )
        return array

    def ints(self, value: Value, what: str) -> list[Any]:
        """Return integers and dimensions of an input that must be known while a graph is built."""
        array = self.known(value, what)
        if array.dtype == object:
            return list(array.reshape(-1))
        return [int(i) for i in array.reshape(-1)]

    def only_eager(self, what: str) -> None:
        """Refuse a node whose number of results only a call can tell, while a graph is built."""
        if self.building:
            raise DataDependentError(
                f"[onnx] {self.where} {what}; a graph cannot have them: read the model with eager=True, to run it "
                "node by node"
            )
