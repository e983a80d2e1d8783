"""Reads a darknet net: the layers of its .cfg file with the numbers of its .weights file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import penstock as ps
from penstock.errors import FormatError, PenstockError
from penstock.saved import GraphFunction, GraphModel
from penstock_formats.darknet.boxes import best, decode
from penstock_formats.darknet.cfg import Section, parse
from penstock_formats.darknet.layers import Net
from penstock_formats.darknet.weights import Weights

_MOST_TEXT = 4 << 20
_MOST_PIXELS = 8192


def read(
    path: str | Path,
    *,
    weights: str | Path | None = None,
    max_boxes: int = 100,
    iou_threshold: float = 0.45,
    score_threshold: float = 0.25,
) -> GraphModel:
    """Read a darknet net.

    The functions take images as float32 [batch, height, width, channels] between 0 and 1, of the size in the .cfg file:

    - "main" returns what the last layer made, or for a detector what each [yolo] layer found, [batch, rows, columns,
      anchors, 5 + classes].
    - "boxes" returns every box, [batch, n, 4], as (left, top, right, bottom) in parts of the image, and its scores,
      [batch, n, classes].
    - "detect" takes one image and returns the best boxes, their scores, classes and number.

    The last two exist where there is a [yolo] layer. Names of classes are in `model.metadata["labels"]`, if a .names file
    lies beside the .cfg file and is the only one.

    Args:
        path: The .cfg file.
        weights: The .weights file; None looks for one of the same name beside the .cfg file.
        max_boxes: How many boxes "detect" returns at most.
        iou_threshold: Above which share of their union the worse of two boxes of one class is left out.
        score_threshold: The score that a box of "detect" needs.

    Returns:
        A model whose variables are named "layer3/weights", "layer3/biases" and so on.

    Raises:
        FormatError: A file is damaged, a layer is not known, or the weights are not those of the .cfg file.
        OSError: A file cannot be read.
    """
    path = Path(path)
    source = Path(weights) if weights is not None else path.with_suffix(".weights")
    if not source.is_file():
        raise FormatError(
            f"[darknet] there is no {source}; expected the weights beside the .cfg file, or say weights='...'"
        )
    net, sections = parse(_text(path))
    size, channels = _size(net), net.number("channels", 3, 1)
    numbers = Weights(source.read_bytes())
    limits = max_boxes, iou_threshold, score_threshold

    def build(name: str) -> GraphFunction | None:
        return _function(name, numbers, sections, (*size, channels), limits)

    try:
        functions = {name: f for name in ("main", "boxes", "detect") if (f := build(name))}
    except FormatError:
        raise
    except (PenstockError, ValueError, IndexError, TypeError) as error:
        raise FormatError(
            f"[darknet] the layers of {path.name} do not fit together: {error}; expected a net that darknet runs: correct the "
            "file"
        ) from error
    numbers.finish()
    return GraphModel(functions, numbers.variables, _metadata(path, numbers, size))


def _text(path: Path) -> str:
    raw = path.read_bytes()
    if len(raw) > _MOST_TEXT:
        raise FormatError(
            f"[darknet] {path} has {len(raw):,} bytes; expected at most {_MOST_TEXT:,}; is this a darknet .cfg file?"
        )
    return raw.decode("utf-8", "replace")


def _size(net: Section) -> tuple[int, int]:
    height, width = net.number("height", 0, 1), net.number("width", 0, 1)
    if max(height, width) > _MOST_PIXELS:
        raise net.fail(
            f"has images of {height} · {width}; expected at most {_MOST_PIXELS} a side; correct the file"
        )
    return height, width


def _function(
    name: str,
    weights: Weights,
    sections: list[Section],
    shape: tuple[int, int, int],
    limits: tuple[int, float, float],
) -> GraphFunction | None:
    net = Net(weights)
    batch: int | str = 1 if name == "detect" else "batch"
    with ps.Graph(name).as_default() as graph:
        image = ps.placeholder("float32", (batch, *shape), name="image")
        outputs = [net.build(image, sections)]
        names = ["output"]
        if net.heads and name == "main":
            outputs, names = (
                [h.values for h in net.heads],
                [f"yolo_{i}" for i in range(len(net.heads))],
            )
        elif net.heads:
            outputs, names = _boxes(name, net, shape, limits)
        elif name != "main":
            return None
        graph.inputs, graph.outputs = [image], outputs
    return GraphFunction(graph, name, ["image"], names)


def _boxes(
    name: str, net: Net, shape: tuple[int, int, int], limits: tuple[int, float, float]
) -> tuple[list[Any], list[str]]:
    pairs = [decode(head, shape[:2]) for head in net.heads]
    boxes, scores = (ps.concat(parts, axis=1) for parts in zip(*pairs, strict=True))
    if name == "boxes":
        return [boxes, scores], ["boxes", "scores"]
    found = best(ps.squeeze(boxes, 0), ps.squeeze(scores, 0), *limits)
    return found, ["boxes", "scores", "classes", "count"]


def _metadata(path: Path, weights: Weights, size: tuple[int, int]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "format": "darknet",
        "version": ".".join(map(str, weights.version)),
        "input": {"height": size[0], "width": size[1], "range": [0.0, 1.0]},
    }
    names = sorted(path.parent.glob("*.names"))
    if len(names) == 1:
        found["labels"] = _text(names[0]).split("\n")[:_MOST_PIXELS]
        found["labels"] = [line.strip() for line in found["labels"] if line.strip()]
    return found
