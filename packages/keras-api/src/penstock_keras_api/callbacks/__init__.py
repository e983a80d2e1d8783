"""Callbacks: what is told how training goes on."""

from penstock_keras_api.callbacks.backup_and_restore import BackupAndRestore
from penstock_keras_api.callbacks.callback import Callback, History
from penstock_keras_api.callbacks.callback_list import CallbackList
from penstock_keras_api.callbacks.csv_logger import CSVLogger
from penstock_keras_api.callbacks.early_stopping import EarlyStopping
from penstock_keras_api.callbacks.learning_rate import LearningRateScheduler, ReduceLROnPlateau
from penstock_keras_api.callbacks.model_checkpoint import ModelCheckpoint
from penstock_keras_api.callbacks.monitor import MonitorCallback
from penstock_keras_api.callbacks.orbax_checkpoint import OrbaxCheckpoint
from penstock_keras_api.callbacks.progress import ProgbarLogger
from penstock_keras_api.callbacks.remote_monitor import RemoteMonitor
from penstock_keras_api.callbacks.simple import LambdaCallback, TerminateOnNaN
from penstock_keras_api.callbacks.swap_ema_weights import SwapEMAWeights
from penstock_keras_api.callbacks.tensorboard import TensorBoard

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "MonitorCallback",
    "OrbaxCheckpoint",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "RemoteMonitor",
    "SwapEMAWeights",
    "TensorBoard",
    "TerminateOnNaN",
]
