"""`Model`: layers that are trained together."""

from __future__ import annotations

from functools import partial
from typing import Any

from penstock.errors import DTypeError, InvalidValueError
from penstock_keras_api import abstract, context, tree
from penstock_keras_api.keras_tensor import KerasTensor
from penstock_keras_api.layers.layer import Layer
from penstock_keras_api.layers.owner import unique
from penstock_keras_api.models import state_tree
from penstock_keras_api.models.files import Files
from penstock_keras_api.models.quantization import quantize_model
from penstock_keras_api.models.state_tree import set_state_tree as _set_state_tree
from penstock_keras_api.trainers.trainer import Trainer


class Model(Trainer, Files, Layer):
    """Layers that are trained together.

    `Model(inputs, outputs)` makes one of calls of layers on what stands for tensors; a subclass makes layers in its
    constructor and writes `call`.

    Args:
        inputs: What `Input` returned, in any structure.
        outputs: What layers returned, in any structure.
        name: A name.

    >>> from penstock import keras
    >>> x = keras.Input((3,))
    >>> keras.Model(x, keras.layers.Dense(2)(x)).output_shape
    (None, 2)
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:  # noqa: D102 - the class is the door
        self = Layer.__new__(_class_for(cls, args, kwargs), *args, **kwargs)
        self._init_trainer()  # before a subclass's constructor, which may forget its parent's
        return self

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        from penstock_keras_api.models import functional

        if len(args) >= 2 or "inputs" in kwargs or "outputs" in kwargs:
            # A subclass that gives inputs and outputs to its parent becomes a functional model.
            if not isinstance(self, functional.Functional):
                type(self).__bases__ = tuple(
                    functional.Functional if base is Model else base
                    for base in type(self).__bases__
                )
            functional.Functional.__init__(self, *args, **kwargs)  # type: ignore[arg-type]
            return
        Layer.__init__(self, *args, **kwargs)

    def _build_for(self, arguments: Any) -> None:
        first = next(iter(arguments.values()), None)
        specs = tree.map_structure(_spec_of, first)  # a graph of the model takes the same
        if all(isinstance(t, KerasTensor) for t in tree.flatten(specs)):
            object.__setattr__(self, "_input_specs", specs)
        super()._build_for(arguments)

    def _has_build(self) -> bool:
        return type(self).build is not Model.build

    def build(self, input_shape: Any) -> None:
        """Make the weights by a trial of `call` on what stands for tensors.

        Args:
            input_shape: The shape of the input with the batch, in the structure of the input.

        Raises:
            ValueError: `call` does not take such an input.
        """
        if self.built:
            return
        self._try_call(tree.lists_to_tuples(input_shape))
        self._build_shapes = input_shape
        object.__setattr__(self, "built", True)

    def _try_call(self, shape: Any) -> None:
        """Call on what stands for numbers; where these are refused, for whole numbers, then for text."""
        first: DTypeError | None = None
        for dtype in (self.compute_dtype, "int32", "string"):
            inputs = tree.map_shape_structure(partial(KerasTensor, dtype=dtype), shape)
            try:
                with context.scope(self.name):
                    abstract.compute_output_spec(self.call, inputs)
            except DTypeError as error:
                first = first or error
            else:
                return
        assert first is not None
        raise first

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Compute; subclasses say what."""
        raise NotImplementedError(
            f"Model {type(self).__name__} has no method call(inputs): write one"
        )

    @property
    def layers(self) -> list[Any]:
        """The layers, each once."""
        return unique(self._flatten_layers(include_self=False, recursive=False))

    @property
    def metrics(self) -> list[Any]:
        """The loss, the metrics of `compile`, and those of layers."""
        return unique([*self._training_metrics(), *Layer.metrics.fget(self)])  # type: ignore[attr-defined]

    def get_layer(self, name: str | None = None, index: int | None = None) -> Any:
        """Return a layer by name or by number.

        Raises:
            ValueError: There is none.
        """
        layers = self.layers
        if index is not None and name is None:
            if not -len(layers) <= index < len(layers):
                raise InvalidValueError(
                    f"[get_layer] got index={index}; {self.name} has {len(layers)} layers"
                )
            return layers[index]
        for layer in layers:
            if layer.name == name:
                return layer
        raise InvalidValueError(
            f"[get_layer] {self.name} has no layer {name!r}; it has {', '.join(layer.name for layer in layers)}"
        )

    # ---- looking at it

    def summary(
        self,
        line_length: int | None = None,
        positions: Any = None,
        print_fn: Any = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Any = None,
    ) -> None:
        """Print a table of the layers, with shapes and parameters.

        A frozen batch norm has one state, "N (as in inference)": its weights stay, and it uses its moving averages, in
        training too.

        Args:
            line_length: How many signs a line has; by default what the terminal has.
            positions: Where each column ends: as parts of a line, or as numbers of signs.
            print_fn: Gets the text, in place of printing it.
            expand_nested: Whether to list the layers of models inside, too.
            show_trainable: Whether to say which layers are trained.
            layer_range: The names of the first and the last layer to list.

        Raises:
            ValueError: There is no such layer, or there are too few positions.

        >>> from penstock import keras
        >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="d")], name="net")
        >>> model.summary(print_fn=lambda text: print(text.splitlines()[4]))
        │ d (Dense)    │ (None, 2)    │      10 │
        """
        from penstock_keras_api.models.summary import print_summary  # with rich, which takes time

        print_summary(
            self, line_length, positions, print_fn, expand_nested, show_trainable, layer_range
        )

    def _repr_html_(self) -> str:
        from penstock_keras_api.models.summary import html_of

        return html_of(self)

    # ---- quantisation

    def quantize(  # type: ignore[override]
        self, mode: str | None = None, config: Any = None, filters: Any = None, **kwargs: Any
    ) -> None:
        """Put small integers in the place of the weights of Dense, EinsumDense and Embedding layers.

        Args:
            mode: "int8" or "int4".
            config: How; by default, the mode's way.
            filters: Which layers: a pattern that names match, several, or a function of a layer.
            kwargs: Kept for compatibility.

        Raises:
            ValueError: There is no such mode, a layer is quantised already, or none was found.

        >>> from penstock import keras
        >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
        >>> model.quantize("int8")
        >>> model.layers[0].kernel.dtype.name
        'int8'
        """
        quantize_model(self, mode, config, filters)

    def get_quantization_layer_structure(self, mode: str | None = None) -> Any:
        """Return which layers are quantised together, for modes that need it; models of other kinds say it here."""
        return None

    # ---- values as data

    def get_state_tree(self, value_format: str = "backend_tensor") -> dict[str, Any]:
        """Return all variables as nested dictionaries: by kind, then by the parts of their paths.

        Args:
            value_format: "backend_tensor" for tensors, "numpy_array" for arrays.

        Raises:
            ValueError: There is no such format.

        >>> from penstock import keras
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, name="d")], name="net")
        >>> model.get_state_tree("numpy_array")["trainable_variables"]["net"]["d"]["bias"]
        array([0.], dtype=float32)
        """
        return state_tree.state_tree(self, value_format)

    def set_state_tree(self, state_tree: Any) -> None:
        """Set variables to what `get_state_tree` returned.

        Raises:
            ValueError: There is no such variable.
        """
        _set_state_tree(self, state_tree)

    def stateless_compute_loss(
        self,
        trainable_variables: Any,
        non_trainable_variables: Any,
        metrics_variables: Any,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Compute the loss with values in place of the variables, which stay as they are.

        Args:
            trainable_variables: A value for each of `trainable_variables`.
            non_trainable_variables: A value for each of `non_trainable_variables`.
            metrics_variables: A value for each of `metrics_variables`.
            x: The inputs.
            y: The labels.
            y_pred: The outputs.
            sample_weight: A weight for each sample.
            training: Whether this is training.

        Returns:
            The loss, and a tuple of the new values of the three kinds of variables.

        Raises:
            ValueError: There is another number of values.
        """
        values = {"trainable_variables": trainable_variables, "non_trainable_variables": non_trainable_variables,
                  "metrics_variables": metrics_variables}  # fmt: skip
        given = {
            "x": x,
            "y": y,
            "y_pred": y_pred,
            "sample_weight": sample_weight,
            "training": training,
        }
        return state_tree.stateless_loss(self, values, given)

    @property
    def output_names(self) -> list[str] | None:
        """What outputs are called: by the layers that made them."""
        outputs = getattr(self, "_ends", None)
        if outputs is None:
            return None
        struct = self._outputs_struct  # type: ignore[attr-defined]
        if isinstance(struct, dict):
            return list(struct)
        names: list[str] = []
        for t in outputs:
            name = t._keras_history.operation.name if isinstance(t, KerasTensor) else "output"
            names.append(name if name not in names else f"{name}_{len(names)}")
        return names

    def build_from_config(self, config: dict[str, Any] | None) -> None:
        """Build the model as `get_build_config` says."""
        if config and not self.built:
            super().build_from_config(config)

    def get_compile_config(self) -> dict[str, Any] | None:
        """Return how the model was compiled, as plain data; None if it was not, or that cannot be written."""
        from penstock_keras_api.saving import serialization

        if not self.compiled:
            return None
        try:
            given = {k: serialization.serialize_keras_object(v) for k, v in self._given.items()}
            return {"optimizer": serialization.serialize_keras_object(self.optimizer), **given}
        except (TypeError, NotImplementedError):
            return None

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile the model as `get_compile_config` says."""
        from penstock_keras_api.saving import serialization

        self.compile(**serialization.deserialize_keras_object(config))
        if self.built and self.optimizer is not None:
            self.optimizer.build(self.trainable_variables)

    def __reduce__(self) -> Any:
        """Say how pickles and copies keep the model."""
        from penstock_keras_api.models.pickling import taken_apart

        return taken_apart(self)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """Make a model of what `get_config` returned."""
        if cls is Model and "layers" in config:
            from penstock_keras_api.models.functional import Functional

            return Functional.from_config(config, custom_objects)
        return cls(**config)


def _spec_of(leaf: Any) -> Any:
    """Return what stands for tensors like one, with any number of samples."""
    if not hasattr(leaf, "shape") or not hasattr(leaf, "dtype"):
        return leaf
    sizes = [size if isinstance(size, int) else None for size in leaf.shape]
    return KerasTensor([None, *sizes[1:]], getattr(leaf.dtype, "name", leaf.dtype), name="inputs")


def _class_for(cls: type[Model], args: tuple[Any, ...], kwargs: dict[str, Any]) -> type[Model]:
    """`Model(inputs, outputs)` makes a functional model."""
    given = len(args) >= 2 or {"inputs", "outputs"} <= set(kwargs) or (args and "outputs" in kwargs)
    if cls is not Model or not given:
        return cls
    from penstock_keras_api.models.functional import Functional

    return Functional
