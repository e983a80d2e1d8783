"""Boxes around things in images: formats, overlap, and what happens to them when images change."""

from penstock_keras_api.utils.bounding_boxes.changes import (
    affine_transform,
    clip_to_image_size,
    crop,
    decode_deltas_to_boxes,
    encode_box_to_deltas,
    pad,
)
from penstock_keras_api.utils.bounding_boxes.formats import convert_format
from penstock_keras_api.utils.bounding_boxes.overlap import compute_ciou, compute_iou

__all__ = [
    "affine_transform",
    "clip_to_image_size",
    "compute_ciou",
    "compute_iou",
    "convert_format",
    "crop",
    "decode_deltas_to_boxes",
    "encode_box_to_deltas",
    "pad",
]
