"""Layers with one large matrix: low-rank updates of it, and small integers in its place."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api import initializers, quantizers
from penstock_keras_api.dtype_policies import Int4DTypePolicy, QuantizedDTypePolicy
from penstock_keras_api.layers.layer import Layer
from penstock_keras_api.quantizers.modes import config_for
from penstock_keras_api.saving import serialization


class Adapted(Layer):
    """What Dense, EinsumDense and Embedding do with their matrix.

    Args:
        lora_rank: The rank of an update that is trained in place of the matrix; None for none.
        lora_alpha: The update counts alpha / rank; the rank by default.
        quantization_config: How the matrix is quantised; None for the way of the mode.
        kwargs: As in `Layer`.
    """

    _matrix: ClassVar[str] = "kernel"
    _int4: ClassVar[bool] = True
    bias: Any = None

    def __init__(
        self,
        *,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        quantization_config: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.lora_rank = lora_rank
        self.lora_alpha = lora_alpha if lora_alpha is not None else lora_rank
        self.lora_enabled = False
        self.quantization_config = quantizers.get(quantization_config)

    # ---- what subclasses say

    def _reduced_axes(self) -> tuple[int, ...]:
        """Along which axes of the matrix numbers share a scale."""
        return (0,)

    def _scale_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Which shape the scale of a matrix has in files."""
        return tuple(n for axis, n in enumerate(shape) if axis not in self._reduced_axes())

    # ---- low-rank updates

    def enable_lora(
        self,
        rank: int,
        a_initializer: Any = "he_uniform",
        b_initializer: Any = "zeros",
        lora_alpha: float | None = None,
    ) -> None:
        """Freeze the matrix, and train an update of low rank in its place: matrix + alpha / rank · a · b.

        Args:
            rank: The rank.
            a_initializer: What makes a.
            b_initializer: What makes b.
            lora_alpha: The factor; the rank by default.

        Raises:
            ValueError: The layer is not built, its matrix has a constraint, or it has an update already.
        """
        if getattr(self, f"{self._matrix}_constraint", None) is not None:
            raise InvalidValueError(
                f"[enable_lora] the matrix of {self.name} has a constraint, which an update would not keep; leave it out"
            )
        if not self.built:
            raise InvalidValueError(
                f"[enable_lora] {self.name} has no weights yet; call it once, or build(input_shape), first"
            )
        if self.lora_enabled:
            raise InvalidValueError(
                f"[enable_lora] {self.name} has an update already; save the model to merge it"
            )
        matrix = getattr(self, self._matrix)
        shape = self._shape_of_matrix()
        a_shape = (shape[0], rank) if self._matrix == "embeddings" else (*shape[:-1], rank)
        a = self.add_weight(
            a_shape, initializers.get(a_initializer), name=f"lora_{self._matrix}_a", dtype="float32"
        )
        b = self.add_weight(
            (rank, shape[-1]),
            initializers.get(b_initializer),
            name=f"lora_{self._matrix}_b",
            dtype="float32",
        )
        setattr(self, f"lora_{self._matrix}_a", a)
        setattr(self, f"lora_{self._matrix}_b", b)
        matrix.trainable = False
        self.lora_enabled = True
        self.lora_rank = rank
        self.lora_alpha = lora_alpha if lora_alpha is not None else rank

    def _shape_of_matrix(self) -> tuple[int, ...]:
        shape = tuple(int(n) for n in getattr(self, self._matrix).shape)
        return (*shape[:-1], self._last_size) if self.quantization_mode == "int4" else shape

    def _lora_parts(self) -> tuple[Any, Any, float]:
        a, b = (getattr(self, f"lora_{self._matrix}_{part}") for part in "ab")
        assert self.lora_rank is not None
        assert self.lora_alpha is not None
        return a, b, self.lora_alpha / self.lora_rank

    def _with_update(self, matrix: Any) -> Any:
        if not self.lora_enabled:
            return matrix
        a, b, factor = self._lora_parts()
        return matrix + ps.cast(ps.matmul(a.value, b.value) * factor, matrix.dtype)

    def _matrix_value(self, dtype: Any) -> Any:
        """Return the matrix as floats, with its update."""
        return ps.cast(self._with_update(self._plain_matrix()), dtype)

    def _plain_matrix(self) -> Any:
        value = getattr(self, self._matrix).value
        if self.quantization_mode is None:
            return value
        if self._is_grouped():
            return self._matrix_of_groups()
        if self.quantization_mode == "int4":
            value = quantizers.unpack_int4(value, self._last_size, -1)
        scale = getattr(self, f"{self._matrix}_scale").value
        return ps.cast(value, "float32") / self._scale_for_matrix(scale)

    def _is_grouped(self) -> bool:
        """Whether groups of rows have scales of their own."""
        return (
            self.quantization_mode == "int4" and getattr(self.dtype_policy, "block_size", -1) != -1
        )

    def _scale_for_matrix(self, scale: Any) -> Any:
        for axis in sorted(self._reduced_axes()):
            scale = ps.expand_dims(scale, axis)
        return scale

    def _scale_for_file(self, scale: Any) -> Any:
        return ps.squeeze(scale, self._reduced_axes())

    # ---- integers

    def quantize(
        self, mode: str | None = None, type_check: bool = True, config: Any = None
    ) -> None:
        """Put integers of 8 or 4 bits in the place of the matrix.

        Args:
            mode: "int8" or "int4".
            type_check: Kept for compatibility.
            config: How; by default, the mode's way.

        Raises:
            ValueError: The layer is quantised already, has no weights yet, or there is no such mode.
            NotImplementedError: The layer cannot have this mode.
        """
        chosen = config_for(mode, config if config is not None else self.quantization_config)
        if self.quantization_mode is not None:
            raise InvalidValueError(
                f"[quantize] {self.name} is quantised already, as {self.dtype_policy.name}; load its floats again to do it otherwise"
            )
        if not self.built:
            raise InvalidValueError(
                f"[quantize] {self.name} has no weights yet; call it once, or build(input_shape), first"
            )
        self._check_mode(chosen.mode)
        matrix = self._matrix_value("float32")
        self._forget_floats()
        self.quantization_config = chosen
        self._set_policy(chosen)
        self._make_integers(tuple(int(n) for n in matrix.shape))
        self._put_integers(matrix)

    def _check_mode(self, mode: str) -> None:
        if mode == "float8" or (mode == "int4" and not self._int4):
            raise NotImplementedError(
                f"[quantize] {type(self).__name__} layers have no mode {mode!r} yet; use 'int8'"
                + (" or 'int4'" if self._int4 else "")
            )

    def _set_policy(self, config: Any) -> None:
        source = self.dtype_policy.name
        if config.mode == "int4":
            size = -1 if config.block_size is None else config.block_size
            self.dtype_policy = Int4DTypePolicy(f"int4/{size}", source)
        else:
            self.dtype_policy = QuantizedDTypePolicy(config.mode, source)

    def _forget_floats(self) -> None:
        gone = [getattr(self, self._matrix)]
        if self.lora_enabled:
            gone += list(self._lora_parts()[:2])
            delattr(self, f"lora_{self._matrix}_a")
            delattr(self, f"lora_{self._matrix}_b")
            self.lora_enabled = False
        delattr(self, self._matrix)
        self._variables[:] = [v for v in self._variables if not any(v is other for other in gone)]

    def quantized_build(self, input_shape: Any, mode: str) -> None:
        """Make the weights of a quantised layer.

        Raises:
            NotImplementedError: The layer cannot have this mode.
        """
        self._check_mode(mode)
        self.quantization_config = self.quantization_config or config_for(mode, None)

    def _make_integers(self, shape: tuple[int, ...]) -> None:
        """Make variables for the integers of a matrix of a shape."""
        name = self._matrix
        self._last_size = shape[-1]

        def variable(part: str, size: tuple[int, ...], dtype: str) -> None:
            made = self.add_weight(size, "zeros", dtype, trainable=False, name=f"{name}{part}")
            setattr(self, f"{name}{part}", made)

        halved = (*shape[:-1], -(-shape[-1] // 2))
        variable("", shape if self.quantization_mode == "int8" else halved, "int8")
        if not self._is_grouped():
            variable("_scale", self._scale_shape(shape), "float32")
            return
        along = shape[-1] if name == "embeddings" else shape[0]
        groups = -(-along // self._block_size(along))
        sizes = (shape[0], groups) if name == "embeddings" else (groups, shape[-1])
        variable("_scale", sizes, "float32")
        variable("_zero", sizes, "int8")
        self.g_idx = self.add_weight((along,), "zeros", "float32", trainable=False, name="g_idx")
        self.g_idx.assign((np.arange(along) // self._block_size(along)).astype(np.float32))

    def _block_size(self, along: int) -> int:
        size = getattr(self.dtype_policy, "block_size", None) or -1
        return along if size == -1 else min(int(size), along)

    def _put_integers(self, matrix: Any) -> None:
        name = self._matrix
        if not self._is_grouped():
            is_small = self.quantization_mode == "int4"
            usual = quantizers.AbsMaxQuantizer(value_range=(-8, 7) if is_small else (-127, 127))
            quantizer = self.quantization_config.weight_quantizer or usual
            q, scale = quantizer(matrix, self._reduced_axes())
            getattr(self, f"{name}_scale").assign(self._scale_for_file(scale))
            getattr(self, name).assign(quantizers.pack_int4(q, -1)[0] if is_small else q)
            return
        turned = name == "embeddings"
        given = ps.transpose(matrix) if turned else matrix
        size = getattr(self.dtype_policy, "block_size", -1)
        parts = quantizers.abs_max_quantize_grouped_with_zero_point(given, size)
        q, scale, zero = (ps.transpose(t) if turned else t for t in parts)
        getattr(self, name).assign(quantizers.pack_int4(q, -1)[0])
        getattr(self, f"{name}_scale").assign(scale)
        getattr(self, f"{name}_zero").assign(zero)

    def _matrix_of_groups(self) -> Any:
        name = self._matrix
        q = quantizers.unpack_int4(getattr(self, name).value, self._last_size, -1)
        axis = 1 if name == "embeddings" else 0
        group = ps.cast(self.g_idx.value, "int32")
        scale, zero = (
            ps.take(ps.cast(getattr(self, f"{name}{part}").value, "float32"), group, axis)
            for part in ("_scale", "_zero")
        )
        return (ps.cast(q, "float32") - zero) * scale

    def _quantized_inputs(self, x: Any, axes: tuple[int, ...]) -> tuple[Any, Any]:
        """Round inputs to integers, as floats, and return the scale; gradients pass as if nothing was rounded."""
        config = self.quantization_config
        quantizer = None if config is None else config.activation_quantizer
        if quantizer is None:
            return x, None
        wide = ps.cast(x, "float32")
        q, scale = quantizer(ps.stop_gradient(wide), axes)
        scaled = wide * scale
        return scaled + ps.stop_gradient(ps.cast(q, "float32") - scaled), scale

    # ---- files

    def _saved_variables(self) -> list[Any]:
        name = self._matrix
        parts = [getattr(self, name, None), self.bias, getattr(self, f"{name}_scale", None)]
        parts += [getattr(self, f"{name}_zero", None), getattr(self, "g_idx", None)]
        return [v for v in parts if v is not None]

    def save_own_variables(self, store: Any) -> None:
        """Put the variables into a store; an update is added to the matrix."""
        if not self.lora_enabled:
            super().save_own_variables(store)
            return
        if self.quantization_mode is not None:
            raise InvalidValueError(
                f"[save] {self.name} has an update of quantised weights, which files have no place for; quantise after training"
            )
        for number, v in enumerate(self._saved_variables()):
            store[str(number)] = (
                v.numpy() if number else np.asarray(self._matrix_value(v.dtype).numpy())
            )

    def _loaded(self) -> None:
        """Begin an update anew: what was saved has it in the matrix."""
        if self.lora_enabled:
            b = self._lora_parts()[1]
            b.assign(np.zeros(b.shape, np.float32))

    def _adapted_config(self) -> dict[str, Any]:
        config = self.quantization_config
        made: dict[str, Any] = {
            "quantization_config": None
            if config is None
            else serialization.serialize_keras_object(config)
        }
        if self.lora_rank:
            made |= {"lora_rank": self.lora_rank, "lora_alpha": self.lora_alpha}
        return made
