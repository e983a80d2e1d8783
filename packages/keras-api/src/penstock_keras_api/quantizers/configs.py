"""How a model is to be quantised."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from penstock.errors import InvalidValueError
from penstock_keras_api.quantizers.quantizer import AbsMaxQuantizer
from penstock_keras_api.saving import serialization

_FOUR_BITS = (-8, 7)


class QuantizationConfig:
    """Say how weights and activations are quantised; subclasses say by which mode.

    Args:
        weight_quantizer: A quantizer of weights; None for the layer's own.
        activation_quantizer: A quantizer of activations; None for none.
    """

    _mode: ClassVar[str | None] = None

    def __init__(self, weight_quantizer: Any = None, activation_quantizer: Any = None) -> None:
        self.weight_quantizer = weight_quantizer
        self.activation_quantizer = activation_quantizer

    @property
    def mode(self) -> str:
        """The mode: "int8", "int4" and so on."""
        if self._mode is None:
            raise NotImplementedError(
                f"{type(self).__name__} has no mode; use Int8QuantizationConfig or one of its siblings"
            )
        return self._mode

    def weight_quantizer_or_default(self, default: Any) -> Any:
        """Return the quantizer of weights, or another if there is none."""
        return default if self.weight_quantizer is None else self.weight_quantizer

    def activation_quantizer_or_default(self, default: Any) -> Any:
        """Return the quantizer of activations, or another if there is none."""
        return default if self.activation_quantizer is None else self.activation_quantizer

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal configuration of."""
        return {
            "weight_quantizer": serialization.serialize_keras_object(self.weight_quantizer),
            "activation_quantizer": serialization.serialize_keras_object(self.activation_quantizer),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Make a configuration of what `get_config` returned."""
        return cls(**{k: serialization.deserialize_keras_object(v) for k, v in config.items()})


class Int8QuantizationConfig(QuantizationConfig):
    """Quantise to 8-bit integers.

    Args:
        weight_quantizer: A quantizer of weights; None for the layer's own.
        activation_quantizer: A quantizer of activations; None leaves them floats.
    """

    _mode = "int8"

    def __init__(self, weight_quantizer: Any = None, activation_quantizer: Any = "default") -> None:
        if activation_quantizer == "default":
            activation_quantizer = AbsMaxQuantizer()
        super().__init__(weight_quantizer, activation_quantizer)
        _check_range(self, weight_quantizer, (-127, 127))


class Int4QuantizationConfig(QuantizationConfig):
    """Quantise weights to 4-bit integers.

    Args:
        weight_quantizer: A quantizer of weights; None for the layer's own.
        activation_quantizer: A quantizer of activations; by default they stay floats.
        block_size: How many weights share a scale; None or -1 for all of a column.

    Raises:
        ValueError: The size is neither -1, None nor above 0.
    """

    _mode = "int4"

    def __init__(
        self,
        weight_quantizer: Any = None,
        activation_quantizer: Any = "default",
        block_size: int | None = 128,
    ) -> None:
        if block_size is not None and (block_size == 0 or block_size < -1):
            raise InvalidValueError(
                f"[Int4QuantizationConfig] got block_size={block_size}; use a number above 0, or -1"
            )
        if activation_quantizer == "default":
            activation_quantizer = None
        super().__init__(weight_quantizer, activation_quantizer)
        _check_range(self, weight_quantizer, _FOUR_BITS)
        self.block_size = block_size

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal configuration of."""
        return {**super().get_config(), "block_size": self.block_size}


def _check_range(config: Any, quantizer: Any, limits: tuple[int, int]) -> None:
    given = getattr(quantizer, "value_range", limits)
    if given[0] < min(limits[0], -limits[1] - 1) or given[1] > limits[1]:
        raise InvalidValueError(
            f"[{type(config).__name__}] got a quantizer of weights with value_range={tuple(given)}; use one within {limits}"
        )


class Float8QuantizationConfig(QuantizationConfig):
    """Compute with 8-bit floats."""

    _mode = "float8"

    def __init__(self) -> None:
        super().__init__()

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal configuration of."""
        return {}


class _Calibrated(QuantizationConfig):
    """A mode that looks at data: the settings that GPTQ and AWQ share."""

    def __init__(
        self,
        dataset: Any,
        tokenizer: Any,
        weight_bits: int,
        num_samples: int,
        sequence_length: int,
        group_size: int,
        quantization_layer_structure: Any,
    ) -> None:
        super().__init__()
        where = type(self).__name__
        for name, value in (("num_samples", num_samples), ("sequence_length", sequence_length)):
            if value <= 0:
                raise InvalidValueError(f"[{where}] got {name}={value}; use a number above 0")
        if group_size < -1 or group_size == 0:
            raise InvalidValueError(
                f"[{where}] got group_size={group_size}; use a number above 0, or -1 for one group"
            )
        self.dataset = dataset
        self.tokenizer = tokenizer
        self.weight_bits = weight_bits
        self.num_samples = num_samples
        self.sequence_length = sequence_length
        self.group_size = group_size
        self.quantization_layer_structure = quantization_layer_structure

    def dtype_policy_string(self) -> str:
        """Return the mode as dtype policies write it: "gptq/4/128"."""
        return f"{self.mode}/{self.weight_bits}/{self.group_size}"


class GPTQConfig(_Calibrated):
    """Quantise weights one after the other, so that the rest makes up for the error.

    Args:
        dataset: Texts or batches of tokens to look at.
        tokenizer: What makes tokens of texts.
        weight_bits: 2, 3, 4 or 8.
        num_samples: How many samples to look at.
        per_channel: Whether each column has a scale of its own.
        sequence_length: How many tokens a sample has.
        hessian_damping: How much is added to the diagonal, as a part of its mean.
        group_size: How many weights share a scale; -1 for all.
        symmetric: Whether 0 is in the middle of the range.
        activation_order: Whether to begin with the columns that matter most.
        quantization_layer_structure: Which layers lie before, in and behind the blocks.

    Raises:
        ValueError: A number is out of range.
    """

    _mode = "gptq"

    def __init__(
        self,
        dataset: Any,
        tokenizer: Any,
        *,
        weight_bits: int = 4,
        num_samples: int = 128,
        per_channel: bool = True,
        sequence_length: int = 512,
        hessian_damping: float = 0.01,
        group_size: int = 128,
        symmetric: bool = False,
        activation_order: bool = False,
        quantization_layer_structure: Any = None,
    ) -> None:
        if weight_bits not in (2, 3, 4, 8):
            raise InvalidValueError(f"[GPTQConfig] got weight_bits={weight_bits}; use 2, 3, 4 or 8")
        if not 0 <= hessian_damping <= 1:
            raise InvalidValueError(
                f"[GPTQConfig] got hessian_damping={hessian_damping}; use a number from 0 to 1"
            )
        super().__init__(
            dataset, tokenizer, weight_bits, num_samples, sequence_length, group_size, quantization_layer_structure,
        )  # fmt: skip
        self.per_channel = per_channel
        self.hessian_damping = hessian_damping
        self.symmetric = symmetric
        self.activation_order = activation_order

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal configuration of, without data and tokenizer."""
        return {
            "dataset": None,
            "tokenizer": None,
            "weight_bits": self.weight_bits,
            "num_samples": self.num_samples,
            "per_channel": self.per_channel,
            "sequence_length": self.sequence_length,
            "hessian_damping": self.hessian_damping,
            "group_size": self.group_size,
            "symmetric": self.symmetric,
            "activation_order": self.activation_order,
            "quantization_layer_structure": self.quantization_layer_structure,
        }


class AWQConfig(_Calibrated):
    """Quantise weights after scaling up those that meet large activations.

    Args:
        dataset: Texts or batches of tokens to look at.
        tokenizer: What makes tokens of texts.
        weight_bits: 4.
        num_samples: How many samples to look at.
        sequence_length: How many tokens a sample has.
        group_size: How many weights share a scale; -1 for all.
        num_grid_points: How many scales are tried.
        quantization_layer_structure: Which layers lie before, in and behind the blocks.

    Raises:
        ValueError: A number is out of range.
    """

    _mode = "awq"

    def __init__(
        self,
        dataset: Any,
        tokenizer: Any,
        *,
        weight_bits: int = 4,
        num_samples: int = 128,
        sequence_length: int = 512,
        group_size: int = 128,
        num_grid_points: int = 20,
        quantization_layer_structure: Any = None,
    ) -> None:
        if weight_bits != 4:
            raise InvalidValueError(f"[AWQConfig] got weight_bits={weight_bits}; use 4")
        if num_grid_points <= 0:
            raise InvalidValueError(
                f"[AWQConfig] got num_grid_points={num_grid_points}; use a number above 0"
            )
        super().__init__(
            dataset, tokenizer, weight_bits, num_samples, sequence_length, group_size, quantization_layer_structure,
        )  # fmt: skip
        self.num_grid_points = num_grid_points

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal configuration of, without data and tokenizer."""
        return {
            "dataset": None,
            "tokenizer": None,
            "weight_bits": self.weight_bits,
            "num_samples": self.num_samples,
            "sequence_length": self.sequence_length,
            "group_size": self.group_size,
            "num_grid_points": self.num_grid_points,
            "quantization_layer_structure": self.quantization_layer_structure,
        }
