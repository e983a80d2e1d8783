"""Tell Penstock which formats there are; each one's module is imported when it is used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from penstock.plugins import PluginInfo, hookimpl

if TYPE_CHECKING:
    from collections.abc import Callable

    from penstock.plugins.registrar import FormatRegistrar


@hookimpl
def penstock_plugin_info() -> PluginInfo:
    """Name this plugin for `penstock doctor`."""
    return PluginInfo(name="formats")


@hookimpl
def penstock_register_formats(formats: FormatRegistrar) -> None:
    """Register every format under the name that users give it."""
    formats.add("tensorflow", read=_later("tensorflow.read", "read"))
    formats.add("keras", read=_later("keras.read", "read"))
    formats.add("tflite", read=_later("tflite.read", "read"))
    formats.add("c_source", write=_later("c_source.write", "write"))
    formats.add("onnx", read=_later("onnx.read", "read"), write=_later("onnx.writing", "write"))
    formats.add("darknet", read=_later("darknet.read", "read"))
    formats.add("tfjs", read=_later("tfjs.read", "read"))


def _later(module: str, name: str) -> Callable[..., Any]:
    """Stand for a function whose module is imported by the first call."""

    def call(*args: Any, **options: Any) -> Any:
        return getattr(import_module(f"penstock_formats.{module}"), name)(*args, **options)

    return call
