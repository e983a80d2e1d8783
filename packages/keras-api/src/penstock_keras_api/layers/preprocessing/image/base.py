"""What layers that prepare images have in common."""

from __future__ import annotations

from typing import Any, ClassVar

import penstock as ps
from penstock.errors import InvalidValueError, ShapeError
from penstock_keras_api import abstract, config, tree
from penstock_keras_api.layers.layer import Layer
from penstock_keras_api.layers.preprocessing.image import boxes as box
from penstock_keras_api.layers.preprocessing.image.factors import Range, as_range
from penstock_keras_api.random import draws
from penstock_keras_api.random.seed import SeedGenerator

Transformation = dict[str, Any]


class ImageLayer(Layer):
    """Prepare images, and what belongs to them.

    Called on images [batch, height, width, channels] or [height, width, channels], or on a dictionary with "images" and
    any of "labels", "bounding_boxes" and "segmentation_masks"; whatever else is in it stays as it is.

    Subclasses say what happens to images in `_transformed`, in channels_last; to masks in `_transformed_masks`; and to
    boxes in `_moved`, as left, top, right, bottom in pixels. `_drawn` draws what is random, for a whole batch at once.

    Args:
        bounding_box_format: How boxes are given: "xyxy", "yxyx", "xywh", "center_xywh", "center_yxhw", or with "rel_" in
            front, as shares of the image.
        data_format: The order of axes.
        kwargs: As in `Layer`.

    Raises:
        ValueError: There is no such format; in a call: images have neither 3 nor 4 axes, or there are boxes and no
            format.
    """

    _bounds: ClassVar[Range] = (-1.0, 1.0)

    def __init__(
        self, bounding_box_format: str | None = None, data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.bounding_box_format = box.check_format(type(self).__name__, bounding_box_format)
        self.data_format = config.standardize_data_format(data_format)
        self.supports_masking = False
        self.built = True

    # ---- for subclasses

    def _drawn(self, batch: Any, height: Any, width: Any, key: Any) -> Transformation:
        """Draw what is random, for a batch of images of a size."""
        return {}

    def _transformed(self, images: Any, made: Transformation) -> Any:
        """Transform images [batch, height, width, channels]."""
        return images

    def _transformed_masks(self, masks: Any, made: Transformation) -> Any:
        """Transform masks [batch, height, width, channels]."""
        return masks

    def _transformed_labels(self, labels: Any, made: Transformation) -> Any:
        return labels

    def _moved(self, corners: Any, made: Transformation) -> Any:
        """Move boxes [batch, n, 4]; None leaves them as they are."""
        return None

    def _new_size(self, height: Any, width: Any) -> tuple[Any, Any]:
        """Return the size of the result."""
        return height, width

    def _key(self, seed: Any) -> Any:
        return draws.key_of(seed)

    @property
    def _is_random(self) -> bool:
        return isinstance(self, RandomImageLayer)

    # ---- Keras's methods

    def get_random_transformation(
        self, data: Any, training: bool = True, seed: Any = None
    ) -> Transformation | None:
        """Draw what `transform_images` and its siblings take, for images or a dictionary of them.

        Args:
            data: Images with a batch axis, or a dictionary with "images".
            training: Without it nothing is drawn.
            seed: What `penstock_keras_api.random.draws.key_of` takes; by default the layer's generator.
        """
        if not training and self._is_random:
            return None
        images = data["images"] if isinstance(data, dict) else data
        shape = self._sizes(images)
        made = self._drawn(*shape, self._key(seed) if self._is_random else None)
        return {**made, "batch": shape[0], "height": shape[1], "width": shape[2]}

    def _sizes(self, images: Any) -> tuple[Any, Any, Any]:
        batch, *rest = images.shape
        first = self.data_format == "channels_first"
        return (batch, rest[1], rest[2]) if first else (batch, rest[0], rest[1])

    def transform_images(
        self, images: Any, transformation: Transformation | None, training: bool = True
    ) -> Any:
        """Transform a batch of images."""
        images = ps.cast(ps.asarray(images), self.compute_dtype)
        return self._in_last(images, transformation, self._transformed)

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Transformation | None, training: bool = True
    ) -> Any:
        """Transform a batch of segmentation masks."""
        masks = ps.asarray(segmentation_masks)
        return self._in_last(masks, transformation, self._transformed_masks)

    def _in_last(self, images: Any, made: Transformation | None, function: Any) -> Any:
        if made is None:
            return images
        if self.data_format == "channels_last":
            return function(images, made)
        return ps.moveaxis(function(ps.moveaxis(images, 1, 3), made), 3, 1)

    def transform_labels(
        self, labels: Any, transformation: Transformation | None, training: bool = True
    ) -> Any:
        """Transform the labels of a batch."""
        return (
            labels if transformation is None else self._transformed_labels(labels, transformation)
        )

    def transform_bounding_boxes(
        self, bounding_boxes: Any, transformation: Transformation | None, training: bool = True
    ) -> Any:
        """Transform the boxes of a batch: {"boxes": [batch, n, 4], "labels": [batch, n]}."""
        if self.bounding_box_format is None:
            raise InvalidValueError(
                f"[{self.name}] got bounding boxes and no format; give bounding_box_format='xyxy' to the layer"
            )
        if transformation is None:
            return bounding_boxes
        made = transformation
        height, width = made["height"], made["width"]
        given = ps.cast(ps.asarray(bounding_boxes["boxes"]), "float32")
        moved = self._moved(box.to_corners(given, self.bounding_box_format, height, width), made)
        if moved is None:
            return bounding_boxes
        height, width = self._new_size(height, width)
        moved, labels = box.clipped(moved, ps.asarray(bounding_boxes["labels"]), height, width)
        back = box.from_corners(moved, self.bounding_box_format, height, width)
        return {**bounding_boxes, "boxes": back, "labels": labels}

    # ---- calling

    def call(self, data: Any, training: bool = True) -> Any:
        """Transform images, or a dictionary of them and of what belongs to them."""
        images = ps.asarray(data["images"] if isinstance(data, dict) else data)
        if images.ndim not in (3, 4):
            raise ShapeError(
                f"[{self.name}] got images of shape {tuple(images.shape)}; expected [batch, height, width, channels], or "
                "one without the batch axis"
            )
        if images.ndim == 3:
            one = tree.map_structure(lambda x: ps.expand_dims(ps.asarray(x), 0), data)
            made = self._called(one, training)
            return tree.map_structure(lambda x: ps.squeeze(x, 0) if x.shape[0] == 1 else x, made)
        return self._called(data, training)

    def _called(self, data: Any, training: bool) -> Any:
        made = self.get_random_transformation(data, training=training, seed=self._seed())
        if not isinstance(data, dict):
            return self.transform_images(data, made, training)
        methods = {
            "images": self.transform_images,
            "labels": self.transform_labels,
            "bounding_boxes": self.transform_bounding_boxes,
            "segmentation_masks": self.transform_segmentation_masks,
        }
        return {
            name: methods[name](value, made, training) if name in methods else value
            for name, value in data.items()
        }

    def _seed(self) -> Any:
        return None

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output."""
        if isinstance(input_shape, dict):
            return {k: self._shape_of(k, v) for k, v in input_shape.items()}
        return self._shape_of("images", tuple(input_shape))

    def _shape_of(self, name: str, shape: Any) -> Any:
        if name not in ("images", "segmentation_masks"):
            return shape
        at = len(shape) - (3 if self.data_format == "channels_last" else 2)
        return (*shape[:at], *self._new_size(shape[at], shape[at + 1]), *shape[at + 2 :])

    def compute_output_spec(self, data: Any, training: bool = True) -> Any:
        """Return what stands for the output."""
        return abstract.compute_output_spec(self.call, data, training=training)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        made = {**super().get_config(), "data_format": self.data_format}
        if self.bounding_box_format is not None:
            made["bounding_box_format"] = self.bounding_box_format
        return made


class RandomImageLayer(ImageLayer):
    """An image layer that draws how strongly it works, for each image.

    Args:
        seed: Where the stream of random numbers begins; None for anywhere.
        kwargs: As in `ImageLayer`.

    Raises:
        ValueError: The seed is no whole number of at least 0; else as in `ImageLayer`.
    """

    def __init__(self, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed = seed
        self.generator = SeedGenerator(seed)

    def _seed(self) -> Any:
        return self.generator

    def _key(self, seed: Any) -> Any:
        return draws.key_of(self.generator if seed is None else seed)

    def _set_factor(self, factor: Any, name: str = "factor") -> Range:
        return as_range(type(self).__name__, name, factor, self._bounds)
