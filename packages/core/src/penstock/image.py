"""Images: [height, width, channels], or several of them with a batch axis in front.

small = penstock.image.resize(images, (224, 224), antialias=True)
"""

from penstock.ops.image_adjust import (
    adjust_brightness,
    adjust_contrast,
    adjust_gamma,
    adjust_hue,
    adjust_saturation,
    convert_image_dtype,
    grayscale_to_rgb,
    per_image_standardization,
    rgb_to_grayscale,
)
from penstock.ops.image_boxes import (
    box_convert,
    box_iou,
    clip_boxes,
    non_max_suppression,
    non_max_suppression_with_scores,
)
from penstock.ops.image_color import hsv_to_rgb, rgb_to_hsv, rgb_to_yuv, yuv_to_rgb
from penstock.ops.image_crop import (
    central_crop,
    crop_to_bounding_box,
    extract_patches,
    flip_left_right,
    flip_up_down,
    pad_to_bounding_box,
    resize_with_crop_or_pad,
    resize_with_pad,
    rot90,
    transpose,
)
from penstock.ops.image_files import decode_image, encode_bmp, encode_jpeg, encode_png
from penstock.ops.image_measures import (
    image_gradients,
    psnr,
    sobel_edges,
    ssim,
    total_variation,
)
from penstock.ops.image_random import (
    random_brightness,
    random_contrast,
    random_crop,
    random_flip_left_right,
    random_flip_up_down,
    random_hue,
    random_saturation,
)
from penstock.ops.image_regions import crop_and_resize, draw_bounding_boxes
from penstock.ops.image_resize import resize
from penstock.ops.image_sample import image_sample as sample

__all__ = [
    "adjust_brightness",
    "adjust_contrast",
    "adjust_gamma",
    "adjust_hue",
    "adjust_saturation",
    "box_convert",
    "box_iou",
    "central_crop",
    "clip_boxes",
    "convert_image_dtype",
    "crop_and_resize",
    "crop_to_bounding_box",
    "decode_image",
    "draw_bounding_boxes",
    "encode_bmp",
    "encode_jpeg",
    "encode_png",
    "extract_patches",
    "flip_left_right",
    "flip_up_down",
    "grayscale_to_rgb",
    "hsv_to_rgb",
    "image_gradients",
    "non_max_suppression",
    "non_max_suppression_with_scores",
    "pad_to_bounding_box",
    "per_image_standardization",
    "psnr",
    "random_brightness",
    "random_contrast",
    "random_crop",
    "random_flip_left_right",
    "random_flip_up_down",
    "random_hue",
    "random_saturation",
    "resize",
    "resize_with_crop_or_pad",
    "resize_with_pad",
    "rgb_to_grayscale",
    "rgb_to_hsv",
    "rgb_to_yuv",
    "rot90",
    "sample",
    "sobel_edges",
    "ssim",
    "total_variation",
    "transpose",
    "yuv_to_rgb",
]
