"""Layers: what models are made of."""

from penstock_keras_api.layers.core.dense import Dense
from penstock_keras_api.layers.input_layer import Input, InputLayer
from penstock_keras_api.layers.input_spec import InputSpec
from penstock_keras_api.layers.layer import Layer
from penstock_keras_api.layers.reshaping.flatten import Flatten

__all__ = ["Dense", "Flatten", "Input", "InputLayer", "InputSpec", "Layer"]
