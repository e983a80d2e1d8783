"""Functions of users: called with tensors, compiled if they can be traced, for many elements at once if that is the same."""

from __future__ import annotations

import functools
import random as python_random
import types
from collections.abc import Callable
from typing import Any

import numpy as np

import penstock as ps
from penstock import _native
from penstock.errors import InvalidTypeError, InvalidValueError
from penstock_keras_api import tree
from penstock_keras_api.data import elements
from penstock_keras_api.random.seed import make_default_seed


def called(fn: Callable[..., Any], element: Any) -> Any:
    """Call a function with an element: a tuple's parts are its arguments."""
    given = elements.as_tensors(element)
    return fn(*given) if isinstance(given, tuple) else fn(given)


class UserFunction:
    """A function of a user.

    It is traced, and runs compiled, unless it asks for the values of tensors, calls libraries with them, or draws
    from Python's or NumPy's random numbers: such a function is called as it is.

    Args:
        fn: Gets an element; the parts of a tuple are its arguments.
        where: What to call it in errors.
        compiled: True, False, or None to find out.

    Raises:
        InvalidTypeError: `fn` cannot be called.
    """

    def __init__(
        self, fn: Callable[..., Any], where: str = "map", compiled: bool | None = None
    ) -> None:
        if not callable(fn):
            raise InvalidTypeError(
                f"[{where}] got {type(fn).__name__}; expected a function of an element"
            )
        self.fn, self.where = fn, where
        self.seed = make_default_seed()
        self.random = True  # as far as is known
        self.ordered = False
        self._compiled = compiled
        self._run: Callable[..., Any] | None = None
        if compiled is False or (compiled is None and draws_elsewhere(fn)):
            self._run = fn
        self._many: Callable[..., Any] | None = None
        self.takes_many: bool | None = None

    @property
    def traced(self) -> bool:
        """Whether the function runs compiled; known after the first call."""
        return self._run is not None and self._run is not self.fn

    def prepare(self, element: Any) -> None:
        """Find out, with an example, how the function is to run."""
        if self._run is not None:
            return
        given = elements.as_tensors(element)
        arguments = given if isinstance(given, tuple) else (given,)
        if any(elements.is_opaque(leaf) for leaf in elements.leaves(given)):
            self._run = self.fn
            return
        traced = ps.function(functools.wraps(self.fn)(lambda *args: _without_sizes(self.fn(*args))))
        try:
            trace = traced.trace(*arguments)
        except Exception as error:
            # Not an error yet: what the function does wrong, it does wrong without a trace too, and says so better.
            if self._compiled:
                raise InvalidValueError(
                    f"[{self.where}] the function cannot be traced: {error}; leave compiled=True out"
                ) from error
            self._run = self.fn
            return
        effects = {str(node.effects) for node in _nodes(trace.graph)}
        self.random = any("random" in effect for effect in effects)
        self.ordered = bool(effects - {"none", "", "pure", "random", "None"})
        self._run = traced

    def __call__(self, element: Any, number: int, epoch: int = 0) -> Any:
        """Call the function with an element.

        Args:
            element: The element.
            number: Which one it is; random numbers depend on it, not on threads.
            epoch: Which pass it is.

        Raises:
            Exception: What the function raised, with a note which element it was.
        """
        if self._run is None:
            self.prepare(element)
        assert self._run is not None
        if self.random:
            _native.set_thread_random(stream_key(self.seed, epoch, number))
        try:
            return elements.from_user(self._called(element))
        except StopIteration as stop:
            raise InvalidValueError(f"[{self.where}] the function raised StopIteration") from stop
        except Exception as error:
            note(error, self.where, number)
            raise
        finally:
            if self.random:
                _native.set_thread_random(None)

    def _called(self, element: Any) -> Any:
        run = self._run
        assert run is not None
        try:
            return called(run, element)
        except Exception:
            if run is self.fn or self._compiled:
                raise
        # Elements of other sizes are traced anew, which may fail: then the function is called as it is.
        made = called(self.fn, element)
        self._run, self.takes_many = self.fn, False
        return made

    def many(self, rows: Any, count: int) -> Any:
        """Call the function for several elements at once; None if that is not the same as one by one.

        Args:
            rows: An element with a row for each.
            count: How many there are.
        """
        if self.takes_many is None:
            self._many = self._try_many(rows, count)
            self.takes_many = self._many is not None
        if not self.takes_many or self._many is None:
            return None
        try:
            return elements.from_user(called(self._many, rows))
        except Exception:
            return None  # one by one says which element it is

    def _try_many(self, rows: Any, count: int) -> Callable[..., Any] | None:
        """Make the function of many elements, if it gives the same bits for these."""
        try:
            self.prepare(elements.row_of(rows, 0))
            if not self.traced or self.random or self.ordered:
                return None
            many = ps.function(ps.vmap(self.fn))
            found = elements.from_user(called(many, rows))
            single = [self(elements.row_of(rows, i), i) for i in range(count)]
            return many if _same(found, elements.stack(single)) else None
        except Exception:
            return None


def _without_sizes(made: Any) -> Any:
    """Refuse sizes among results: a trace has names for them, not numbers."""
    if any(isinstance(leaf, _native.Dim) for leaf in tree.flatten(made)):
        raise InvalidValueError("a size is no tensor while a function is traced")
    return made


def _nodes(graph: Any) -> list[Any]:
    """List the nodes of a graph and of the bodies of its control flow."""
    found = []
    for node in graph.nodes:
        found.append(node)
        for value in node.attrs.values() if hasattr(node.attrs, "values") else ():
            if isinstance(value, ps.Graph):
                found += _nodes(value)
    return found


def _same(a: Any, b: Any) -> bool:
    def same(pair: list[Any]) -> bool:
        x, y = (elements.as_array(leaf) for leaf in pair)
        return (
            isinstance(x, np.ndarray)
            and isinstance(y, np.ndarray)
            and x.dtype == y.dtype
            and x.shape == y.shape
            and (x.tobytes() == y.tobytes() if x.dtype.kind != "O" else bool(np.all(x == y)))
        )

    return all(elements.leaves(elements.zipped(same, [a, b])))


def stream_key(seed: int, epoch: int, number: int) -> int:
    """Make the key of an element's random numbers."""
    mixed = (seed * 0x9E3779B97F4A7C15 + epoch * 0xBF58476D1CE4E5B9 + number + 1) % 2**64
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    return (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB % 2**64


def note(error: Exception, where: str, number: int) -> None:
    """Say with an error which element it came of."""
    text = f"[{where}] in element {number} of the dataset; ignore_errors() goes on without such elements"
    if text not in getattr(error, "__notes__", ()):
        error.add_note(text)


def draws_elsewhere(fn: Any) -> bool:
    """Whether a function's code names Python's or NumPy's random numbers: a trace would draw only once."""
    code = getattr(fn, "__code__", None)
    if code is None:
        return False
    known = dict(getattr(fn, "__globals__", {}))
    known.update(zip(code.co_freevars, (_content(c) for c in fn.__closure__ or ()), strict=False))
    for name in (*code.co_names, *code.co_freevars):
        value = known.get(name)
        if value is python_random or value is np.random or isinstance(value, np.random.Generator):
            return True
        if value is np and "random" in code.co_names:
            return True
        if isinstance(value, np.random.RandomState | python_random.Random):
            return True
        method_of = getattr(value, "__self__", None)
        if isinstance(value, types.BuiltinMethodType | types.MethodType) and isinstance(
            method_of, np.random.RandomState | python_random.Random
        ):
            return True
    return False


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # still empty
        return None
