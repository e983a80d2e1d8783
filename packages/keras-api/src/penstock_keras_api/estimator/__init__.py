"""Estimators: a model function, and a folder with everything that comes of training it.

This file only re-exports.
"""

from penstock_keras_api.estimator import experimental, export, inputs
from penstock_keras_api.estimator.adding import add_metrics
from penstock_keras_api.estimator.canned import (
    BaselineClassifier,
    BaselineEstimator,
    BaselineRegressor,
    BoostedTreesClassifier,
    BoostedTreesEstimator,
    BoostedTreesRegressor,
    DNNClassifier,
    DNNEstimator,
    DNNLinearCombinedClassifier,
    DNNLinearCombinedEstimator,
    DNNLinearCombinedRegressor,
    DNNRegressor,
    KMeans,
    LinearClassifier,
    LinearEstimator,
    LinearRegressor,
    RNNClassifier,
    RNNEstimator,
)
from penstock_keras_api.estimator.checkpoints import (
    latest_checkpoint,
    list_variables,
    load_variable,
)
from penstock_keras_api.estimator.early_stopping import (
    InMemoryEvaluatorHook,
    make_early_stopping_hook,
    stop_if_higher_hook,
    stop_if_lower_hook,
    stop_if_no_decrease_hook,
    stop_if_no_increase_hook,
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
from penstock_keras_api.estimator.exporters import (
    BestExporter,
    Exporter,
    FinalExporter,
    LatestExporter,
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
from penstock_keras_api.estimator.keras_model import model_to_estimator
from penstock_keras_api.estimator.parsing import (
    classifier_parse_example_spec,
    regressor_parse_example_spec,
)
from penstock_keras_api.estimator.run_config import RunConfig, TaskType
from penstock_keras_api.estimator.saving import CheckpointSaverHook, CheckpointSaverListener
from penstock_keras_api.estimator.session import (
    SessionRunArgs,
    SessionRunContext,
    SessionRunHook,
    SessionRunValues,
)
from penstock_keras_api.estimator.spec import EstimatorSpec, ModeKeys
from penstock_keras_api.estimator.training import EvalSpec, TrainSpec, train_and_evaluate
from penstock_keras_api.estimator.warm_start import VocabInfo, WarmStartSettings

__all__ = [
    "BaselineClassifier",
    "BaselineEstimator",
    "BaselineRegressor",
    "BestExporter",
    "BinaryClassHead",
    "BoostedTreesClassifier",
    "BoostedTreesEstimator",
    "BoostedTreesRegressor",
    "CheckpointSaverHook",
    "CheckpointSaverListener",
    "ClassificationOutput",
    "DNNClassifier",
    "DNNEstimator",
    "DNNLinearCombinedClassifier",
    "DNNLinearCombinedEstimator",
    "DNNLinearCombinedRegressor",
    "DNNRegressor",
    "Estimator",
    "EstimatorSpec",
    "EvalSpec",
    "Exporter",
    "FeedFnHook",
    "FinalExporter",
    "FinalOpsHook",
    "GlobalStepWaiterHook",
    "Head",
    "InMemoryEvaluatorHook",
    "KMeans",
    "LatestExporter",
    "LinearClassifier",
    "LinearEstimator",
    "LinearRegressor",
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
    "RNNClassifier",
    "RNNEstimator",
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
    "TrainSpec",
    "VocabInfo",
    "WarmStartSettings",
    "add_metrics",
    "build_parsing_serving_input_receiver_fn",
    "build_raw_serving_input_receiver_fn",
    "classifier_parse_example_spec",
    "experimental",
    "export",
    "inputs",
    "latest_checkpoint",
    "list_variables",
    "load_variable",
    "make_early_stopping_hook",
    "model_to_estimator",
    "read_eval_metrics",
    "regressor_parse_example_spec",
    "stop_if_higher_hook",
    "stop_if_lower_hook",
    "stop_if_no_decrease_hook",
    "stop_if_no_increase_hook",
    "train_and_evaluate",
]
