"""Constants, variables, and nodes that pass a value on."""

from __future__ import annotations

from typing import Any, Final

from penstock import ops
from penstock_formats.tensorflow._node import Node, tensor
from penstock_formats.tensorflow._problems import damaged, problem
from penstock_formats.tensorflow._registry import tf_op

_AVERAGES: Final = ("moving_mean", "moving_variance", "running_mean", "running_var", "population_")


class Handle:
    """A variable, before it is read."""

    def __init__(self, name: str) -> None:
        self.name = name


@tf_op("Const")
def _(node: Node) -> Any:
    array = node.array()
    if array.size > 1 and not any(array.strides):
        node.scope.file.spread(array.size)
    if array.dtype.kind == "f" and array.ndim and array.size > 1:
        # What was a variable before the model was frozen is one again.
        return _variable(node, node.name, array)
    return array


def _variable(node: Node, name: str, array: Any) -> Any:
    trainable = array.dtype.kind == "f" and not any(word in name for word in _AVERAGES)
    title = name if not node.scope.depth or name in node.scope.file.made else _place(node, name)
    return node.scope.file.make(title, array, trainable=trainable).value


def _place(node: Node, name: str) -> str:
    """Number constants of functions, whose names may occur in several."""
    taken = node.scope.file.made
    title, count = f"{name}:{node.scope.depth}", 1
    while title in taken:
        title, count = f"{name}:{node.scope.depth}_{count}", count + 1
    return title


@tf_op("Placeholder")
def _(node: Node) -> Any:
    raise problem(
        f"the outputs need the placeholder {node.name!r}, which is not among the inputs",
        f"name it: read(path, inputs=[..., {node.name!r}])",
    )


@tf_op("VarHandleOp", "VariableV2", "Variable")
def _(node: Node) -> Any:
    name = node.text("shared_name", "") or node.name
    if node.op == "VarHandleOp":
        return Handle(name)
    return _variable(node, name, node.scope.file.variable(name))


@tf_op("ReadVariableOp")
def _(node: Node, handle: Any) -> Any:
    return _read(node, handle)


@tf_op("ResourceGather")
def _(node: Node, handle: Any, indices: Any) -> Any:
    return ops.take(_read(node, handle), tensor(indices), 0)


def _read(node: Node, handle: Any) -> Any:
    if not isinstance(handle, Handle):
        raise damaged(f"{node} reads what is no variable")
    file = node.scope.file
    if handle.name in file.made:
        return file.made[handle.name].value
    array = file.variable(handle.name)
    trainable = array.dtype.kind == "f" and not any(word in handle.name for word in _AVERAGES)
    return file.make(handle.name, array, trainable=trainable).value


@tf_op(
    "CheckNumerics",
    "EnsureShape",
    "Identity",
    "PlaceholderWithDefault",
    "PreventGradient",
    "Snapshot",
    "StopGradient",
)
def _(node: Node, x: Any) -> Any:
    return x


@tf_op("IdentityN")
def _(node: Node, *xs: Any) -> list[Any]:
    return list(xs)


@tf_op("NoOp", "Assert")
def _(node: Node, *xs: Any) -> list[Any]:
    return []


@tf_op("LoopCond", "NextIteration", "Enter")
def _(node: Node, x: Any) -> Any:
    # Inside a loop; entering constants are known before it runs.
    return x


@tf_op("Merge", "Switch", "Exit")
def _(node: Node, *xs: Any) -> Any:
    raise problem(
        f"{node} is of a condition of TensorFlow 1 outside of a loop",
        "freeze the model for inference, so that conditions of training are gone",
    )
