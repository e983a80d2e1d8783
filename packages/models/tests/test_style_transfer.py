"""Networks that paint, against torch with the same weights, and what is said to those who ask wrongly."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import penstock as ps
import penstock_models as models
from penstock.errors import FormatError, InvalidTypeError, InvalidValueError
from penstock_models.architectures import style_transfer
from penstock_models.layers import MirrorPadding, StyleNorm
from penstock_models.loaders import arbitrary_style, raw_variables
from penstock_models.preprocessing import ImageScaler
from penstock_models.sources import find_files
from penstock_models.tasks.stylist import Stylist

MIRROR = os.environ.get("PENSTOCK_MIRROR", "")
needs_mirror = pytest.mark.skipif(not MIRROR, reason="PENSTOCK_MIRROR names no folder with weights")


def test_norms_are_those_of_torch() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 5, 6, 4)).astype("float32")
    code = rng.normal(size=(2, 3)).astype("float32")
    layer = StyleNorm(3, use_bias=True, epsilon=1e-5)
    layer.build([x.shape, code.shape])
    layer.set_weights([rng.normal(size=w.shape).astype("float32") for w in layer.weights])
    scale_kernel, shift_kernel, scale_bias, shift_bias = layer.get_weights()
    y = torch.nn.functional.instance_norm(torch.tensor(x.transpose(0, 3, 1, 2))).numpy()
    scale, shift = code @ scale_kernel + scale_bias, code @ shift_kernel + shift_bias
    want = y.transpose(0, 2, 3, 1) * scale[:, None, None] + shift[:, None, None]
    np.testing.assert_allclose(layer([x, code]).numpy(), want, atol=1e-5)
    margin = torch.nn.functional.pad(torch.tensor(x.transpose(0, 3, 1, 2)), (2,) * 4, "reflect")
    np.testing.assert_array_equal(MirrorPadding(2)(x).numpy(), margin.numpy().transpose(0, 2, 3, 1))


def painted_by_torch(x: Any, arrays: list[Any]) -> Any:
    """Johnson et al.'s network, as its authors' variables come one after the other."""
    import torch
    from torch.nn import functional

    weights = iter(arrays)

    def norm(y: Any) -> Any:
        shift, scale = (torch.tensor(next(weights).copy()) for _ in range(2))
        return functional.instance_norm(y, weight=scale, bias=shift, eps=1e-3)

    def kernel() -> Any:
        return torch.tensor(next(weights).transpose(3, 2, 0, 1).copy())

    def conv(y: Any, strides: int) -> Any:
        k = kernel()
        size = k.shape[2]
        # TensorFlow's padding, for even sizes: what is too much is put behind.
        total = size - strides if y.shape[2] % strides == 0 else size - 1
        pads = (total // 2, total - total // 2) * 2
        return norm(functional.conv2d(functional.pad(y, pads), k, stride=strides))

    y = torch.tensor(x.transpose(0, 3, 1, 2))
    for strides in (1, 2, 2):
        y = conv(y, strides).relu()
    for _ in range(5):
        y = y + conv(conv(y, 1).relu(), 1)
    for _ in range(2):
        # torch cuts from both sides, TensorFlow only from the end: the margin goes behind.
        whole = functional.conv_transpose2d(y, kernel(), stride=2)
        y = norm(whole[:, :, : 2 * y.shape[2], : 2 * y.shape[3]]).relu()
    y = torch.tanh(conv(y, 1)) * (150 / 255) + 0.5
    return y.numpy().transpose(0, 2, 3, 1)


@needs_mirror
def test_the_wave_is_painted_as_in_torch() -> None:
    pytest.importorskip("torch")
    preset = models.find_preset("style_transfer.wave")
    files = find_files(preset)
    arrays = raw_variables.variables(files)
    assert len(arrays) == 48
    x = np.random.default_rng(0).uniform(0, 255, (1, 40, 52, 3)).astype("float32")
    made = raw_variables.network(preset, files)(x)["image"].numpy()
    np.testing.assert_allclose(made, painted_by_torch(x, arrays), atol=1e-4)
    stylist = models.from_preset("style_transfer.wave")
    pixels = x[0, :39, :50].astype("uint8")
    painted = stylist.predict(pixels)
    assert painted.shape == (39, 50, 3)
    assert painted.std() > 20
    with pytest.raises(InvalidTypeError, match="leave `style` out"):
        stylist.predict(pixels, "wave")
    other = preset.model_copy(update={"config": {"num_blocks": 4}})
    with pytest.raises(FormatError, match="give the sizes that the file was made with"):
        raw_variables.network(other, files)
    short = dict(files, Variable_3=files["Variable_2"])
    with pytest.raises(FormatError, match=r"Variable_3 has 128 bytes; expected 73728"):
        raw_variables.variables(short)


@needs_mirror
def test_networks_of_any_style_have_the_published_weights() -> None:
    files = find_files(models.find_preset("arbitrary_style.f16"))
    predictor, painter = arbitrary_style.networks(files)
    rng = np.random.default_rng(0)
    code = rng.normal(size=(1, 100)).astype("float32")
    picture = rng.uniform(size=(1, 384, 384, 3)).astype("float32")
    want = ps.load(files["transfer"])(picture, code[:, None, None]).numpy()
    made = painter({"images": picture, "style": code})["image"].numpy()
    np.testing.assert_allclose(made, want, atol=1e-4)
    # The file that reads styles has 8 bits: a network with its weights as real numbers is near.
    style = rng.uniform(size=(1, 256, 256, 3)).astype("float32")
    read = ps.load(files["predict"])(style).numpy().ravel()
    ours = predictor(style)["style"].numpy().ravel()
    assert np.corrcoef(read, ours)[0, 1] > 0.99
    with pytest.raises(FormatError, match="give the published one"):
        arbitrary_style.networks(dict(files, transfer=files["predict"]))


def test_manifests_are_checked(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    path.write_text('{"Variable": 3}')
    with pytest.raises(FormatError, match="is no manifest"):
        raw_variables.variables({"manifest": path})


def test_several_styles_and_mixtures_of_them() -> None:
    config = style_transfer.StyleTransferConfig(
        widths=(4, 4, 8), num_blocks=1, code_width=2, padding="mirror", enlarging="nearest",
        output="sigmoid",
    )  # fmt: skip
    net = style_transfer.backbone(config)
    rng = np.random.default_rng(1)
    for weight in net.weights:
        if "kernel" in str(weight.path):
            weight.assign(rng.normal(size=weight.shape).astype("float32") * 0.3)
    run = ps.function(lambda images, style: net({"images": images, "style": style}))
    stylist = Stylist(run, ImageScaler(None), None, ("dots", "lines"))
    picture = rng.integers(0, 256, (20, 24, 3)).astype(np.uint8)
    dots, lines = stylist.predict(picture, "dots"), stylist.predict(picture, "lines")
    assert dots.shape == picture.shape
    assert np.abs(dots.astype(int) - lines).max() > 5
    mixed = stylist.predict(picture, {"dots": 3, "lines": 1})
    assert np.abs(mixed.astype(int) - dots).mean() < np.abs(mixed.astype(int) - lines).mean()
    np.testing.assert_array_equal(stylist.predict(picture, {"dots": 2}), dots)
    for wrong in ("stripes", {"dots": 0}, None):
        with pytest.raises(InvalidValueError, match="give one of dots, lines, or several"):
            stylist.predict(picture, wrong)
