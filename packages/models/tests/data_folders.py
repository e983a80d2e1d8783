"""Small folders of data for tests: pictures that differ, tables, boxes, sounds."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
from PIL import Image


def picture(seed: int, size: tuple[int, int] = (48, 40)) -> Image.Image:
    """A picture with a few large soft spots; no two seeds look alike."""
    rng = np.random.default_rng(seed)
    spots = rng.integers(0, 256, (5, 6, 3), np.uint8)
    return Image.fromarray(spots).resize(size, Image.Resampling.BICUBIC)


def image_folder(base: Path, classes: dict[str, int], start: int = 0) -> Path:
    for label, count in classes.items():
        (base / label).mkdir(parents=True)
        for _ in range(count):
            picture(start).save(base / label / f"{start}.png")
            start += 1
    return base


def sound(path: Path, seed: int, seconds: float = 0.1, rate: int = 16000) -> None:
    samples = np.random.default_rng(seed).integers(-2000, 2000, int(seconds * rate)).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())


def annotation(
    name: str, boxes: list[tuple[str, int, int, int, int]], size: tuple[int, int] = (48, 40)
) -> str:
    things = "".join(
        f"<object><name>{label}</name><bndbox><xmin>{a}</xmin><ymin>{b}</ymin><xmax>{c}</xmax><ymax>{d}</ymax></bndbox>"
        "</object>"
        for label, a, b, c, d in boxes
    )
    return (
        f"<annotation><filename>{name}</filename><size><width>{size[0]}</width><height>{size[1]}</height></size>"
        f"{things}</annotation>"
    )


def voc_folder(base: Path, count: int = 8) -> Path:
    (base / "images").mkdir(parents=True)
    (base / "annotations").mkdir()
    for i in range(count):
        picture(i).save(base / "images" / f"p{i}.png")
        text = annotation(f"p{i}.png", [("cat", 6, 10, 24, 20 + i)])
        (base / "annotations" / f"p{i}.xml").write_text(text)
    return base
