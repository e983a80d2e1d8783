"""What other frameworks call the things that are here, for the errors about names that are not."""

from __future__ import annotations

import functools
from typing import Any

# Functions of NumPy, PyTorch, TensorFlow and JAX, and what to write here.
FUNCTIONS: dict[str, str] = {
    "absolute": "penstock.abs(x)",
    "arccos": "penstock.acos(x)",
    "arcsin": "penstock.asin(x)",
    "arctan": "penstock.atan(x)",
    "array": "penstock.asarray(values)",
    "as_tensor": "penstock.asarray(values)",
    "autocast": "penstock.mixed_precision.autocast(fn, dtype)",
    "bmm": "penstock.matmul(x, y)",
    "cat": "penstock.concat(xs, axis)",
    "clamp": "penstock.clip(x, min, max)",
    "clip_by_value": "penstock.clip(x, min, max)",
    "compile": "penstock.function(fn)",
    "concatenate": "penstock.concat(xs, axis)",
    "constant": "penstock.asarray(values)",
    "convert_to_tensor": "penstock.asarray(values)",
    "div": "penstock.divide(x, y)",
    "fill": "penstock.full(shape, value)",
    "from_numpy": "penstock.asarray(array)",
    "gather": "penstock.take(x, indices, axis)",
    "index_select": "penstock.take(x, indices, axis)",
    "jit": "penstock.function(fn)",
    "list_devices": "penstock.devices()",
    "manual_seed": "penstock.random.set_seed(seed)",
    "masked_select": "penstock.boolean_mask(x, mask)",
    "mm": "penstock.matmul(x, y)",
    "mul": "penstock.multiply(x, y)",
    "neg": "penstock.negative(x)",
    "no_grad": "nothing: gradients are taken only of what a GradientTape or penstock.grad watches",
    "numpy": "NumPy itself: tensors go in and out of it, x.numpy()",
    "permute": "penstock.permute_dims(x, axes)",
    "rand": "penstock.random.uniform(shape)",
    "randn": "penstock.random.normal(shape)",
    "range": "penstock.arange(stop)",
    "set_random_seed": "penstock.random.set_seed(seed)",
    "sub": "penstock.subtract(x, y)",
    "tensor": "penstock.asarray(values)",
    "unsqueeze": "penstock.expand_dims(x, axis)",
    "view": "penstock.reshape(x, shape)",
    "Module": "a class of your own that holds penstock.Variable objects",
    "Parameter": "penstock.Variable(value)",
}
FUNCTIONS |= {
    f"reduce_{name}": f"penstock.{name}(x, axis)"
    for name in ("all", "any", "logsumexp", "max", "mean", "min", "prod", "std", "sum")
}
FUNCTIONS["reduce_variance"] = "penstock.var(x, axis)"
FUNCTIONS |= dict.fromkeys(
    (
        *("get_variable", "global_variables_initializer", "placeholder_with_default"),
        *("train", "variable_scope", "InteractiveSession"),
    ),
    "the same name in penstock.v1",
)

# Methods of other frameworks' tensors, besides functions of the same name.
METHODS: dict[str, str] = {
    "backward": "penstock.value_and_grad(fn)(x), or a penstock.GradientTape",
    "contiguous": "nothing: tensors are always contiguous",
    "cpu": "penstock.to_device(x, 'cpu')",
    "cuda": "penstock.to_device(x, name)",
    "detach": "penstock.stop_gradient(x)",
    "double": "x.astype(penstock.float64)",
    "eval": "x.numpy(), or Session.run in penstock.v1",
    "float": "x.astype(penstock.float32)",
    "get_shape": "x.shape",
    "int": "x.astype(penstock.int32)",
    "long": "x.astype(penstock.int64)",
    "numel": "x.size",
    "requires_grad": "penstock.grad(fn), or a penstock.GradientTape",
    "set_shape": "x.reshape(shape)",
    "to": "x.astype(dtype), or penstock.to_device(x, device)",
    "type": "x.astype(dtype)",
}

# Keyword arguments; the hint is given where the function has an argument of the new name.
KEYWORDS: dict[str, str] = {
    "dim": "axis",
    "dims": "axes",
    "keep_dims": "keepdims",
    "keepdim": "keepdims",
    "perm": "axes",
    "reduction_indices": "axis",
}


def function_hint(name: str) -> str:
    """Return what to add to the error about a function that `penstock` does not have; perhaps nothing."""
    import penstock

    return _hint(name, FUNCTIONS, "penstock.", penstock.__all__)


@functools.lru_cache(256)  # `hasattr` comes here too, again and again for one name
def method_hint(name: str) -> str:
    """Do so for a method of tensors: what is no method may be a function."""
    import penstock

    if name not in METHODS and name not in FUNCTIONS and name in penstock.__all__:
        return f"; use penstock.{name}(x)"
    methods = [m for m in dir(penstock.Tensor) if not m.startswith("_")]
    return _hint(name, FUNCTIONS | METHODS, "x.", methods)


def _hint(name: str, table: dict[str, str], prefix: str, known: list[str]) -> str:
    if name in table:
        return f"; use {table[name]}"
    import difflib  # here, because this module is read by every `import penstock`

    near = difflib.get_close_matches(name, known, n=1, cutoff=0.8)
    return f"; did you mean {prefix}{near[0]}?" if near else ""


def missing_method(self: Any, name: str) -> Any:
    """Say of an attribute that tensors do not have what to use instead."""
    hint = "" if name.startswith("_") else method_hint(name)
    raise AttributeError(f"a Tensor has no attribute {name!r}{hint}")
