"""Several functions of layers in one saved graph."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import penstock as ps
from penstock.errors import InvalidValueError


class ExportArchive:
    """Gather functions, and write them as one graph that runs without the code that made them.

    >>> import tempfile
    >>> import penstock as ps
    >>> from penstock import keras
    >>> layer = keras.layers.Dense(2)
    >>> layer.build((None, 3))
    >>> archive = keras.export.ExportArchive()
    >>> archive.track(layer)
    >>> _ = archive.add_endpoint("scores", layer.call, [keras.InputSpec(shape=(None, 3), dtype="float32")])
    >>> folder = tempfile.mkdtemp() + "/net"
    >>> archive.write_out(folder, verbose=False)
    >>> ps.load(folder).functions["scores"]([[1.0, 2.0, 3.0]]).shape
    (1, 2)
    """

    def __init__(self) -> None:
        self._functions: dict[str, tuple[Any, Any]] = {}
        self._resources: list[Any] = []
        self._collections: dict[str, list[Any]] = {}

    def track(self, resource: Any) -> None:
        """Say that a layer or model belongs to what is written; its variables are found through the functions too."""
        self._resources.append(resource)

    def add_variable_collection(self, name: str, variables: Sequence[Any]) -> None:
        """Give a list of variables a name, which is written with the graph.

        Raises:
            ValueError: There is such a name.
        """
        if name in self._collections:
            raise InvalidValueError(
                f"[ExportArchive] there is a collection {name!r}; choose another name"
            )
        self._collections[name] = list(variables)

    def add_endpoint(
        self, name: str, fn: Callable[..., Any], input_signature: Any = None, **kwargs: Any
    ) -> Callable[..., Any]:
        """Add a function.

        Args:
            name: Its name.
            fn: A function of tensors.
            input_signature: What it takes: something with a shape and a dtype for each argument.
            kwargs: Kept for compatibility.

        Returns:
            The function.

        Raises:
            ValueError: There is such a name, or no signature.
        """
        if name in self._functions:
            raise InvalidValueError(
                f"[ExportArchive] there is a function {name!r}; choose another name"
            )
        if not input_signature:
            raise InvalidValueError(
                f"[ExportArchive] it is not known what {name!r} takes; say it: "
                "input_signature=[keras.InputSpec(shape=(None, 3), dtype='float32')]"
            )
        specs = [_spec(t, f"{name}_{number}") for number, t in enumerate(input_signature)]
        self._functions[name] = (ps.function(_plain(fn), autograph=False), specs)
        return fn

    def track_and_add_endpoint(
        self, name: str, resource: Any, input_signature: Any, **kwargs: Any
    ) -> None:
        """Track a layer or model, and add its call in inference as a function.

        Raises:
            ValueError: There is such a name, or no signature.
        """
        self.track(resource)
        self.add_endpoint(
            name, lambda *given: resource(*given, training=False), input_signature, **kwargs
        )

    def write_out(
        self, filepath: str | os.PathLike[str], options: Any = None, verbose: bool = True
    ) -> None:
        """Write the functions into a folder, which `penstock.load` reads.

        Args:
            filepath: The folder.
            options: Kept for compatibility.
            verbose: Whether to say what was written.

        Raises:
            ValueError: There is no function.
            OSError: The disk does not take it; what was there before stays.
        """
        if not self._functions:
            raise InvalidValueError(
                "[ExportArchive] there is no function yet; add one with add_endpoint"
            )
        functions = {name: fn for name, (fn, _) in self._functions.items()}
        signatures = {name: specs for name, (_, specs) in self._functions.items()}
        named = {name: [v.path for v in variables] for name, variables in self._collections.items()}
        path = ps.save(
            functions, filepath, signatures, metadata={"collections": named} if named else None
        )
        if verbose:
            from rich.console import Console

            Console().print(f"Saved {', '.join(functions)} at {path}")


def _plain(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap what may be an object, or a bound method, into a function."""

    def run(*given: Any) -> Any:
        return fn(*given)

    return run


def _spec(t: Any, name: str) -> tuple[str, tuple[Any, ...]]:
    dtype = getattr(t, "dtype", None) or "float32"
    sizes = [
        size if isinstance(size, int) else "batch" if axis == 0 else f"{name}_{axis}"
        for axis, size in enumerate(t.shape)
    ]
    return getattr(dtype, "name", dtype), tuple(sizes)
