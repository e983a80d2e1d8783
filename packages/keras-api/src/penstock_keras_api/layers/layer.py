"""`Layer`: weights, and a function that uses them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import penstock as ps
from penstock.errors import (
    GraphError,
    InvalidTypeError,
    InvalidValueError,
    PenstockError,
    ShapeError,
)
from penstock_keras_api import abstract, context, dtype_policies, tree
from penstock_keras_api.keras_tensor import KerasTensor
from penstock_keras_api.layers.building import under_own_name
from penstock_keras_api.layers.input_spec import InputSpec, check_inputs
from penstock_keras_api.layers.masks import mask_of, note_masks
from penstock_keras_api.layers.owner import Owner
from penstock_keras_api.operation import Node
from penstock_keras_api.variable import Variable


class Layer(Owner):
    """Keep weights, and compute with them.

    Subclasses make weights in `build(input_shape)` with `add_weight`, and compute in `call(inputs)`.

    Args:
        activity_regularizer: A function of the output, whose value is added to the loss.
        trainable: Whether training changes the weights.
        dtype: A dtype or a policy: of weights and of computing.
        autocast: Whether float inputs are cast to the compute dtype.
        name: A name; it is made of the class's if there is none.

    Raises:
        TypeError: There is another argument.

    >>> from penstock import keras
    >>> class Scale(keras.Layer):
    ...     def build(self, input_shape):
    ...         self.scale = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="scale")
    ...     def call(self, x):
    ...         return x * self.scale
    >>> layer = Scale()
    >>> layer([[1.0, 2.0]]), [w.path for w in layer.weights]
    (Tensor([[1., 2.]], shape=(1, 2), dtype=float32), ['scale/scale'])
    """

    def __init__(
        self,
        *,
        activity_regularizer: Any = None,
        trainable: bool = True,
        dtype: Any = None,
        autocast: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        from penstock_keras_api import regularizers

        self._variables: list[Any] = []
        self._layers: list[Layer] = []
        self._metrics: list[Any] = []
        self._losses: list[Any] = []
        self._trainable = bool(trainable)
        self.built = False
        super().__init__(name)
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.dtype_policy = dtype_policies.get(dtype)
        self.autocast = autocast
        self.supports_masking = False
        self.input_spec: InputSpec | Sequence[InputSpec] | None = None
        self._build_shapes: Any = None
        if "input_shape" in kwargs:
            kwargs["batch_input_shape"] = (None, *kwargs.pop("input_shape"))
        if "input_dim" in kwargs:
            kwargs["batch_input_shape"] = (None, kwargs.pop("input_dim"))
        self._batch_input_shape = kwargs.pop("batch_input_shape", kwargs.pop("batch_shape", None))
        if kwargs:
            raise InvalidTypeError(
                f"[{type(self).__name__}] got the arguments {', '.join(kwargs)}, which it does not know; see "
                f"help(keras.layers.{type(self).__name__})"
            )

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "build" in cls.__dict__:
            cls.build = under_own_name(cls.__dict__["build"])  # type: ignore[method-assign]

    # ---- dtypes

    @property
    def dtype(self) -> str:
        """The dtype of the weights."""
        return self.variable_dtype

    @property
    def variable_dtype(self) -> str:
        """The dtype of the weights."""
        return self.dtype_policy.variable_dtype

    @property
    def compute_dtype(self) -> str:
        """The dtype in which the layer computes."""
        return self.dtype_policy.compute_dtype

    @property
    def input_dtype(self) -> str:
        """The dtype to which inputs are cast."""
        return self.compute_dtype

    @property
    def quantization_mode(self) -> str | None:
        """How the layer is quantised, if it is."""
        return None

    @property
    def path(self) -> str:
        """The names of the layers around, and its own."""
        outer = self.__dict__.get("_path", "")
        return outer or self.name

    # ---- building

    def build(self, *args: Any, **kwargs: Any) -> None:
        """Make the weights, given the shape of the inputs; subclasses say which."""
        self.built = True

    def _build_for(self, arguments: Mapping[str, Any]) -> None:
        """Build the layer for the first call's arguments."""
        shapes = {
            name: tree.map_structure(_shape_to_build_for, value)
            for name, value in arguments.items()
            if any(_is_tensor(leaf) for leaf in tree.flatten(value))
        }
        outer = context.current_path()
        object.__setattr__(self, "_path", f"{outer}/{self.name}" if outer else self.name)
        self._call_build(shapes)
        object.__setattr__(self, "built", True)

    def _call_build(self, shapes: dict[str, Any]) -> None:
        names = [p for p in inspect.signature(self.build).parameters if p not in ("args", "kwargs")]
        self._build_shapes = next(iter(shapes.values()), None)
        if not shapes or not names:
            if type(self).build is not Layer.build:
                self.build(*[None for _ in names])
            return
        if type(self).build is Layer.build:
            return
        if len(names) == 1:
            self.build(next(iter(shapes.values())))
            return
        given = {
            name if name.endswith("_shape") else f"{name}_shape": v for name, v in shapes.items()
        }
        self._build_shapes = {name: given[name] for name in names if name in given}
        self.build(**self._build_shapes)

    def build_from_config(self, config: dict[str, Any] | None) -> None:
        """Build the layer as `get_build_config` says."""
        if config and not self.built:
            shape = config.get("input_shape", config.get("shapes_dict"))
            self._build_shapes = shape if isinstance(shape, dict) else tree.lists_to_tuples(shape)
            if isinstance(shape, dict):
                self.build(**shape)
            else:
                self.build(tree.lists_to_tuples(shape))
            object.__setattr__(self, "built", True)

    def get_build_config(self) -> dict[str, Any] | None:
        """Return the shape for which the layer was built."""
        if self._build_shapes is None:
            return None
        is_several = (
            isinstance(self._build_shapes, dict) and "input_shape" not in self._build_shapes
        )
        return {"shapes_dict" if is_several else "input_shape": self._build_shapes}

    # ---- calling

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the layer on tensors, or on what stands for them."""
        bound = self._bind(args, kwargs)
        first = next(iter(bound.arguments.values()), None)
        symbolic = any(isinstance(leaf, KerasTensor) for leaf in tree.flatten((args, kwargs)))
        if self.input_spec is not None:
            check_inputs(self.input_spec, first, self.name)
        training = self._resolve_training(bound)
        with context.calling(training):
            if not self.built:
                self._build_for(bound.arguments)
            self._fill_masks(bound)
            if symbolic:
                return self._call_symbolically(args, kwargs, bound)
            outputs = self._call_now(bound)
            self._set_masks(first, outputs, symbolic=False)
            return outputs

    def _bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> inspect.BoundArguments:
        signature = _call_signature(type(self))
        kwargs = dict(kwargs)
        if "training" not in signature.parameters and not _takes_any(signature):
            kwargs.pop("training", None)
        if "mask" in kwargs and "mask" not in signature.parameters and not _takes_any(signature):
            kwargs.pop("mask")
        kwargs = {
            k: v
            for k, v in kwargs.items()
            if not (k.endswith("_mask") and v is None and k not in signature.parameters)
        }
        try:
            bound = signature.bind(self, *args, **kwargs)
        except TypeError as error:
            raise InvalidTypeError(f"[{self.name}] {error}; its call takes {signature}") from error
        del bound.arguments[next(iter(bound.arguments))]  # self
        bound.arguments = {
            name: self._converted(value) if name not in ("training", "mask") else value
            for name, value in bound.arguments.items()
        }
        return bound

    def _converted(self, value: Any) -> Any:
        """Make tensors of arrays and lists of numbers, in the compute dtype."""

        def convert(leaf: Any) -> Any:
            if isinstance(leaf, KerasTensor):
                return leaf
            if isinstance(leaf, Variable | ps.Variable):
                leaf = leaf.value
            if isinstance(leaf, np.ndarray | np.generic):
                leaf = _as_tensor(leaf)
            if not isinstance(leaf, ps.Tensor):
                return leaf
            if self.autocast and leaf.dtype.kind == "float" and leaf.dtype != self.input_dtype:
                return ps.cast(leaf, self.input_dtype)
            return leaf

        if _is_numbers(value):
            value = np.asarray(value)
        return tree.map_structure(convert, value)

    def _resolve_training(self, bound: inspect.BoundArguments) -> bool | None:
        """The argument counts first, then the call around, then the default of `call`."""
        parameters = _call_signature(type(self)).parameters
        given = bound.arguments.get("training")
        if given is None:
            given = context.current_training()
        if given is None and "training" in parameters:
            default = parameters["training"].default
            given = default if isinstance(default, bool) else None
        if "training" in parameters:
            if given is not None:
                bound.arguments["training"] = given
        elif "kwargs" in bound.arguments and isinstance(bound.arguments["kwargs"], dict):
            bound.arguments["kwargs"].pop("training", None)
        return given

    def _fill_masks(self, bound: inspect.BoundArguments) -> None:
        """Give `call` the masks of its inputs, where it takes them and none were given."""
        parameters = _call_signature(type(self)).parameters
        tensors = [
            (name, value)
            for name, value in bound.arguments.items()
            if any(_is_tensor(leaf) for leaf in tree.flatten(value))
        ]
        for number, (name, value) in enumerate(tensors):
            key = "mask" if number == 0 and len(tensors) == 1 else f"{name}_mask"
            if key not in parameters and number == 0:
                key = "mask"
            if key in parameters and bound.arguments.get(key) is None:
                masks = tree.map_structure(mask_of, value)
                if any(m is not None for m in tree.flatten(masks)):
                    bound.arguments[key] = masks

    def _call_now(self, bound: inspect.BoundArguments) -> Any:
        arguments = _ordered(bound, _call_signature(type(self)))
        with context.scope(self.name), ps.name_scope(_scope_name(self.name)):
            try:
                outputs = self.call(*arguments.args, **arguments.kwargs)
            except PenstockError as error:
                _add_note(error, self, bound)
                raise
        if self.activity_regularizer is not None:
            for t in tree.flatten(outputs):
                if isinstance(t, ps.Tensor):
                    count = ps.cast(ps.asarray(t.shape[0] if t.ndim else 1), t.dtype)
                    self.add_loss(self.activity_regularizer(t) / count)  # the mean over samples
        return outputs

    def _call_symbolically(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], bound: inspect.BoundArguments
    ) -> Any:
        arguments = _ordered(bound, _call_signature(type(self)))
        outputs = self.compute_output_spec(*arguments.args, **arguments.kwargs)
        first = next(iter(bound.arguments.values()), None)
        outputs = tree.map_structure(_fresh, outputs)
        Node(self, args, kwargs, outputs)
        self._set_masks(first, outputs, symbolic=True)
        return outputs

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Find out the shapes and dtypes that a call returns."""
        if type(self).compute_output_shape is not Layer.compute_output_shape:
            return self._spec_of_shape(*args, **kwargs)
        kept = list(self._losses)
        with context.scope(self.name):
            made = abstract.compute_output_spec(self.call, *args, **kwargs)
        self._losses[:] = kept  # of symbols
        return made

    def _spec_of_shape(self, *args: Any, **kwargs: Any) -> Any:
        """Use `compute_output_shape`, which somebody wrote."""
        shapes = [tree.map_structure(_shape_of, a) for a in args[:1]]
        try:
            shape = self.compute_output_shape(*shapes)
        except NotImplementedError:
            return abstract.compute_output_spec(self.call, *args, **kwargs)
        return tree.map_shape_structure(lambda s: KerasTensor(s, self.compute_dtype), shape)

    def compute_output_shape(self, *args: Any, **kwargs: Any) -> Any:
        """Return the shape of the output for a shape of the input."""
        specs = tree.map_shape_structure(lambda s: KerasTensor(s, self.compute_dtype), args[0])
        if not self.built:
            self._call_build({"inputs": args[0]})
            object.__setattr__(self, "built", True)
        made = abstract.compute_output_spec(self.call, specs, **kwargs)
        return tree.map_structure(lambda t: t.shape, made)

    def stateless_call(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse: variables are part of graphs here, and need no values handed in."""
        raise NotImplementedError(
            "stateless_call is for backends without variables; call the layer itself, in a penstock.function or not"
        )

    # ---- masks

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Return the mask of the output; by default the input's."""
        return previous_mask

    def _set_masks(self, inputs: Any, outputs: Any, symbolic: bool) -> None:
        if self.supports_masking:
            is_default = type(self).compute_mask is Layer.compute_mask
            note_masks(self.compute_mask, is_default, inputs, outputs, symbolic)

    # ---- losses

    def add_loss(self, loss: Any) -> None:
        """Add a term to the loss of the model that the layer is part of.

        Raises:
            ValueError: It is no single number.
        """
        for term in loss if isinstance(loss, list | tuple) else [loss]:
            t = ps.asarray(term)
            if t.ndim:
                raise ShapeError(
                    f"[{self.name}.add_loss] got a tensor of shape {t.shape}; expected a single number: take its mean"
                )
            self._losses.append(t)

    @property
    def losses(self) -> list[Any]:
        """The terms of `add_loss` since the last call, and the regularizers' of trainable weights."""
        terms = [t for layer in self._flatten_layers() for t in layer._losses]
        terms += [v.regularizer(v) for v in self.trainable_variables if v.regularizer is not None]
        return terms

    def _clear_losses(self) -> None:
        for layer in self._flatten_layers():
            layer._losses.clear()

    # ---- configuration

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of, without weights."""
        from penstock_keras_api import regularizers
        from penstock_keras_api.saving import serialization

        made: dict[str, Any] = {
            "name": self.name,
            "trainable": self._trainable,
            "dtype": serialization.serialize_dtype(self.dtype_policy),
        }
        if self.activity_regularizer is not None:
            made["activity_regularizer"] = regularizers.serialize(self.activity_regularizer)
        if type(self).get_config is Layer.get_config and type(self).__init__ is not Layer.__init__:
            made |= _plain_arguments(self)
        return made

    def save_own_variables(self, store: Any) -> None:
        """Put the layer's own variables into a store, under their numbers."""
        for number, v in enumerate(self._saved_variables()):
            store[str(number)] = v.numpy()

    def load_own_variables(self, store: Any) -> None:
        """Take the layer's own variables out of a store.

        Raises:
            ValueError: The store has another number of them.
        """
        mine = self._saved_variables()
        if len(store.keys()) != len(mine):
            raise InvalidValueError(
                f"[{self.name}] expects {len(mine)} variables, and the file has {len(store.keys())}; was the layer "
                "built, and is it the same layer?"
            )
        for number, v in enumerate(mine):
            value = np.asarray(store[str(number)])
            if tuple(value.shape) != tuple(v.shape):
                raise ShapeError(
                    f"[{self.name}] expects {v.path} of shape {v.shape}, and the file has {value.shape}"
                )
            v.assign(value)

    def _saved_variables(self) -> list[Any]:
        mine = self._own_weights()  # seeds are kept by their generators
        return [v for v in mine if v.trainable] + [v for v in mine if not v.trainable]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


# ---- small helpers


def _is_tensor(leaf: Any) -> bool:
    return isinstance(leaf, ps.Tensor | KerasTensor | np.ndarray)


def _shape_of(leaf: Any) -> Any:
    if not hasattr(leaf, "shape"):
        return None
    return tuple(size if isinstance(size, int) else None for size in leaf.shape)


def _shape_to_build_for(leaf: Any) -> Any:
    """While a step is traced, weights may depend on every size but the batch's: ask for the one at hand."""
    shape = _shape_of(leaf)
    if shape is None or isinstance(leaf, KerasTensor) or abstract.is_describing():
        return shape
    return shape[:1] + tuple(_size_at_hand(size) for size in leaf.shape[1:])


def _size_at_hand(size: Any) -> int | None:
    try:
        return int(size)
    except GraphError:  # a graph without examples: sizes come with the rows
        return None


def _as_tensor(array: Any) -> Any:
    """Make a tensor of an array; float64, which NumPy makes of everything, becomes the default float."""
    t = ps.asarray(array)
    if t.dtype == "float64":
        from penstock_keras_api import config

        return ps.cast(t, config.floatx())
    return t


def _is_numbers(value: Any) -> bool:
    if not isinstance(value, list | tuple) or not value:
        return False
    leaves = tree.flatten(value)
    return all(isinstance(leaf, int | float | str) for leaf in leaves) and not isinstance(
        value, dict
    )


def _fresh(t: Any) -> Any:
    """Give a layer's output an identity of its own: an identity layer returns what it got."""
    if isinstance(t, KerasTensor):
        return KerasTensor(t.shape, t.dtype)
    return t


_signatures: dict[type, inspect.Signature] = {}


def _call_signature(cls: type[Layer]) -> inspect.Signature:
    if cls not in _signatures:
        _signatures[cls] = inspect.signature(cls.call)
    return _signatures[cls]


def _takes_any(signature: inspect.Signature) -> bool:
    return any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values())


def _ordered(bound: inspect.BoundArguments, signature: inspect.Signature) -> inspect.BoundArguments:
    """Make the arguments ready to call a bound method with."""
    parameters = list(signature.parameters.values())[1:]
    plain = inspect.Signature(parameters)
    made = inspect.BoundArguments(plain, {})
    made.arguments = {
        p.name: bound.arguments[p.name] for p in parameters if p.name in bound.arguments
    }
    return made


def _scope_name(name: str) -> str:
    return "".join(c if c.isalnum() or c in "_-." else "_" for c in name) or "layer"


def _add_note(error: PenstockError, layer: Layer, bound: inspect.BoundArguments) -> None:
    shapes = [
        str(_shape_of(leaf))
        for value in bound.arguments.values()
        for leaf in tree.flatten(value)
        if _is_tensor(leaf)
    ]
    error.add_note(
        f"in layer {layer.name!r} ({type(layer).__name__}), called with shapes {', '.join(shapes)}"
    )


def _plain_arguments(layer: Layer) -> dict[str, Any]:
    """Return the arguments with which a layer was made, for classes that say nothing about their configuration."""
    args, kwargs = layer._init_arguments
    names = list(inspect.signature(type(layer).__init__).parameters)[1:]
    given = {**dict(zip(names, args, strict=False)), **kwargs}
    given = {k: v for k, v in given.items() if k not in ("name", "trainable", "dtype")}
    for key, value in given.items():
        leaves = tree.flatten(value)
        if not all(leaf is None or isinstance(leaf, bool | int | float | str) for leaf in leaves):
            raise NotImplementedError(
                f"{type(layer).__name__} was made with {key}={value!r}, which is no plain value: write get_config, and "
                "from_config if that is not enough"
            )
    return given
