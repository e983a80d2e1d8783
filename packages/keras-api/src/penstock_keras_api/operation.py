"""Operations: what can be called with tensors and with what stands for them, and remembers the latter calls."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Self

from penstock.errors import InvalidTypeError, InvalidValueError
from penstock_keras_api import tree
from penstock_keras_api.abstract import compute_output_spec
from penstock_keras_api.keras_tensor import History, KerasTensor
from penstock_keras_api.naming import auto_name, snake_case


class Node:
    """One call of an operation while a model is put together.

    Args:
        operation: What was called.
        args: The arguments, with `KerasTensor`s among them.
        kwargs: Those by name.
        outputs: What the call returned.

    Raises:
        TypeError: There is something else than tensors in what it returned.
    """

    def __init__(
        self, operation: Operation, args: tuple[Any, ...], kwargs: dict[str, Any], outputs: Any
    ) -> None:
        self.operation = operation
        self.args = args
        self.kwargs = kwargs
        self.outputs = outputs
        self.input_tensors: list[KerasTensor] = [
            leaf for leaf in tree.flatten((args, kwargs)) if isinstance(leaf, KerasTensor)
        ]
        made: list[Any] = tree.flatten(outputs)
        for t in made:
            if not isinstance(t, KerasTensor):
                raise InvalidTypeError(
                    f"[{operation.name}] returned {t!r}; in a model a layer's call returns tensors: is its `return` missing?"
                )
        self.output_tensors: list[KerasTensor] = made
        self.index = len(operation._inbound_nodes)
        operation._inbound_nodes.append(self)
        for number, t in enumerate(self.output_tensors):
            t._keras_history = History(operation, self.index, number)

    @property
    def is_input(self) -> bool:
        """Whether the node is where a model begins."""
        return not self.input_tensors

    def call_on(self, values: Callable[[KerasTensor], Any], **extra: Any) -> Any:
        """Call the operation again, with other values in place of the tensors."""

        def fill(leaf: Any) -> Any:
            return values(leaf) if isinstance(leaf, KerasTensor) else leaf

        args = tree.map_structure(fill, self.args)
        kwargs = tree.map_structure(fill, self.kwargs)
        return self.operation(*args, **{**kwargs, **extra})


class Operation:
    """Something that can be called with tensors, or with `KerasTensor`s, which is remembered.

    Args:
        name: A name; it is made of the class's if there is none.
    """

    _init_arguments: tuple[tuple[Any, ...], dict[str, Any]]

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:  # noqa: D102 - the class is the door
        self = super().__new__(cls)
        object.__setattr__(self, "_init_arguments", (args, kwargs))
        return self

    def __init__(self, name: str | None = None) -> None:
        if name is None:
            name = auto_name(snake_case(type(self).__name__))
        if "/" in name:
            raise InvalidValueError(
                f"[{type(self).__name__}] got the name {name!r}; a name has no '/' in it"
            )
        self.name = name
        self._inbound_nodes: list[Node] = []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the operation; on `KerasTensor`s the call becomes part of a model."""
        if any(isinstance(leaf, KerasTensor) for leaf in tree.flatten((args, kwargs))):
            return self.symbolic_call(*args, **kwargs)
        return self.call(*args, **kwargs)

    def symbolic_call(self, *args: Any, **kwargs: Any) -> Any:
        """Find out what a call would return, and remember it."""
        outputs = self.compute_output_spec(*args, **kwargs)
        Node(self, args, kwargs, outputs)
        return outputs

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Find out the shapes and dtypes that a call returns."""
        return compute_output_spec(self.call, *args, **kwargs)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Compute; subclasses say what."""
        raise NotImplementedError(f"{type(self).__name__} has no method call(...): write one")

    def quantized_call(self, *args: Any, **kwargs: Any) -> Any:
        """Compute with quantised weights; subclasses that can say how.

        Raises:
            NotImplementedError: The operation cannot.
        """
        raise NotImplementedError(
            f"{type(self).__name__} has no method quantized_call(...): write one"
        )

    def rematerialized_call(
        self, fn: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Callable[..., Any]:
        """Return a call whose inner results are computed again for the gradient, if a `RematScope` says so.

        Args:
            fn: The call.
            args: What it will be called on; its size can matter.
            kwargs: Further arguments.
        """
        from penstock_keras_api.rematerialization import wrapped

        return wrapped(self.name, fn)

    @property
    def input(self) -> Any:
        """What the operation was called with, if that was once."""
        return self._only_node("input").input_tensors[0] if self._one_input() else self._inputs()

    @property
    def output(self) -> Any:
        """What the operation returned, if it was called once."""
        return self._only_node("output").outputs

    def _one_input(self) -> bool:
        return len(self._only_node("input").input_tensors) == 1

    def _inputs(self) -> list[KerasTensor]:
        return self._only_node("input").input_tensors

    def _only_node(self, what: str) -> Node:
        if len(self._inbound_nodes) != 1:
            raise AttributeError(
                f"{self.name} was called {len(self._inbound_nodes)} times on what stands for tensors, so it has no "
                f"single {what}"
            )
        return self._inbound_nodes[0]

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal operation of.

        Raises:
            NotImplementedError: An argument of the constructor is no plain value, and no get_config was written.
        """
        made = {"name": self.name}
        args, kwargs = self._init_arguments
        names = list(inspect.signature(type(self).__init__).parameters)[1:]
        given = {**dict(zip(names, args, strict=False)), **kwargs}
        for key, value in given.items():
            if not _is_plain(value):
                raise NotImplementedError(
                    f"{type(self).__name__} was made with {key}={value!r}, which is no plain value: write get_config "
                    "and from_config"
                )
            made[key] = value
        return made

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Make an operation of what `get_config` returned.

        Raises:
            TypeError: The constructor does not take these arguments.
        """
        try:
            return cls(**config)
        except TypeError as error:
            raise InvalidTypeError(
                f"[{cls.__name__}.from_config] {error}; the config is {config}: make the constructor's arguments and "
                "get_config agree"
            ) from error

    def __repr__(self) -> str:
        return f"<Operation name={self.name}>"


def _is_plain(value: Any) -> bool:
    return all(
        leaf is None or isinstance(leaf, bool | int | float | str) for leaf in tree.flatten(value)
    )
