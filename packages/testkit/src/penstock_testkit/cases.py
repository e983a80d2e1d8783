"""A sample of an op, taken apart so that other values can take its arrays' places, and what it should give."""

from __future__ import annotations

import contextlib
import inspect
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

import penstock as ps
from penstock import Graph, Node, Tensor
from penstock.registry import OpBlock, Sample, op_function
from penstock_testkit.compare import Array, to_array

HOST = "cpu"
SEED = 7  # of the stream of random ops, begun anew before every call


def rng_of(name: str) -> np.random.Generator:
    """Make the generator that an op's samples are drawn from: the same on every machine."""
    return np.random.default_rng(zlib.crc32(name.encode()))


class Case:
    """One sample of an op on a device.

    Args:
        block: The op's block.
        sample: Its arguments.
        device: Where it runs.
        narrow: Give float32 arrays as bfloat16, which NumPy and so samples have not got.
    """

    def __init__(
        self, block: OpBlock[..., Any], sample: Sample, device: str, narrow: bool = False
    ) -> None:
        self.block = block
        self.sample = sample
        self.device = device
        self.narrow = narrow
        self.name = block.schema.name
        self.op = op_function(self.name)
        self.arrays: list[Array] = []
        _map_arrays((sample.args, dict(sample.kwargs)), self.arrays.append)
        if narrow:
            self.arrays = [_rounded(a) if a.dtype == np.float32 else a for a in self.arrays]

    def __repr__(self) -> str:
        given = ", ".join(f"{self.dtype_of(a)}{a.shape}" for a in self.arrays)
        rest = "".join(f", {k}={v!r}" for k, v in self.sample.kwargs.items() if _is_short(v))
        return f"[{self.name}] sample {self.sample.label!r} ({given}{rest}) on {self.device}"

    # ---- running it

    def __call__(self, *values: Any) -> tuple[Any, ...]:
        """Run the op with these values in place of the sample's arrays."""
        waiting = iter(values)
        args, kwargs = _map_arrays(
            (self.sample.args, dict(self.sample.kwargs)), lambda _: next(waiting)
        )
        with self.placed():
            result = self.op(*args, **kwargs)
        return tuple(result) if isinstance(result, (tuple, list)) else (result,)

    def placed(self) -> contextlib.AbstractContextManager[Any]:
        """Place ops on the case's device; on the host there is nothing to say."""
        return contextlib.nullcontext() if self.device == HOST else ps.device(self.device)

    def tensors(self, arrays: Sequence[Array] | None = None) -> list[Tensor]:
        """Put arrays, by default the sample's, on the device."""
        return [self.tensor(a) for a in (self.arrays if arrays is None else arrays)]

    def tensor(self, array: Array) -> Tensor:
        """Put an array on the device; strings stay on the host, where alone they can be."""
        t = ps.asarray(array, dtype=self.dtype_of(array))
        return t if self.device == HOST or t.dtype == "string" else ps.to_device(t, self.device)

    def dtype_of(self, array: Array) -> str:
        """Name the dtype that an array of the sample has as a tensor."""
        if self.narrow and array.dtype == np.float32:
            return "bfloat16"
        return ps.as_dtype(array.dtype).name

    def eager(self, arrays: Sequence[Array] | None = None) -> tuple[Any, ...]:
        """Run the op at once."""
        values = self.tensors(arrays)
        self.reseed()
        return self(*values)

    def reseed(self) -> None:
        """Begin the stream of random numbers anew, where the op draws from it."""
        if self.block.schema.effects == "random":
            ps.random.set_seed(SEED)

    # ---- what it should give

    def graph(self, device: str = HOST) -> tuple[Graph, Node, tuple[Any, ...]]:
        """Build a graph of this one call, with known sizes.

        Returns:
            The graph, the op's node, and the call's results.
        """
        graph = Graph()
        outer, self.device = self.device, device
        try:
            with graph.as_default():
                inputs = [ps.placeholder(self.dtype_of(a), a.shape) for a in self.arrays]
                results = self(*inputs)
        finally:
            self.device = outer
        graph.inputs, graph.outputs = inputs, list(results)
        node = next(n for n in reversed(graph.nodes) if n.op == self.name)
        return graph, node, results

    def expected(self, arrays: Sequence[Array] | None = None, wide: bool = False) -> list[Array]:
        """Compute the op with its block's reference, on what a kernel would get.

        Args:
            arrays: By default the sample's.
            wide: Give the reference float64 in place of narrower floats.

        Returns:
            An array for each public result, of the result's dtype (float32 for bfloat16).
        """
        reference = self.block.reference_fn
        if reference is None:
            return self._composed(arrays)
        _, node, results = self._replaced(arrays).graph()
        inputs = self._kernel_inputs(node, self.arrays if arrays is None else arrays, wide)
        attrs = {k: _numpy_dtype(v) for k, v in dict(node.attrs).items()}
        stream: tuple[int, ...] = ()
        if self.block.schema.effects == "random":
            stream = (SEED if attrs.get("seed") is None else attrs["seed"], 0)
        with np.errstate(all="ignore"):
            made = reference(*stream, *inputs, **attrs)
            values = list(made) if isinstance(made, tuple) else [made]
            return [
                np.asarray(value).astype(ps.dtypes.to_numpy(t.dtype))
                for value, t in zip(values, results, strict=False)
            ]

    def _replaced(self, arrays: Sequence[Array] | None) -> Case:
        if arrays is None:
            return self
        copy = Case(self.block, self.sample, self.device, self.narrow)
        copy.arrays = list(arrays)
        return copy

    def _composed(self, arrays: Sequence[Array] | None) -> list[Array]:
        """Run a composition on the host with float64 in place of narrower floats."""
        compose = self.block.compose_fn
        assert compose is not None, f"[{self.name}] has neither a reference nor a composition"
        host = Case(self.block, self.sample, HOST)
        given = self.arrays if arrays is None else arrays
        wide = [a.astype("float64") if a.dtype.kind == "f" else a for a in given]
        _, _, results = self._replaced(arrays).graph()
        values = [to_array(t) for t in host(*map(ps.asarray, wide))]
        with np.errstate(all="ignore"):
            return [
                np.asarray(v).astype(ps.dtypes.to_numpy(t.dtype))
                for v, t in zip(values, results, strict=True)
            ]

    def _kernel_inputs(self, node: Node, arrays: Sequence[Array], wide: bool) -> list[Array]:
        waiting = iter(arrays)
        args, kwargs = _map_arrays(
            (self.sample.args, dict(self.sample.kwargs)), lambda _: next(waiting)
        )
        bound = inspect.signature(self.block.function).bind(*args, **kwargs)
        given: list[Any] = []
        for spec in self.block.schema.inputs:
            value = bound.arguments[spec.name]
            given += value if spec.variadic else [value]
        inputs = []
        for value, t in zip(given, node.inputs, strict=True):
            dtype = ps.dtypes.to_numpy(t.dtype)
            if t.dtype == "string":
                inputs.append(to_array(ps.asarray(value)))
                continue
            array = np.asarray(value).astype(dtype)
            inputs.append(array.astype("float64") if wide and dtype.kind == "f" else array)
        return inputs


def _map_arrays(tree: Any, fn: Callable[[Array], Any]) -> Any:
    """Rebuild nested arguments with `fn` applied to every array, in order."""
    if isinstance(tree, np.ndarray):
        return fn(tree)
    if isinstance(tree, dict):
        return {key: _map_arrays(value, fn) for key, value in tree.items()}
    if type(tree) in (list, tuple):
        return type(tree)(_map_arrays(value, fn) for value in tree)
    return tree


def _rounded(array: Array) -> Array:
    return ps.cast(ps.cast(ps.asarray(array), "bfloat16"), "float32").numpy().reshape(array.shape)


def _numpy_dtype(value: Any) -> Any:
    return ps.dtypes.to_numpy(value) if isinstance(value, type(ps.float32)) else value


def _is_short(value: Any) -> bool:
    return not isinstance(value, np.ndarray) and len(repr(value)) < 40


def samples_of(block: OpBlock[..., Any]) -> Iterator[Sample]:
    """Draw a block's samples; none when it has not got any."""
    if block.samples_fn is not None:
        yield from block.samples_fn(rng_of(block.schema.name))
