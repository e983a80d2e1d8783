"""Other ways for a layer to compute: with integers, or again when its gradient is taken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from penstock_keras_api.dtype_policies import DTypePolicy
from penstock_keras_api.layers.state import State
from penstock_keras_api.rematerialization import wrapped


class Modes(State):
    """What a layer does about quantisation and rematerialisation."""

    dtype_policy: DTypePolicy

    @property
    def quantization_mode(self) -> str | None:
        """How the layer is quantised, such as "int8"; None if it is not."""
        mode = getattr(self.dtype_policy, "quantization_mode", None)
        return None if mode is None else str(mode)

    def quantize(
        self, mode: str | None = None, type_check: bool = True, config: Any = None
    ) -> None:
        """Quantise the weights; layers that can say how.

        Raises:
            NotImplementedError: The layer cannot.
        """
        self._cannot("quantize")

    def quantized_build(self, input_shape: Any, mode: str) -> None:
        """Make the weights of a quantised layer.

        Raises:
            NotImplementedError: The layer cannot be quantised.
        """
        self._cannot("quantized_build")

    def quantized_call(self, *args: Any, **kwargs: Any) -> Any:
        """Compute with quantised weights.

        Raises:
            NotImplementedError: The layer cannot be quantised.
        """
        self._cannot("quantized_call")

    def _cannot(self, method: str) -> NoReturn:
        raise NotImplementedError(
            f"[{self.name}] a {type(self).__name__} cannot be quantised, it has no {method}; quantise Dense, EinsumDense and "
            "Embedding layers, or a saved graph by penstock_quantization"
        )

    def rematerialized_call(  # type: ignore[override] # Keras has another name for it here
        self, layer_call: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Callable[..., Any]:
        """Return a call whose inner results are computed again for the gradient, if a `RematScope` says so.

        Args:
            layer_call: The call.
            args: What it will be called on; its size can matter.
            kwargs: Further arguments.
        """
        return wrapped(self.name, layer_call)
