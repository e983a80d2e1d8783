"""Estimators: a model function, and a folder with everything that comes of training it.

This file only re-exports.
"""

from penstock_keras_api.estimator.checkpoints import (
    latest_checkpoint,
    list_variables,
    load_variable,
)
from penstock_keras_api.estimator.estimator import Estimator
from penstock_keras_api.estimator.evaluations import read_eval_metrics
from penstock_keras_api.estimator.export import (
    ClassificationOutput,
    PredictOutput,
    RegressionOutput,
    ServingInputReceiver,
    TensorServingInputReceiver,
    build_parsing_serving_input_receiver_fn,
    build_raw_serving_input_receiver_fn,
)
from penstock_keras_api.estimator.heads import (
    BinaryClassHead,
    Head,
    LogisticRegressionHead,
    MultiClassHead,
    MultiHead,
    MultiLabelHead,
    PoissonRegressionHead,
    RegressionHead,
)
from penstock_keras_api.estimator.hooks import (
    CheckpointSaverHook,
    CheckpointSaverListener,
    FeedFnHook,
    FinalOpsHook,
    GlobalStepWaiterHook,
    LoggingTensorHook,
    NanLossDuringTrainingError,
    NanTensorHook,
    ProfilerHook,
    SecondOrStepTimer,
    StepCounterHook,
    StopAtCheckpointStepHook,
    StopAtStepHook,
    SummarySaverHook,
)
from penstock_keras_api.estimator.run_config import RunConfig, TaskType
from penstock_keras_api.estimator.session import (
    SessionRunArgs,
    SessionRunContext,
    SessionRunHook,
    SessionRunValues,
)
from penstock_keras_api.estimator.spec import EstimatorSpec, ModeKeys
from penstock_keras_api.estimator.warm_start import VocabInfo, WarmStartSettings

__all__ = [
    "BinaryClassHead",
    "CheckpointSaverHook",
    "CheckpointSaverListener",
    "ClassificationOutput",
    "Estimator",
    "EstimatorSpec",
    "FeedFnHook",
    "FinalOpsHook",
    "GlobalStepWaiterHook",
    "Head",
    "LoggingTensorHook",
    "LogisticRegressionHead",
    "ModeKeys",
    "MultiClassHead",
    "MultiHead",
    "MultiLabelHead",
    "NanLossDuringTrainingError",
    "NanTensorHook",
    "PoissonRegressionHead",
    "PredictOutput",
    "ProfilerHook",
    "RegressionHead",
    "RegressionOutput",
    "RunConfig",
    "SecondOrStepTimer",
    "ServingInputReceiver",
    "SessionRunArgs",
    "SessionRunContext",
    "SessionRunHook",
    "SessionRunValues",
    "StepCounterHook",
    "StopAtCheckpointStepHook",
    "StopAtStepHook",
    "SummarySaverHook",
    "TaskType",
    "TensorServingInputReceiver",
    "VocabInfo",
    "WarmStartSettings",
    "build_parsing_serving_input_receiver_fn",
    "build_raw_serving_input_receiver_fn",
    "latest_checkpoint",
    "list_variables",
    "load_variable",
    "read_eval_metrics",
]
