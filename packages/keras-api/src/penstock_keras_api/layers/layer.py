"""`Layer`: weights, and a function that uses them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import penstock as ps
from penstock.errors import InvalidTypeError, PenstockError, ShapeError
from penstock_keras_api import abstract, context, dtype_policies, tree
from penstock_keras_api.keras_tensor import KerasTensor
from penstock_keras_api.layers.arguments import (
    add_note,
    as_tensor,
    call_signature,
    fresh,
    is_numbers,
    is_tensor,
    ordered,
    plain_arguments,
    scope_name,
    shape_of,
    shape_to_build_for,
    takes_any,
)
from penstock_keras_api.layers.building import under_own_name
from penstock_keras_api.layers.input_spec import InputSpec, check_inputs, note_makers
from penstock_keras_api.layers.masks import mask_of, note_masks
from penstock_keras_api.layers.modes import Modes
from penstock_keras_api.operation import Node
from penstock_keras_api.rematerialization import current as current_remat
from penstock_keras_api.variable import Variable


class Layer(Modes):
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
        self._losses: list[Any] = []
        self._metrics: list[Any] = []  # from here on attributes are looked at
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
    def path(self) -> str:
        """The names of the layers around, and its own."""
        outer = self.__dict__.get("_path", "")
        return outer or self.name

    # ---- building

    def build(self, input_shape: Any) -> None:
        """Make the weights, given the shape of the inputs; subclasses say which."""
        self.built = True

    def _has_build(self) -> bool:
        """Whether a subclass says how to make weights."""
        return type(self).build is not Layer.build

    def _build_for(self, arguments: Mapping[str, Any]) -> None:
        """Build the layer for the first call's arguments."""
        shapes = {
            name: tree.map_structure(shape_to_build_for, value)
            for name, value in arguments.items()
            if any(is_tensor(leaf) for leaf in tree.flatten(value))
        }
        outer = context.current_path()
        object.__setattr__(self, "_path", f"{outer}/{self.name}" if outer else self.name)
        self._call_build(shapes)
        object.__setattr__(self, "built", True)

    def _call_build(self, shapes: dict[str, Any]) -> None:
        names = [p for p in inspect.signature(self.build).parameters if p not in ("args", "kwargs")]
        self._build_shapes = next(iter(shapes.values()), None)
        if not shapes or not names:
            if self._has_build():
                self.build(*[None for _ in names])
            return
        if not self._has_build():
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
        if not context.is_in_call():
            self._clear_losses()  # of the call before
        with context.calling(training):
            try:
                if not self.built:
                    self._build_for(bound.arguments)
                self._fill_masks(bound)
                if symbolic:
                    return self._call_symbolically(args, kwargs, bound)
            except ShapeError as error:
                note_makers(error, self.name, bound.arguments)
                raise
            outputs = self._call_now(bound)
            self._set_masks(first, outputs, symbolic=False)
            return outputs

    def _bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> inspect.BoundArguments:
        signature = call_signature(type(self))
        kwargs = dict(kwargs)
        if "training" not in signature.parameters and not takes_any(signature):
            kwargs.pop("training", None)
        if "mask" in kwargs and "mask" not in signature.parameters and not takes_any(signature):
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
                leaf = as_tensor(leaf)
            if not isinstance(leaf, ps.Tensor):
                return leaf
            if self.autocast and leaf.dtype.kind == "float" and leaf.dtype != self.input_dtype:
                made = ps.cast(leaf, self.input_dtype)
                context.set_mask(made, context.get_mask(leaf))
                return made
            return leaf

        if is_numbers(value):
            value = np.asarray(value)
        return tree.map_structure(convert, value)

    def _resolve_training(self, bound: inspect.BoundArguments) -> bool | None:
        """The argument counts first, then the call around, then the default of `call`."""
        parameters = call_signature(type(self)).parameters
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
        parameters = call_signature(type(self)).parameters
        tensors = [
            (name, value)
            for name, value in bound.arguments.items()
            if any(is_tensor(leaf) for leaf in tree.flatten(value))
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
        arguments = ordered(bound, call_signature(type(self)))
        with context.scope(self.name), ps.name_scope(scope_name(self.name)):
            try:
                outputs = self._run(*arguments.args, **arguments.kwargs)
            except PenstockError as error:
                add_note(error, self, bound)
                raise
        if self.activity_regularizer is not None:
            for t in tree.flatten(outputs):
                if isinstance(t, ps.Tensor):
                    count = ps.cast(ps.asarray(t.shape[0] if t.ndim else 1), t.dtype)
                    self.add_loss(self.activity_regularizer(t) / count)  # the mean over samples
        return outputs

    def _run(self, *args: Any, **kwargs: Any) -> Any:
        call = self.call if self.quantization_mode is None else self.quantized_call
        if current_remat() is not None:
            call = self.rematerialized_call(call, *args, **kwargs)
        return call(*args, **kwargs)

    def _call_symbolically(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], bound: inspect.BoundArguments
    ) -> Any:
        arguments = ordered(bound, call_signature(type(self)))
        outputs = self.compute_output_spec(*arguments.args, **arguments.kwargs)
        first = next(iter(bound.arguments.values()), None)
        outputs = tree.map_structure(fresh, outputs)
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
        """Use `compute_output_shape`, which somebody wrote; it gets the shapes that it names, as `build` does."""
        names = list(call_signature(type(self)).parameters)[1:]
        given = {
            f"{n}_shape": a for n, a in {**dict(zip(names, args, strict=False)), **kwargs}.items()
        }
        wanted = [n for n in inspect.signature(self.compute_output_shape).parameters if n in given]
        first = [tree.map_structure(shape_of, a) for a in args[:1]]
        try:
            if len(wanted) > 1:
                shape = self.compute_output_shape(
                    **{n: tree.map_structure(shape_of, given[n]) for n in wanted}
                )
            else:
                shape = self.compute_output_shape(*first)
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

    # ---- masks

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Return the mask of the output; by default the input's."""
        return previous_mask

    def _set_masks(self, inputs: Any, outputs: Any, symbolic: bool) -> None:
        if self.supports_masking:
            is_default = type(self).compute_mask is Layer.compute_mask
            note_masks(self.compute_mask, is_default, inputs, outputs, symbolic)

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
            made |= plain_arguments(self)
        return made

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"
