"""`InputSpec`: what a layer expects of its inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import penstock as ps
from penstock.errors import ShapeError
from penstock_keras_api import tree


class InputSpec:
    """Say what a layer expects of an input.

    Args:
        dtype: Its dtype.
        shape: Its sizes, None where any will do.
        ndim: Its number of axes.
        max_ndim: The most axes.
        min_ndim: The fewest axes.
        axes: Sizes of single axes: {-1: 3}.
        allow_last_axis_squeeze: Whether a last axis of size 1 may be missing, or be there besides.
        name: The key of the input, if inputs come as a dictionary.
        optional: Whether None may be given.

    >>> from penstock import keras
    >>> keras.InputSpec(ndim=4, axes={-1: 3})
    InputSpec(ndim=4, axes={-1: 3})
    """

    def __init__(
        self,
        dtype: Any = None,
        shape: Sequence[int | None] | None = None,
        ndim: int | None = None,
        max_ndim: int | None = None,
        min_ndim: int | None = None,
        axes: Mapping[int, int | None] | None = None,
        allow_last_axis_squeeze: bool = False,
        name: str | None = None,
        optional: bool = False,
    ) -> None:
        self.dtype = None if dtype is None else ps.dtypes.as_dtype(dtype).name
        self.shape = None if shape is None else tuple(shape)
        self.ndim = len(self.shape) if self.shape is not None else ndim
        self.max_ndim = max_ndim
        self.min_ndim = min_ndim
        self.axes = {int(axis): size for axis, size in (axes or {}).items()}
        self.allow_last_axis_squeeze = allow_last_axis_squeeze
        self.name = name
        self.optional = optional

    def __repr__(self) -> str:
        facts = {
            "dtype": self.dtype,
            "shape": self.shape,
            "ndim": self.ndim,
            "max_ndim": self.max_ndim,
            "min_ndim": self.min_ndim,
            "axes": self.axes or None,
        }
        return f"InputSpec({', '.join(f'{k}={v}' for k, v in facts.items() if v is not None)})"

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal specification of."""
        return {
            "dtype": self.dtype,
            "shape": self.shape,
            "ndim": self.ndim,
            "max_ndim": self.max_ndim,
            "min_ndim": self.min_ndim,
            "axes": self.axes,
            "optional": self.optional,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> InputSpec:
        """Make a specification of what `get_config` returned."""
        return cls(**config)


def check_inputs(specs: Any, inputs: Any, layer: str) -> None:
    """Check a layer's inputs against its specification.

    Raises:
        ValueError: They do not fit; the message says what the layer expects.
    """
    expected = tree.flatten(specs)
    given = (
        [inputs[s.name] for s in expected] if _is_named(expected, inputs) else tree.flatten(inputs)
    )
    if len(given) != len(expected):
        raise ShapeError(
            f"[{layer}] expects {len(expected)} input(s), and got {len(given)}; pass a list of {len(expected)}"
        )
    for number, (spec, x) in enumerate(zip(expected, given, strict=True)):
        if spec is not None and x is not None and hasattr(x, "shape"):
            what = f"[{layer}] input {number}" if number else f"[{layer}] input"
            maker = maker_of(x)
            _check(spec, tuple(x.shape), f"{what} from layer {maker!r}" if maker else what)


def maker_of(x: Any) -> str | None:
    """Return the name of the layer that made what stands for a tensor; None for tensors and for inputs."""
    history = getattr(x, "_keras_history", None)
    if history is None or not getattr(history.operation, "_inbound_nodes", None):
        return None
    name = history.operation.name
    return None if type(history.operation).__name__ == "InputLayer" else str(name)


def _is_named(specs: list[Any], inputs: Any) -> bool:
    return isinstance(inputs, Mapping) and all(spec is not None and spec.name for spec in specs)


def _check(spec: InputSpec, shape: tuple[Any, ...], what: str) -> None:
    ndim = len(shape)
    if spec.ndim is not None and ndim != spec.ndim and not _squeezes(spec, shape):
        raise ShapeError(
            f"{what} has shape {_shown(shape)}, {ndim} axes; expected {spec.ndim}: {_remedy(ndim, spec.ndim)}"
        )
    if spec.max_ndim is not None and ndim > spec.max_ndim:
        raise ShapeError(
            f"{what} has shape {_shown(shape)}; expected at most {spec.max_ndim} axes: flatten it"
        )
    if spec.min_ndim is not None and ndim < spec.min_ndim:
        raise ShapeError(
            f"{what} has shape {_shown(shape)}; expected at least {spec.min_ndim} axes: reshape it, or put a batch "
            "axis in front, x[None]"
        )
    for axis, size in spec.axes.items():
        have = shape[axis] if -ndim <= axis < ndim else None
        if isinstance(have, int) and size is not None and have != size:
            raise ShapeError(
                f"{what} has shape {_shown(shape)}; axis {axis} must have size {size}, as when the layer was built: "
                "change the layer before it, or make another layer"
            )
    if spec.shape is not None:
        for want, have in zip(spec.shape, shape, strict=False):
            if want is not None and isinstance(have, int) and want != have:
                raise ShapeError(
                    f"{what} has shape {_shown(shape)}; expected {_shown(spec.shape)}: reshape it"
                )


def _squeezes(spec: InputSpec, shape: tuple[Any, ...]) -> bool:
    return spec.allow_last_axis_squeeze and abs(len(shape) - (spec.ndim or 0)) == 1


def _remedy(have: int, want: int) -> str:
    if have == want - 1:
        return "add an axis, x[None] for a batch or x[..., None] for channels"
    return "flatten it, keras.layers.Flatten()" if have > want else "reshape it"


def _shown(shape: Sequence[Any]) -> str:
    return str(tuple(size if isinstance(size, int) else None for size in shape))


def note_makers(error: Exception, layer: str, arguments: Mapping[str, Any]) -> None:
    """Add to an error which layers the inputs come from, with their shapes."""
    leaves = [leaf for value in arguments.values() for leaf in tree.flatten(value)]
    makers = [f"{maker_of(x)!r} {_shown(x.shape)}" for x in leaves if maker_of(x)]
    if makers and not getattr(error, "__notes__", None):
        error.add_note(
            f"{layer!r} takes what the layers {', '.join(makers)} give; change one of them, or put a layer such as Dense or "
            "Reshape between"
        )
