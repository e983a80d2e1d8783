"""From what people have to what networks take."""

from penstock_models.preprocessing.audio_reader import read_audio
from penstock_models.preprocessing.image_batch import pictures
from penstock_models.preprocessing.image_reader import read_image
from penstock_models.preprocessing.image_scaler import ImageScaler
from penstock_models.preprocessing.sound_features import SoundFeatures
from penstock_models.preprocessing.steady_features import SteadyFeatures

__all__ = ["ImageScaler", "SoundFeatures", "SteadyFeatures", "pictures", "read_audio", "read_image"]
