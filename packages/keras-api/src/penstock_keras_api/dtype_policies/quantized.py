"""Policies of layers whose weights are small integers or 8-bit floats."""

from __future__ import annotations

from typing import Any, ClassVar

from penstock.errors import InvalidValueError
from penstock_keras_api.dtype_policies.policy import DTypePolicy

MODES = ("int8", "float8", "int4", "gptq", "awq")


class QuantizedDTypePolicy(DTypePolicy):
    """Say how a layer's weights are quantised, and in which dtypes it keeps and computes the rest.

    Args:
        mode: "int8", "int4", "float8", "gptq" or "awq"; the last two with bits and group: "gptq/4/128".
        source_name: The policy for the rest, such as "mixed_bfloat16"; by default the global one.

    Raises:
        ValueError: There is no such mode.

    >>> from penstock import keras
    >>> policy = keras.dtype_policies.QuantizedDTypePolicy("int8", "mixed_bfloat16")
    >>> policy.name, policy.compute_dtype, policy.quantization_mode
    ('int8_from_mixed_bfloat16', 'bfloat16', 'int8')
    """

    def __init__(self, mode: str, source_name: str | None = None) -> None:
        self._check(mode)
        self._source = DTypePolicy(source_name)
        super().__init__(self._source.name)
        self._name = f"{mode}_from_{self._source.name}"
        self.mode = mode

    def _check(self, mode: str) -> None:
        if str(mode).partition("/")[0] not in MODES:
            raise InvalidValueError(
                f"[{type(self).__name__}] got mode={mode!r}; use one of {', '.join(MODES)}"
            )

    @property
    def quantization_mode(self) -> str | None:
        """How layers are quantised, without bits and groups."""
        return self.mode.partition("/")[0]

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal policy of."""
        return {"mode": self.mode, "source_name": self._source.name}

    def __eq__(self, other: object) -> bool:
        same = isinstance(other, QuantizedDTypePolicy) and other.name == self.name
        return same and isinstance(other, type(self))

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f'<{type(self).__name__} "{self.name}">'


class QuantizedFloat8DTypePolicy(QuantizedDTypePolicy):
    """Say that a layer computes with 8-bit floats, whose scales follow the largest values of some steps.

    Args:
        mode: "float8".
        source_name: The policy for the rest; by default the global one.
        amax_history_length: How many steps are looked back on.

    Raises:
        ValueError: There is no such mode.
    """

    def __init__(
        self, mode: str, source_name: str | None = None, amax_history_length: int = 1024
    ) -> None:
        super().__init__(mode, source_name)
        if not isinstance(amax_history_length, int):
            raise InvalidValueError(
                f"[QuantizedFloat8DTypePolicy] got amax_history_length={amax_history_length!r}; use a whole number"
            )
        self.amax_history_length = amax_history_length

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal policy of."""
        return {**super().get_config(), "amax_history_length": self.amax_history_length}


class _GroupedDTypePolicy(QuantizedDTypePolicy):
    """A policy whose mode has numbers: "kind/bits/group", or "kind/group"."""

    kind: ClassVar[str]
    form: ClassVar[str]

    def _check(self, mode: str) -> None:
        parts = str(mode).split("/")
        good = parts[0] == self.kind and len(parts) == len(self.form.split("/"))
        numbers = [p.lstrip("-") for p in parts[1:]]
        if not good or not all(n.isdigit() for n in numbers):
            raise InvalidValueError(
                f"[{type(self).__name__}] got mode={mode!r}; write it as {self.form!r}, such as {self._example()!r}"
            )
        if len(parts) == 3 and int(parts[1]) not in (2, 3, 4, 8):
            raise InvalidValueError(
                f"[{type(self).__name__}] got mode={mode!r} with {parts[1]} bits; use 2, 3, 4 or 8"
            )
        group = int(parts[-1])
        if group < -1 or group == 0:
            raise InvalidValueError(
                f"[{type(self).__name__}] got mode={mode!r} with groups of {group}; use -1 for one group, or a size"
            )

    def _example(self) -> str:
        return f"{self.kind}/128" if self.kind == "int4" else f"{self.kind}/4/128"


class Int4DTypePolicy(_GroupedDTypePolicy):
    """Say that a layer's weights are 4-bit integers, with a scale for each group of them.

    Args:
        mode: "int4/<group>"; -1 for one group.
        source_name: The policy for the rest; by default the global one.

    Raises:
        ValueError: The mode is written otherwise.

    >>> from penstock import keras
    >>> keras.dtype_policies.Int4DTypePolicy("int4/64").block_size
    64
    """

    kind = "int4"
    form = "int4/<group>"

    def __init__(self, mode: str, source_name: str | None = None) -> None:
        super().__init__(mode, source_name)
        self.block_size = int(mode.split("/")[1])


class GPTQDTypePolicy(_GroupedDTypePolicy):
    """Say that a layer's weights were quantised by GPTQ.

    Args:
        mode: "gptq/<bits>/<group>"; -1 for one group.
        source_name: The policy for the rest; by default the global one.

    Raises:
        ValueError: The mode is written otherwise.
    """

    kind = "gptq"
    form = "gptq/<bits>/<group>"

    def __init__(self, mode: str, source_name: str | None = None) -> None:
        super().__init__(mode, source_name)
        self.weight_bits, self.group_size = (int(n) for n in mode.split("/")[1:])


class AWQDTypePolicy(GPTQDTypePolicy):
    """Say that a layer's weights were quantised by AWQ.

    Args:
        mode: "awq/<bits>/<group>"; -1 for one group.
        source_name: The policy for the rest; by default the global one.

    Raises:
        ValueError: The mode is written otherwise.
    """

    kind = "awq"
    form = "awq/<bits>/<group>"
