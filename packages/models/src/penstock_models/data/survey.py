"""Look at every example once: can it be read, how large is it, and what is it equal to?"""

from __future__ import annotations

import hashlib
import re
import warnings
import wave
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from penstock.errors import FormatError, PluginError
from penstock_models.data.found import Found


@dataclass(frozen=True)
class Facts:
    """What is known about an example.

    Args:
        sha256: The hash of its content: the file's bytes, or the text's.
        same: What examples have in common that are the same but for how they are written; "" for none but equals.
        size: Width and height of a picture as it is seen; samples and rate of a sound; characters of a text.
        thumbnail: uint8 [16, 16, 3], of pictures.
        bits: bool [64]: where a picture gets brighter from left to right.
    """

    sha256: str
    same: str
    size: tuple[int, ...]
    thumbnail: np.ndarray[Any, Any] | None = None
    bits: np.ndarray[Any, Any] | None = None


def survey(found: Found, advance: Callable[[], None] = lambda: None) -> list[Facts]:
    """Look at all examples, and leave out those that cannot be read.

    Args:
        found: What a reader found; afterwards what can be read of it, and what cannot among `skipped`.
        advance: Called after each example.

    Returns:
        The facts of what is left, in the same order.

    Raises:
        PluginError: Pictures need Pillow.
    """
    look: dict[str, Callable[[Any], Facts]] = {
        "image": of_picture,
        "detection": of_picture,
        "audio": of_sound,
        "text": of_text,
    }
    if found.kind in ("image", "detection") and find_spec("PIL") is None:
        raise PluginError(
            '[data] pictures need Pillow; type: pip install "penstock-models[images]"'
        )
    kept, facts = [], []
    for at, given in enumerate(found.inputs):
        try:
            facts.append(look[found.kind](given))
            kept.append(at)
        except FormatError as error:
            found.skip(found.names[at], str(error))
        advance()
    found.keep(kept)
    return facts


def of_text(text: str) -> Facts:
    """Return the facts of a text; it is the same as others that differ in case, spaces and punctuation."""
    words = " ".join(re.findall(r"\w+", text.casefold()))
    return Facts(_sha256(text.encode()), _sha256((words or text).encode()), (len(text),))


def of_sound(path: Path) -> Facts:
    """Return the facts of a .wav file; it is the same as others with the same samples.

    Raises:
        FormatError: It is none, has no sound in it, or other numbers than of 16 bits.
    """
    try:
        with wave.open(str(path)) as file:
            width, rate, count = file.getsampwidth(), file.getframerate(), file.getnframes()
            samples = file.readframes(count)
            channels = file.getnchannels()
    except (wave.Error, EOFError, OSError) as error:
        raise FormatError(f"it is no .wav file: {str(error) or 'it ends too early'}") from None
    if width != 2:
        raise FormatError(f"its samples have {8 * width} bits; convert it to 16 bits")
    if not samples:
        raise FormatError("it holds no sound")
    if rate < 1:
        raise FormatError("it has no samples in a second; save it again")
    if len(samples) < count * channels * width:
        raise FormatError(f"it ends after {len(samples) // channels // width} of {count} samples")
    return Facts(_sha256(path.read_bytes()), _sha256(samples), (count, rate))


def of_picture(path: Path) -> Facts:
    """Return the facts of a picture.

    Raises:
        FormatError: It cannot be read, or is too large.
    """
    from PIL import Image, ImageOps

    try:
        data = path.read_bytes()
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            opened = Image.open(path)
        with opened:
            width, height = opened.size
            turned = opened.getexif().get(0x0112, 1) in (5, 6, 7, 8)
            opened.draft("RGB", (128, 128))  # JPEGs are decoded small, but to their end
            image = ImageOps.exif_transpose(opened)
            if image.mode.startswith(("I", "F")):
                image = _in_8_bits(image)
            rgb = image.convert("RGB")
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise FormatError(f"{str(error).partition(',')[0]}; make it smaller") from None
    except Exception as error:  # PIL raises almost anything on damaged files
        if not path.exists():
            raise FormatError("it is gone") from None
        raise FormatError(f"it cannot be read as a picture: {_in_short(error, data)}") from None
    gray = np.asarray(rgb.convert("L").resize((9, 8), Image.Resampling.BOX), np.int16)
    return Facts(
        _sha256(data),
        "",
        (height, width) if turned else (width, height),
        np.asarray(rgb.resize((16, 16), Image.Resampling.BOX)),
        (gray[:, 1:] > gray[:, :-1]).reshape(-1),
    )


def _in_8_bits(image: Any) -> Any:
    from PIL import Image

    values = np.asarray(image, np.float64)
    top = 65535.0 if image.mode.startswith("I") else max(float(values.max()), 1.0)
    return Image.fromarray(np.clip(values / top * 255, 0, 255).astype(np.uint8))


def _in_short(error: Exception, data: bytes) -> str:
    if not data:
        return "the file is empty"
    text = str(error)
    return "it is no picture, or damaged" if "cannot identify" in text else text


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
