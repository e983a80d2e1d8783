"""TensorFlow 1's way of working: ops append to a default graph, and nothing runs before `Session.run`.

    import penstock.v1 as tf

    hello = tf.constant("Hello")
    total = tf.constant(40) + tf.constant(2)
    with tf.Session() as sess:
        print(sess.run(hello), sess.run(total))

Here are the names that its programs use most: variables and their scopes, `reduce_sum` and its kin, `tf.nn` with losses,
convolutions and pools, `tf.train` with six optimisers, `tf.layers`, `tf.losses` and `tf.metrics`. Besides, every function of
`penstock` and every op of `penstock.ops` is here under its own name; called here it appends to the default graph, and takes
`name=` for the node that computes its result. Of what is missing the error says what to use.
"""

from __future__ import annotations

import types
from typing import Any

import penstock
from penstock import _migration
from penstock._native import Graph
from penstock.dtypes import *  # noqa: F403
from penstock.graph import Operation, control_dependencies, device, group, name_scope
from penstock.session import Session
from penstock.session import default_session as get_default_session
from penstock.v1 import layers, losses, metrics, nn, train
from penstock.v1._functions import (
    RENAMED,
    add_n,
    assign,
    assign_add,
    assign_sub,
    placeholder_with_default,
    reduce_all,
    reduce_any,
    reduce_logsumexp,
    reduce_max,
    reduce_mean,
    reduce_min,
    reduce_prod,
    reduce_sum,
    set_random_seed,
    truncated_normal,
)
from penstock.v1._graph import (
    Variable,
    constant,
    get_default_graph,
    global_variables,
    global_variables_initializer,
    local_variables,
    local_variables_initializer,
    placeholder,
    reset_default_graph,
    trainable_variables,
    wrapped,
)
from penstock.v1._queues import (
    FIFOQueue,
    PaddingFIFOQueue,
    PriorityQueue,
    QueueBase,
    RandomShuffleQueue,
    RunOptions,
)
from penstock.v1._variables import (
    AUTO_REUSE,
    VariableScope,
    constant_initializer,
    get_variable,
    get_variable_scope,
    glorot_uniform_initializer,
    ones_initializer,
    random_normal_initializer,
    random_uniform_initializer,
    truncated_normal_initializer,
    variable_scope,
    zeros_initializer,
)

convert_to_tensor = constant
newaxis = None
initialize_all_variables = global_variables_initializer

# What TensorFlow 1 had and this has not, with what does its work.
MISSING = {
    "ConfigProto": "nothing: Session takes a graph only; penstock.runtime has the settings",
    "InteractiveSession": "`with tf.Session() as sess:` and sess.run(x)",
    "app": "plain Python: call main()",
    "contrib": "the functions of tf.nn, or a plugin's ops",
    "data": "Python's own loops, which feed placeholders",
    "estimator": "penstock.keras.estimator: pip install penstock-keras-api",
    "feature_column": "penstock.keras.feature_column: pip install penstock-keras-api",
    "flags": "argparse",
    "get_collection": "tf.global_variables() or tf.trainable_variables()",
    "keras": "penstock.keras: pip install penstock-keras-api",
    "py_func": "tf.numpy_function(func, inp, Tout, shapes)",
}

# What an installed penstock-keras-api gives.
_OF_KERAS = ("estimator", "feature_column", "keras")


def __getattr__(name: str) -> Any:
    if name in _OF_KERAS and hasattr(penstock, "keras"):
        return penstock.keras if name == "keras" else getattr(penstock.keras, name)
    # TensorFlow 1 offers ops such as random_normal at the top; here they are in penstock.ops only.
    wanted = RENAMED.get(name, name)
    is_op = wanted in penstock.ops.BLOCKS and hasattr(penstock.ops, wanted)
    found = getattr(penstock.ops if is_op else penstock, wanted, None)
    if found is None:
        hint = f"; use {MISSING[name]}" if name in MISSING else _migration.function_hint(name)
        raise AttributeError(f"module 'penstock.v1' has no attribute {name!r}{hint}")
    return _Namespace(found) if isinstance(found, types.ModuleType) else wrapped(found)


class _Namespace:
    """A submodule, such as `random`, whose functions append to the default graph."""

    def __init__(self, module: types.ModuleType) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return wrapped(getattr(self._module, name))


__all__ = [
    "AUTO_REUSE",
    "FIFOQueue",
    "Graph",
    "Operation",
    "PaddingFIFOQueue",
    "PriorityQueue",
    "QueueBase",
    "RandomShuffleQueue",
    "RunOptions",
    "Session",
    "Variable",
    "VariableScope",
    "add_n",
    "assign",
    "assign_add",
    "assign_sub",
    "constant",
    "constant_initializer",
    "control_dependencies",
    "convert_to_tensor",
    "device",
    "get_default_graph",
    "get_default_session",
    "get_variable",
    "get_variable_scope",
    "global_variables",
    "global_variables_initializer",
    "glorot_uniform_initializer",
    "group",
    "initialize_all_variables",
    "layers",
    "local_variables",
    "local_variables_initializer",
    "losses",
    "metrics",
    "name_scope",
    "newaxis",
    "nn",
    "ones_initializer",
    "placeholder",
    "placeholder_with_default",
    "random_normal_initializer",
    "random_uniform_initializer",
    "reduce_all",
    "reduce_any",
    "reduce_logsumexp",
    "reduce_max",
    "reduce_mean",
    "reduce_min",
    "reduce_prod",
    "reduce_sum",
    "reset_default_graph",
    "set_random_seed",
    "train",
    "trainable_variables",
    "truncated_normal",
    "truncated_normal_initializer",
    "variable_scope",
    "zeros_initializer",
]
