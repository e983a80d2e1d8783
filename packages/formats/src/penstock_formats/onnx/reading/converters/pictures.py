"""Image files as tensors."""

from __future__ import annotations

import penstock as ps
from penstock import Tensor
from penstock_formats.onnx.reading.table import Call, converts
from penstock_formats.onnx.reading.values import Value


@converts("ImageDecoder")
def _image_decoder(call: Call, encoded: Value) -> Tensor:
    """Decode the files that `penstock.image.decode_image` knows."""
    call.only_eager("decodes a file, which is as large as it happens to be")
    form = call.attr("pixel_format", "RGB")
    if form not in ("RGB", "BGR", "Grayscale"):
        raise call.unsupported(f"the pixel format {form!r}")
    data = encoded.tensor.numpy().tobytes()
    pixels = ps.image.decode_image(data, channels=1 if form == "Grayscale" else 3)
    return ps.flip(pixels, axis=2) if form == "BGR" else pixels
