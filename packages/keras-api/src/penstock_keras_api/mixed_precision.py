"""`keras.mixed_precision`: older names of dtype policies, and loss scaling."""

from penstock_keras_api.dtype_policies import (
    DTypePolicy,
    dtype_policy,
    set_dtype_policy,
)
from penstock_keras_api.optimizers import LossScaleOptimizer

Policy = DTypePolicy
global_policy = dtype_policy
set_global_policy = set_dtype_policy

__all__ = [
    "DTypePolicy",
    "LossScaleOptimizer",
    "Policy",
    "dtype_policy",
    "global_policy",
    "set_dtype_policy",
    "set_global_policy",
]
