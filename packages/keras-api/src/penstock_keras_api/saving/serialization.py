"""Objects as plain data, in Keras's own form: module, class name, config, registered name."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

import penstock as ps
from penstock.errors import InvalidTypeError, InvalidValueError
from penstock_keras_api.saving import code, lambdas, registry, sharing

# Where Keras's files say that public classes live, and where they do.
_MODULES: Final = {
    "keras": "penstock_keras_api",
    **{
        f"keras.{name}": f"penstock_keras_api.{name}"
        for name in [
            "activations",
            "constraints",
            "distillation",
            "dtype_policies",
            "initializers",
            "layers",
            "losses",
            "metrics",
            "models",
            "optimizers",
            "regularizers",
            "callbacks",
            "quantizers",
            "ops",
            "utils",
            "random",
        ]
    },
    "keras.optimizers.schedules": "penstock_keras_api.optimizers.schedules",
}


_MODULES_OF_MODELS: Final = {
    "Functional": "keras.src.models.functional",  # it has no public name
    "Sequential": "keras",
    "Model": "keras",
}


def serialize_keras_object(obj: Any) -> Any:
    """Return an object as plain data.

    Args:
        obj: An object with get_config, a function that is registered or belongs to Keras, or plain data.

    Returns:
        What JSON can hold.

    Raises:
        TypeError: There is no plain data for it.

    >>> from penstock import keras
    >>> keras.saving.serialize_keras_object(keras.initializers.Zeros())["class_name"]
    'Zeros'
    """
    if obj is None or isinstance(obj, bool | int | float | str):
        return obj
    if isinstance(obj, bytes):
        return {"class_name": "__bytes__", "config": {"value": obj.decode()}}
    if isinstance(obj, list | tuple):
        return type(obj)(serialize_keras_object(item) for item in obj)
    if isinstance(obj, Mapping):
        return {key: serialize_keras_object(value) for key, value in obj.items()}
    if isinstance(obj, np.generic):
        return obj.item()
    if isinstance(obj, np.ndarray):
        return {
            "class_name": "__numpy__",
            "config": {"value": obj.tolist(), "dtype": str(obj.dtype)},
        }
    if isinstance(obj, ps.Tensor):
        return {
            "class_name": "__tensor__",
            "config": {"value": obj.tolist(), "dtype": obj.dtype.name},
        }
    if type(obj) is type(ps.float32):
        return obj.name
    if isinstance(obj, slice):
        parts = {"start": obj.start, "stop": obj.stop, "step": obj.step}
        return {"class_name": "__slice__", "config": serialize_keras_object(parts)}
    if obj is Ellipsis:
        return {"class_name": "__ellipsis__", "config": {}}
    if hasattr(obj, "get_config"):
        return _serialized_object(obj)
    if callable(obj) and hasattr(obj, "__name__"):
        return code.data_of(obj) if obj.__name__ == "<lambda>" else _serialized_function(obj)
    raise InvalidTypeError(
        f"[serialize_keras_object] got {type(obj).__name__}; give it a get_config, or register it with "
        "@keras.saving.register_keras_serializable()"
    )


def _serialized_object(obj: Any) -> dict[str, Any]:
    cls = type(obj)
    made: dict[str, Any] = {
        "module": _module_of(cls),
        "class_name": getattr(cls, "_keras_name", cls.__name__),
        "config": _plain_config(obj.get_config()),
        "registered_name": _registered_name(cls),
    }
    if getattr(obj, "_build_shapes", None) is not None:
        made["build_config"] = serialize_keras_object(obj.get_build_config())
    if hasattr(obj, "get_compile_config"):
        compiled = obj.get_compile_config()
        if compiled is not None:
            made["compile_config"] = compiled
    number = sharing.number_of(obj) if hasattr(obj, "_flatten_layers") else None
    if number is not None:
        made["shared_object_id"] = number
    return made


def _registered_name(cls: type) -> str | None:
    is_class_of_keras = _is_own(cls) and not getattr(cls, "_keras_module", None)
    public = is_class_of_keras and cls.__name__ != "Functional"
    return None if public else registry.get_registered_name(cls)


def _plain_config(config: Mapping[str, Any]) -> dict[str, Any]:
    return {key: serialize_keras_object(value) for key, value in config.items()}


def _serialized_function(fn: Any) -> Any:
    if _is_own(fn):
        return fn.__name__
    return {
        "module": "builtins",
        "class_name": "function",
        "config": fn.__name__,
        "registered_name": registry.get_registered_name(fn),
    }


def _is_own(item: Any) -> bool:
    return str(getattr(item, "__module__", "")).partition(".")[0] == "penstock_keras_api"


def _module_of(cls: type) -> str | None:
    if not _is_own(cls):
        is_known = cls.__module__ in ("__main__", "builtins") or cls in registry.names()
        return None if is_known else cls.__module__
    if getattr(cls, "_keras_module", None):  # an operation of keras.ops
        return str(cls._keras_module)  # type: ignore[attr-defined]
    name = cls.__module__.removeprefix("penstock_keras_api")
    parts = name.strip(".").split(".")
    if parts[:1] == ["models"]:
        return _MODULES_OF_MODELS.get(cls.__name__, "keras.models")
    if parts[:2] == ["optimizers", "schedules"]:
        return "keras.optimizers.schedules"
    return f"keras.{parts[0]}" if parts[0] else "keras"


def serialize_dtype(policy: Any) -> Any:
    """Return a dtype policy as Keras writes it."""
    if getattr(policy, "quantization_mode", None) is not None or not hasattr(policy, "name"):
        return serialize_keras_object(policy)
    return {
        "module": "keras",
        "class_name": "DTypePolicy",
        "config": {"name": policy.name},
        "registered_name": None,
    }


def deserialize_keras_object(
    config: Any,
    custom_objects: Mapping[str, Any] | None = None,
    safe_mode: bool = True,
    **kwargs: Any,
) -> Any:
    """Make an object of plain data. No code of the data is run.

    Args:
        config: What `serialize_keras_object` returned, or Keras wrote.
        custom_objects: Classes and functions by name.
        safe_mode: Whether code in the data is refused; False runs it.
        kwargs: Kept for compatibility.

    Returns:
        The object.

    Raises:
        ValueError: It names a class or a function that is not known, or has code.

    >>> from penstock import keras
    >>> data = keras.saving.serialize_keras_object(keras.initializers.Constant(2.0))
    >>> keras.saving.deserialize_keras_object(data).value
    2.0
    """
    with sharing.making() as made, code.safe_mode(safe_mode and code.is_safe()):
        return _made_of(config, custom_objects, made)


def _made_of(config: Any, custom_objects: Any, made: dict[Any, Any]) -> Any:
    if config is None or isinstance(config, bool | int | float | str):
        return config
    if isinstance(config, list | tuple):
        return type(config)(_made_of(item, custom_objects, made) for item in config)
    if not isinstance(config, Mapping):
        raise InvalidValueError(
            f"[deserialize_keras_object] got {type(config).__name__}; expected plain data"
        )
    if "class_name" not in config or "config" not in config:
        return {k: _made_of(v, custom_objects, made) for k, v in config.items()}
    special = _special(config, custom_objects)
    if special is not None:
        return special[0]
    if config["class_name"] == "function":
        return _function(config, custom_objects)
    number = config.get("shared_object_id")
    if number is not None and number in made:
        return made[number]
    item = _object(config, custom_objects)
    if number is not None and hasattr(item, "_flatten_layers"):
        made[number] = item
    return item


def _object(config: Mapping[str, Any], custom_objects: Any) -> Any:
    cls = _class(config, custom_objects)
    with registry.custom_object_scope(custom_objects or {}):
        made = cls.from_config(dict(config["config"]))
        build = config.get("build_config")
        if build and hasattr(made, "build_from_config"):
            made.build_from_config(_made_of(build, custom_objects, {}))
        compiled = config.get("compile_config")
        if compiled and hasattr(made, "compile_from_config"):
            made.compile_from_config(compiled)
    return made


def _special(config: Mapping[str, Any], custom_objects: Any) -> tuple[Any] | None:
    """Make values of the kinds that JSON does not have."""
    inner = config["config"]
    match config["class_name"]:
        case "__tuple__":
            return (tuple(deserialize_keras_object(v, custom_objects) for v in inner["value"]),)
        case "__numpy__":
            return (np.array(inner["value"], dtype=inner["dtype"]),)
        case "__tensor__":
            return (ps.asarray(inner["value"], dtype=inner["dtype"]),)
        case "__slice__":
            return (slice(inner["start"], inner["stop"], inner["step"]),)
        case "__ellipsis__":
            return (Ellipsis,)
        case "__bytes__":
            return (str(inner["value"]).encode(),)
        case "__keras_tensor__":
            from penstock_keras_api.keras_tensor import KerasTensor

            return (KerasTensor(inner["shape"], inner["dtype"]),)
        case "__graph__":
            return (lambdas.function_of(inner),)
        case "__lambda__":
            return (code.function_of(inner),)
    return None


def _function(config: Mapping[str, Any], custom_objects: Any) -> Any:
    name = config.get("registered_name") or config["config"]
    found = registry.get_registered_object(str(name), custom_objects)
    found = found or registry.get_registered_object(str(config["config"]), custom_objects)
    if found is None:
        raise InvalidValueError(
            f"[deserialize_keras_object] there is no function {name!r}; give it by custom_objects={{'{config['config']}': "
            "function}}"
        )
    return found


def _class(config: Mapping[str, Any], custom_objects: Any) -> Any:
    name, module = str(config["class_name"]), config.get("module")
    for key in (config.get("registered_name"), name, name.rpartition(">")[2]):
        found = registry.get_registered_object(str(key), custom_objects)
        if found is not None:
            return found
    # HDF5 files note no module; there an operation lacks what every layer has.
    is_nameless = module is None and "trainable" not in config["config"]
    if is_nameless or str(module).startswith("keras.src.ops."):
        from penstock_keras_api.ops import operations

        if name in operations:
            return operations[name]
    places = [_MODULES[module]] if module in _MODULES else []
    places += ["penstock_keras_api.models"] if module == "keras" else []
    places += [] if module not in (None, "builtins") and places else list(_MODULES.values())
    for place in places:
        found = getattr(importlib.import_module(place), name, None) if _exists(place) else None
        if isinstance(found, type):
            return found
    raise InvalidValueError(
        f"[deserialize_keras_object] there is no class {name!r} (module {module}); give it by custom_objects="
        f"{{'{name}': {name}}}, or register it with @keras.saving.register_keras_serializable()"
    )


def _exists(module: str) -> bool:
    return importlib.util.find_spec(module) is not None
