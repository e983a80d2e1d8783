"""Callbacks: what is told how training goes on."""

from penstock_keras_api.callbacks.callback import Callback, CallbackList, History
from penstock_keras_api.callbacks.progress import ProgbarLogger

__all__ = ["Callback", "CallbackList", "History", "ProgbarLogger"]
