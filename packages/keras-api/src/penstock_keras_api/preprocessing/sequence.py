"""`keras.preprocessing.sequence`: an older name of `keras.utils.pad_sequences`."""

from penstock_keras_api.utils.arrays import pad_sequences

__all__ = ["pad_sequences"]
