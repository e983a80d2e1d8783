"""A product of tensors that an equation describes."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import penstock as ps
from penstock.errors import InvalidValueError, ShapeError
from penstock_keras_api import activations, constraints, initializers, regularizers
from penstock_keras_api.layers.core.adapted import Adapted
from penstock_keras_api.layers.input_spec import InputSpec


class EinsumDense(Adapted):
    """Multiply with a kernel as an equation says, add a bias, and apply an activation.

    Args:
        equation: Of input, kernel and output: "abc,cd->abd". Axes may be left out of input and output at one end:
            "...x,xy->...y" or "ab...,bc->ac...".
        output_shape: The sizes of the output without the batch; None for axes that the input gives.
        activation: A function, or its name.
        bias_axes: The axes of the output along which the bias differs: "d". None for no bias.
        kernel_initializer: What makes the kernel.
        bias_initializer: What makes the bias.
        kernel_regularizer: What the kernel adds to the loss.
        bias_regularizer: What the bias adds to the loss.
        kernel_constraint: What the kernel is made to fulfil.
        bias_constraint: What the bias is made to fulfil.
        lora_rank: The rank of an update that is trained in place of the kernel; see `enable_lora`.
        lora_alpha: The factor of the update; the rank by default.
        gptq_unpacked_column_size: Kept for compatibility.
        quantization_config: How `quantize` quantises the kernel.
        kwargs: As in `Layer`.

    Raises:
        ValueError: The equation has another form, or does not fit the shapes.

    >>> from penstock import keras
    >>> layer = keras.layers.EinsumDense("abc,cd->abd", output_shape=(None, 64), bias_axes="d")
    >>> layer(keras.Input((32, 128))).shape
    (None, 32, 64)
    """

    _int4 = False

    def __init__(
        self,
        equation: str,
        output_shape: Any,
        activation: Any = None,
        bias_axes: str | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        gptq_unpacked_column_size: int | None = None,
        quantization_config: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            lora_rank=lora_rank,
            lora_alpha=lora_alpha,
            quantization_config=quantization_config,
            **kwargs,
        )
        self.equation = equation
        self.partial_output_shape = (
            (output_shape,) if isinstance(output_shape, int) else tuple(output_shape)
        )
        self.bias_axes = bias_axes
        self.activation = activations.get(activation)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)

    def build(self, input_shape: Any) -> None:
        """Make kernel and bias."""
        plan = _plan(self.equation, self.bias_axes, input_shape, self.partial_output_shape)
        self.input_spec = InputSpec(ndim=len(input_shape))
        if self.quantization_mode is not None:
            self.quantized_build(input_shape, self.quantization_mode)
            self._make_integers(plan.kernel_shape)
        else:
            self.kernel = self.add_weight(
                plan.kernel_shape,
                _with_axes(self.kernel_initializer, plan),
                regularizer=self.kernel_regularizer,
                constraint=self.kernel_constraint,
                name="kernel",
            )
        self.bias = None
        if plan.bias_shape is not None:
            self.bias = self.add_weight(
                plan.bias_shape,
                self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )
        self.built = True
        if self.lora_rank:
            self.enable_lora(self.lora_rank, lora_alpha=self.lora_alpha)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Compute activation(einsum(equation, x, kernel) + bias)."""
        return self._finished(ps.einsum(self.equation, inputs, self._matrix_value(inputs.dtype)))

    def quantized_call(self, inputs: Any, training: bool | None = None) -> Any:
        """Compute the same with integers in place of the kernel, and of the inputs if the configuration says so."""
        of_input, _, of_output = self._letters()
        axes = tuple(i for i, letter in enumerate(of_input) if letter not in of_output)
        x, scale = self._quantized_inputs(inputs, axes)
        x = x if scale is None else x / scale
        y = ps.einsum(self.equation, x, self._matrix_value(x.dtype))
        return self._finished(ps.cast(y, inputs.dtype))

    def _finished(self, y: Any) -> Any:
        if self.bias is not None:
            y = y + ps.cast(self.bias.value, y.dtype)
        return self.activation(y)

    def _letters(self) -> tuple[str, str, str]:
        if "." in self.equation:
            raise NotImplementedError(
                f"[quantize] {self.name} has the equation {self.equation!r}; write it without '...' to quantise it"
            )
        left, of_output = self.equation.split("->")
        of_input, of_kernel = left.split(",")
        return of_input, of_kernel, of_output

    def _reduced_axes(self) -> tuple[int, ...]:
        _, of_kernel, of_output = self._letters()
        return tuple(i for i, letter in enumerate(of_kernel) if letter not in of_output)

    def _scale_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The scale has the axes of the output."""
        _, of_kernel, of_output = self._letters()
        sizes = dict(zip(of_kernel, shape, strict=True))
        return tuple(sizes.get(letter, 1) for letter in of_output)

    def _scale_for_file(self, scale: Any) -> Any:
        _, of_kernel, of_output = self._letters()
        kept = [letter for letter in of_kernel if letter in of_output]
        order = [kept.index(letter) for letter in of_output if letter in kept]
        turned = ps.transpose(ps.squeeze(scale, self._reduced_axes()), order)
        sizes = iter(turned.shape)
        return ps.reshape(turned, [next(sizes) if letter in kept else 1 for letter in of_output])

    def _scale_for_matrix(self, scale: Any) -> Any:
        _, of_kernel, of_output = self._letters()
        outer = [letter for letter in of_output if letter in of_kernel]
        flat = ps.squeeze(
            scale, tuple(i for i, letter in enumerate(of_output) if letter not in of_kernel)
        )
        turned = ps.transpose(
            flat, [outer.index(letter) for letter in of_kernel if letter in outer]
        )
        for axis in self._reduced_axes():
            turned = ps.expand_dims(turned, axis)
        return turned

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output."""
        plan = _plan(self.equation, self.bias_axes, input_shape, self.partial_output_shape)
        return plan.output_shape

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {
            **super().get_config(),
            "output_shape": self.partial_output_shape,
            "equation": self.equation,
            "activation": activations.serialize(self.activation),
            "bias_axes": self.bias_axes,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
            **self._adapted_config(),
        }


class _Plan(NamedTuple):
    """The shapes that an equation leads to, and which axes of the kernel are summed over."""

    kernel_shape: tuple[int, ...]
    bias_shape: tuple[int, ...] | None
    output_shape: tuple[int | None, ...]
    input_axes: list[int]
    output_axes: list[int]


def _plan(equation: str, bias_axes: str | None, input_shape: Any, partial: Any) -> _Plan:
    left = re.fullmatch(r"\.\.\.([A-Za-z]+),([A-Za-z]+)->\.\.\.([A-Za-z]+)", equation)
    right = re.fullmatch(r"([A-Za-z]{2,})\.\.\.,([A-Za-z]+)->([A-Za-z]+)\.\.\.", equation)
    whole = re.fullmatch(r"([A-Za-z]+),([A-Za-z]+)->([A-Za-z]+)", equation)
    found = left or right or whole
    if found is None:
        raise InvalidValueError(
            f"[EinsumDense] got the equation {equation!r}; write it as 'ab,bc->ac', '...b,bc->...c' or 'ab...,bc->ac...'"
        )
    of_input, of_kernel, of_output = found.groups()
    missing = len(input_shape) - len(of_input)
    if missing < 0 or (missing and whole):
        raise ShapeError(
            f"[EinsumDense] got an input of shape {tuple(input_shape)} for {equation!r}; give it {len(of_input)} axes"
        )
    front = tuple(input_shape[1:missing]) if left else ()
    back = tuple(input_shape[len(of_input) :]) if right else ()
    output_shape = (input_shape[0], *front, *partial, *back)
    offset = missing if left else 0
    if len(output_shape) != len(of_output) + missing:
        raise ShapeError(
            f"[EinsumDense] got output_shape={tuple(partial)} for {equation!r}; it needs a size for each axis but the "
            "batch, None where the input gives it"
        )
    given = dict(zip(of_input, input_shape[offset:], strict=False))
    made = dict(zip(of_output, output_shape[offset:], strict=False))
    for letter in of_output:
        if letter not in given and letter not in of_kernel:
            raise InvalidValueError(
                f"[EinsumDense] the output's axis {letter!r} is neither the input's nor the kernel's in {equation!r}"
            )
        wanted = made[letter]
        if letter in given and wanted is None:
            made[letter] = given[letter]
        elif letter in given and wanted != given[letter]:
            raise ShapeError(
                f"[EinsumDense] axis {letter!r} has size {given[letter]} in the input and {wanted} in output_shape; "
                "make them equal"
            )
    sizes = given | made
    unknown = [letter for letter in of_kernel if sizes.get(letter) is None]
    if unknown:
        raise ShapeError(
            f"[EinsumDense] the kernel's axis {unknown[0]!r} has no known size in {equation!r}; say it in output_shape, "
            "or give Input a shape that says it"
        )
    whole_output = tuple(made[letter] for letter in of_output)
    shape = (
        (*output_shape[:offset], *whole_output)
        if left
        else (*whole_output, *output_shape[len(of_output) :])
    )
    return _Plan(
        tuple(sizes[letter] for letter in of_kernel),
        _bias_shape(bias_axes, of_output, made, len(back)),
        shape,
        [i for i, letter in enumerate(of_kernel) if letter not in made],
        [i for i, letter in enumerate(of_kernel) if letter in made],
    )


def _bias_shape(
    bias_axes: str | None, of_output: str, sizes: dict[str, Any], behind: int
) -> tuple[int, ...] | None:
    if bias_axes is None:
        return None
    for letter in bias_axes:
        if letter not in of_output:
            raise InvalidValueError(
                f"[EinsumDense] got bias_axes={bias_axes!r}; {letter!r} is no axis of the output {of_output!r}"
            )
    first = min(of_output.index(letter) for letter in bias_axes)
    shape = [sizes[letter] if letter in bias_axes else 1 for letter in of_output[first:]]
    return (*shape, *[1] * behind)


def _with_axes(initializer: Any, plan: _Plan) -> Any:
    """Tell an initializer that scales by numbers of inputs and outputs which axes of the kernel these are."""
    if not isinstance(initializer, initializers.VarianceScaling):
        return initializer
    if initializer.input_axes is not None and initializer.output_axes is not None:
        return initializer
    config = initializer.get_config()
    config |= {"input_axes": plan.input_axes, "output_axes": plan.output_axes}
    return type(initializer).from_config(config)
