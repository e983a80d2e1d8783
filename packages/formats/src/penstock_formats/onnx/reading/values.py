"""What a name of the file stands for while nodes are converted: a tensor, numbers that are known, or both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import penstock as ps
from penstock import Tensor, Variable
from penstock.graph import eagerly
from penstock.ops import size_of

Array = np.ndarray[Any, Any]


class Weight:
    """A float initializer, made a variable when a node first uses it as a tensor.

    Its first user says in which order of axes the variable is kept: a convolution wants its filters as ours are, and
    would otherwise transpose them in every call.

    Args:
        name: The file's name for it.
        array: Its numbers.
        trainable: Whether gradient tapes watch it.
    """

    def __init__(self, name: str, array: Array, trainable: bool) -> None:
        self.name = name
        self.array = array
        self.trainable = trainable
        self.variable: Variable | None = None
        self.axes: tuple[int, ...] = tuple(range(array.ndim))

    def read(self, axes: tuple[int, ...] | None = None) -> Tensor:
        """Return the variable's value with its axes in an order; None for the file's."""
        wanted = axes or tuple(range(self.array.ndim))
        if self.variable is None:
            self.axes = wanted
            with eagerly():  # our transpose reads and writes whole lines, NumPy's does not
                value = tensor_of(self.array)
                if wanted != tuple(range(self.array.ndim)):
                    value = ps.transpose(value, wanted)
            self.variable = Variable(value, self.name, self.trainable)
        value = self.variable.value
        if self.axes == wanted:
            return value
        return ps.transpose(value, [self.axes.index(a) for a in wanted])

    def is_kept(self) -> bool:
        """Whether the variable is made."""
        return self.variable is not None

    def is_statistic(self) -> None:
        """Keep gradients away, if no node has used it yet."""
        if not self.is_kept():
            self.trainable = False

    def permuted(self, order: Sequence[int]) -> Weight:
        """Return this weight as a Transpose node gives it on."""
        return _PermutedWeight(self, order)


class _PermutedWeight(Weight):
    """A weight with its axes in another order; the variable is the weight's."""

    def __init__(self, whole: Weight, order: Sequence[int]) -> None:
        super().__init__(whole.name, whole.array.transpose(order), whole.trainable)
        self._whole = whole
        self._order = tuple(order)

    def read(self, axes: tuple[int, ...] | None = None) -> Tensor:
        return self._whole.read(tuple(self._order[a] for a in axes or range(self.array.ndim)))

    def is_kept(self) -> bool:
        return self._whole.is_kept()

    def is_statistic(self) -> None:
        self._whole.is_statistic()


class Value:
    """A value of the file.

    Args:
        tensor: The tensor, as the file has it.
        last: The tensor with its second axis, the channels, moved to the end, which is how our convolutions
            take it. A chain of them keeps this form; the other one is made when a node asks for it.
        host: The numbers, where they are known: an array, or one of objects that are integers and dimensions.
        dtype: The dtype of an array of objects.
        weight: An initializer.
        items: The parts of a sequence.
    """

    def __init__(
        self,
        tensor: Tensor | None = None,
        *,
        last: Tensor | None = None,
        host: Array | None = None,
        dtype: str = "",
        weight: Weight | None = None,
        items: list[Value] | None = None,
    ) -> None:
        self._tensor = tensor
        self._last = last
        self._host = host
        self._dtype = dtype
        self.weight = weight
        self.items = items

    @classmethod
    def nothing(cls) -> Value:
        """Make an optional value that is not there."""
        return cls()

    @property
    def is_nothing(self) -> bool:
        """Whether this is an optional value that is not there."""
        parts = (self._tensor, self._last, self._host, self.weight, self.items)
        return all(part is None for part in parts)

    def inside(self) -> Value:
        """Return another for use in the body of a loop or branch, where made tensors may not leave."""
        return Value(
            self._tensor,
            last=self._last,
            host=self._host,
            dtype=self._dtype,
            weight=self.weight,
            items=self.items,
        )

    @property
    def tensor(self) -> Tensor:
        """The tensor, with its axes as the file has them."""
        if self._tensor is None:
            self._tensor = self._made()
        return self._tensor

    def _made(self) -> Tensor:
        if self._last is not None:
            sizes, rank = self._last.shape, self._last.ndim
            if are_ones(sizes[1:-1]):
                return ps.reshape(self._last, (sizes[0], sizes[-1], *sizes[1:-1]))
            return ps.transpose(self._last, (0, rank - 1, *range(1, rank - 1)))
        if self.weight is not None:
            return self.weight.read()
        if self._host is None:
            raise TypeError("a sequence is given for a tensor")
        if self.has_dims:
            return _tensor_of_dims(self._host, self._dtype)
        with eagerly():
            return tensor_of(self._host)

    @property
    def last(self) -> Tensor:
        """The tensor with its second axis moved to the end."""
        if self._last is None:
            rank, sizes = self.ndim, self.shape
            axes = (0, *range(2, rank), 1)
            if are_ones(sizes[2:]):
                self._last = ps.reshape(self.tensor, (sizes[0], *sizes[2:], sizes[1]))
            elif self.weight is not None:
                self._last = (
                    self.weight.read(axes)
                    if not self.weight.is_kept()
                    else ps.transpose(self.tensor, axes)
                )
            else:
                self._last = ps.transpose(self.tensor, axes)
        return self._last

    @property
    def is_last(self) -> bool:
        """Whether only the tensor with channels at the end is there."""
        return self._last is not None and self._tensor is None

    @property
    def has_dims(self) -> bool:
        """Whether the numbers are known but for names of sizes."""
        return self._host is not None and self._host.dtype == object and self.dtype != "string"

    @property
    def is_constant(self) -> bool:
        """Whether the numbers are known now and are no weight."""
        if self.items is not None:
            return all(v.is_constant for v in self.items)
        if self._host is None:
            return self._tensor is not None and not self._tensor.is_symbolic
        return not self.has_dims

    @property
    def host(self) -> Array | None:
        """The numbers as an array (of objects if there are dimensions among them), or None."""
        if self._host is None:
            if self.weight is not None:
                return self.weight.array
            t = self._tensor if self._tensor is not None else self._last
            if t is not None and not t.is_symbolic:
                with eagerly():
                    self._host = self.tensor.numpy()
                self._dtype = t.dtype.name
        return self._host

    @property
    def dtype(self) -> str:
        """The dtype's name."""
        t = self._tensor if self._tensor is not None else self._last
        if t is not None:
            return t.dtype.name
        if self._dtype:
            return self._dtype
        array = self.weight.array if self.weight is not None else self._host
        if array is None:
            raise TypeError("a sequence is given for a tensor")
        return "string" if array.dtype == object else array.dtype.name

    @property
    def shape(self) -> tuple[Any, ...]:
        """The sizes: integers and dimensions, in the file's order of axes."""
        if self._tensor is None and self._last is not None:
            sizes = self._last.shape
            return (sizes[0], sizes[-1], *sizes[1:-1])
        if self._tensor is None and self.weight is not None:
            return tuple(self.weight.array.shape)
        if self._tensor is None and self._host is not None:
            return tuple(self._host.shape)
        return self.tensor.shape

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)


def are_ones(sizes: Sequence[Any]) -> bool:
    """Say whether sizes are known to be 1."""
    return all(isinstance(n, int) and n == 1 for n in sizes)


def tensor_of(array: Array) -> Tensor:
    """Make a tensor of an array with its own dtype, at once."""
    if array.dtype.kind in "SUT":
        array = array.astype(object)
    return ps.asarray(np.ascontiguousarray(array).reshape(array.shape))


def _tensor_of_dims(array: Array, dtype: str) -> Tensor:
    """Make a tensor, in the graph, of integers and dimensions."""
    if array.size == 0:
        return ps.zeros(array.shape, dtype)
    parts = [_number(item, dtype) for item in array.flat]
    return ps.reshape(ps.stack(parts), array.shape)


def _number(item: Any, dtype: str) -> Tensor:
    return (
        ps.asarray(int(item), dtype)
        if isinstance(item, int | np.integer)
        else ps.cast(size_of((item,)), dtype)
    )


def known(items: Any, dtype: str = "int64") -> Value:
    """Make a value of integers and dimensions that are known."""
    array = np.empty(len(items), object)
    array[:] = list(items)
    return simplified(array, dtype)


def simplified(array: Array, dtype: str) -> Value:
    """Make a value of an array of objects; without dimensions among them it becomes one of numbers."""
    if all(isinstance(item, int | np.integer) for item in array.flat):
        return Value(host=array.astype(np.dtype(dtype)))
    return Value(host=array, dtype=dtype)
