"""Image layers: their fixed parts against Keras itself and SciPy, what is random by its properties."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock import keras

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
layers = keras.layers
Array = np.ndarray[Any, Any]
X = np.random.default_rng(0).uniform(0, 255, (2, 8, 10, 3)).astype("float32")
# A range of one number leaves nothing to chance.
FIXED = [
    "RandomRotation((0.1, 0.1), fill_mode='constant')",
    "RandomRotation((0.1, 0.1), fill_mode='nearest')",
    "RandomRotation((0.1, 0.1))",
    "RandomRotation((0.1, 0.1), fill_mode='constant', interpolation='nearest', fill_value=7.0)",
    "RandomTranslation((0.2, 0.2), (0.13, 0.13), fill_mode='constant')",
    "RandomTranslation((-0.25, -0.25), (0.1, 0.1), fill_mode='nearest')",
    "RandomZoom((0.2, 0.2), (0.5, 0.5), fill_mode='constant')",
    "RandomZoom((-0.2, -0.2), fill_mode='nearest')",
    "RandomBrightness((0.2, 0.2))",
    "RandomBrightness((-0.3, -0.3))",
    "RandomSaturation((0.7, 0.7))",
    "RandomSaturation((0.2, 0.2))",
    "RandomSharpness((0.8, 0.8))",
    "RandomSharpness((0.3, 0.3))",
    "RandomColorDegeneration((0.4, 0.4))",
    "RandomGrayscale(1.0)",
    "RandomInvert((1, 1))",
    "RandomPosterization((3, 3))",
    "RandomGaussianBlur((1, 1), sigma=(0.7, 0.7))",
    "Solarization()",
    "Solarization(threshold_factor=0)",
    "Equalization()",
    "Equalization(bins=16)",
    "AutoContrast()",
    "ContrastLimitedAdaptiveHistogramEqualization(tile_grid_size=(2, 2), clip_limit=12.8)",
    "Resizing(5, 7)",
    "Resizing(5, 7, 'nearest')",
    "Resizing(5, 7, antialias=True)",
    "Resizing(16, 5, crop_to_aspect_ratio=True)",
    "Resizing(16, 5, pad_to_aspect_ratio=True, fill_value=3.0)",
    "CenterCrop(4, 6)",
    "CenterCrop(5, 5)",
    "CenterCrop(12, 20)",
]
RANDOM = [
    "RandomCrop(4, 6, seed=1)",
    "RandomFlip(seed=1)",
    "RandomFlip('horizontal', seed=1)",
    "RandomRotation(0.2, seed=1)",
    "RandomTranslation(0.1, (0.1, 0.2), seed=1)",
    "RandomZoom(0.2, seed=1)",
    "RandomShear(0.1, 0.2, seed=1)",
    "RandomBrightness(0.2, seed=1)",
    "RandomContrast(0.2, seed=1)",
    "RandomHue(0.2, seed=1)",
    "RandomSaturation(0.4, seed=1)",
    "RandomSharpness(0.3, seed=1)",
    "RandomColorJitter(brightness_factor=0.2, contrast_factor=0.3, saturation_factor=0.4, hue_factor=0.1, seed=1)",
    "RandomColorDegeneration(0.2, seed=1)",
    "RandomGrayscale(0.5, seed=1)",
    "RandomInvert(1.0, seed=1)",
    "RandomPosterization((2, 5), seed=1)",
    "RandomErasing(1.0, seed=1)",
    "RandomPerspective(1.0, seed=1)",
    "RandomElasticTransform(1.0, seed=1)",
    "RandomGaussianBlur(1.0, seed=1)",
    "Solarization(0.2, 0.5, seed=1)",
    "AugMix(seed=1)",
    "CutMix(seed=1)",
    "MixUp(1.0, seed=1)",
    "RandAugment(seed=1)",
]


def made(make: str, module: Any = layers, **more: Any) -> Any:
    if more:
        given = ", ".join(f"{k}={v!r}" for k, v in more.items())
        make = f"{make[:-1]}{'' if make.endswith('()') else ', '}{given})"
    return eval(make, vars(module))  # noqa: S307 - our own text


def with_seed(make: str, seed: int = 5) -> str:
    return make.replace("seed=1", f"seed={seed}")


@pytest.mark.filterwarnings("ignore:(?s).*Tensor.T is deprecated:UserWarning")
@pytest.mark.parametrize("make", FIXED)
def test_layer_computes_as_keras(real: Any, make: str) -> None:
    want = real.ops.convert_to_numpy(made(make, real.layers)(X, training=True))
    layer = made(make)
    got = layer(X, training=True)
    assert got.dtype == "float32"
    np.testing.assert_allclose(got.numpy(), want, atol=1e-3)
    np.testing.assert_allclose(ps.function(layer)(ps.asarray(X)).numpy(), want, atol=1e-3)
    assert layer.compute_output_shape((None, 8, 10, 3)) == (None, *want.shape[1:])
    assert layer(keras.Input((8, 10, 3))).shape == (None, *want.shape[1:])
    one = made(make)(X[0], training=True)
    if "Equalization" not in make:  # which counts over the batch
        np.testing.assert_allclose(one.numpy(), want[0], atol=1e-3)


@pytest.mark.parametrize("make", FIXED)
def test_channels_first_is_the_same_moved(make: str) -> None:
    want = made(make)(X, training=True).numpy()
    if "Brightness" in make or "Solarization" in make or "AutoContrast" in make:
        return  # they take no data_format
    got = made(make, data_format="channels_first")(X.transpose(0, 3, 1, 2), training=True).numpy()
    np.testing.assert_allclose(got.transpose(0, 2, 3, 1), want, atol=1e-3)


@pytest.mark.parametrize("make", [*FIXED, *RANDOM, "MaxNumBoundingBoxes(5)"])
def test_configuration_is_keras_s(real: Any, make: str) -> None:
    ours, theirs = (
        json.loads(json.dumps(made(make, m).get_config())) for m in (layers, real.layers)
    )
    for config in (ours, theirs):
        config.pop("name")
        config.pop("dtype")
    if "Grayscale" in make and "seed" in make:
        ours.pop("seed")  # Keras forgets it
    assert ours == theirs
    again = made(make)
    assert type(again).from_config(again.get_config()).get_config() == again.get_config()


def moves(layer: Any) -> list[Array]:
    return [layer(X, training=True).numpy() for _ in range(4)]


@pytest.mark.parametrize("make", RANDOM)
def test_seeds_repeat_and_calls_differ(make: str) -> None:
    first, again = moves(made(with_seed(make))), moves(made(with_seed(make)))
    np.testing.assert_array_equal(first, again)
    assert len({a.tobytes() for a in first}) > 1
    layer = made(with_seed(make))
    call = ps.function(lambda x: layer(x, training=True))
    graphed = [call(ps.asarray(X)).numpy() for _ in range(4)]
    for got, want in zip(graphed, first, strict=True):
        np.testing.assert_allclose(got, want, atol=2e-3)
    other = moves(made(with_seed(make, 77)))
    assert any(a.tobytes() != b.tobytes() for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize("make", [m for m in RANDOM if "Crop" not in m])
def test_nothing_happens_without_training(make: str) -> None:
    layer = made(make)
    np.testing.assert_array_equal(layer(X, training=False).numpy(), X)
    before = layer.generator.state.tolist()
    layer(X, training=False)
    assert layer.generator.state.tolist() == before


def data() -> dict[str, Any]:
    rng = np.random.default_rng(1)
    return {
        "images": X,
        "labels": np.eye(3, dtype="float32")[[0, 2]],
        "segmentation_masks": rng.integers(0, 5, (2, 8, 10, 1)),
        "weights": np.array([0.5, 2.0]),
    }


@pytest.mark.parametrize("make", RANDOM)
def test_labels_and_masks_go_with_images(make: str) -> None:
    result = made(make)(data(), training=True)
    assert set(result) == set(data())
    np.testing.assert_allclose(result["labels"].numpy().sum(1), 1.0, rtol=1e-6)
    masks = result["segmentation_masks"]
    assert masks.dtype == "int64"
    assert masks.shape[:3] == result["images"].shape[:3]
    assert set(np.unique(masks.numpy())) <= set(range(5))
    np.testing.assert_array_equal(result["weights"].numpy(), [0.5, 2.0])


WARPS = [m for m in RANDOM if any(k in m for k in ("Flip", "Rotation", "Shear", "Zoom", "Crop"))]


@pytest.mark.parametrize(
    "make", [*WARPS, "RandomPerspective(1.0, interpolation='nearest', seed=1)"]
)
def test_masks_move_as_images_do(make: str) -> None:
    marks = np.arange(2 * 8 * 10, dtype="float32").reshape(2, 8, 10, 1)
    if "Flip" not in make and "Crop" not in make and "nearest" not in make:
        make = make.replace("seed", "interpolation='nearest', seed")
    result = made(make)(
        {"images": marks, "segmentation_masks": marks.astype("int64")}, training=True
    )
    np.testing.assert_array_equal(result["images"].numpy(), result["segmentation_masks"].numpy())


# ---- the strength of what is random


def many(make: str, x: Array, count: int = 3000) -> Array:
    return made(make)(np.repeat(x[None], count, 0), training=True).numpy()


def ends(values: Any, low: float, high: float) -> None:
    """The values fill a range evenly."""
    values = np.sort(np.asarray(values, np.float64).ravel())
    assert values[0] >= low - 1e-4
    assert values[-1] <= high + 1e-4
    even = np.linspace(low, high, len(values))
    assert np.abs(values - even).max() < 0.05 * (high - low)


RAMP = np.tile(np.arange(16, dtype="float32")[None, :, None] * 100, (16, 1, 1))


def test_ranges_of_strengths_are_filled_evenly() -> None:
    color = np.array([[[100.0, 50.0, 20.0]], [[20.0, 200.0, 90.0]]], np.float32)
    y = many("RandomBrightness(0.5, value_range=(-1e6, 1e6), seed=1)", color)
    ends((y - color)[:, 0, 0, 0] / 2e6, -0.5, 0.5)
    y, mean = many("RandomContrast((0.1, 0.3), seed=1)", color), color.mean((0, 1))
    ends(((y - mean) / (color - mean))[:, 0, 0, 0], 0.9, 1.3)
    y = many("RandomTranslation(0.0, 0.25, fill_mode='nearest', seed=1)", RAMP)
    ends((RAMP - y)[:, 8, 8, 0] / 1600, -0.25, 0.25)
    y = many("RandomZoom(0.3, fill_mode='nearest', seed=1)", RAMP)
    ends((y[:, 8, 9, 0] - y[:, 8, 8, 0]) / 100, 0.7, 1.3)
    y = many("RandomShear(0.3, 0.0, fill_mode='nearest', seed=1)", RAMP)
    ends((y[:, 9, 8, 0] - y[:, 8, 8, 0]) / 100, -0.3, 0.3)
    y = many("Solarization(0.2, seed=1)", color)
    ends((255 - y - color)[:, 0, 0, 0] / 255, 0.0, 0.2)
    y = many("RandomColorDegeneration((0.2, 0.4), seed=1)", color)
    gray = color @ np.array([0.2989, 0.587, 0.114])
    ends(((y - color)[:, 0, 0, 0]) / (gray - color[..., 0])[0, 0], 0.2, 0.4)


@pytest.mark.parametrize(
    ("make", "share"),
    [
        ("RandomFlip('horizontal', seed=1)", 0.5),
        ("RandomInvert(0.5, seed=1)", 0.25),
        ("RandomInvert((0.4, 0.8), seed=1)", 0.6),
        ("RandomGrayscale(0.3, seed=1)", 0.3),
        ("RandomErasing((0.4, 0.4), scale=(0.2, 0.4), seed=1)", 0.4),
        ("RandomGaussianBlur((0.7, 0.7), sigma=(1.0, 1.0), seed=1)", 0.7),
        ("RandomPerspective((0.3, 0.3), seed=1)", 0.3),
        ("RandomElasticTransform((0.3, 0.3), scale=(0.5, 1.0), seed=1)", 0.3),
    ],
)
def test_so_many_images_change(make: str, share: float) -> None:
    y = many(make, X[0], 2000)
    assert abs((np.abs(y - X[0]).max((1, 2, 3)) > 1e-3).mean() - share) < 0.04


def test_hue_turns_by_up_to_half_a_turn_times_the_factor() -> None:
    import colorsys

    color = np.array([[[200.0, 50.0, 20.0]]], np.float32)
    y = many("RandomHue((0.2, 0.4), seed=1)", color)
    before = colorsys.rgb_to_hsv(*(color[0, 0] / 255))[0]
    turned = [colorsys.rgb_to_hsv(*(p / 255))[0] - before for p in y[:, 0, 0]]
    turned = np.array([(t + 0.5) % 1 - 0.5 for t in turned])
    ends(np.abs(turned), 0.1, 0.2)
    assert 0.45 < (turned > 0).mean() < 0.55


def test_shear_shifts_rows_by_their_distance_from_the_top() -> None:
    y = made("RandomShear((0.25, 0.25), (0.0, 0.0), fill_mode='nearest')")(RAMP, training=True)
    shifts = (y.numpy() - RAMP)[:12, 8, 0] / 100
    assert np.allclose(np.abs(shifts), 0.25 * np.arange(12), atol=1e-4)


def test_crops_are_parts_at_all_places() -> None:
    x = np.arange(30, dtype="float32").reshape(1, 5, 6, 1)
    layer = layers.RandomCrop(3, 4, seed=3)
    places = {layer(x, training=True).numpy()[0, 0, 0, 0] for _ in range(200)}
    assert places == {r * 6 + c for r in range(3) for c in range(3)}
    assert layer(x, training=False).shape == (1, 3, 4, 1)
    assert layer(x[:, :2], training=True).shape == (1, 3, 4, 1)


def test_erased_rectangles_have_the_area_asked_for() -> None:
    x = np.zeros((64, 64, 1), np.float32)
    y = many("RandomErasing((1, 1), scale=(0.1, 0.2), fill_value=9.0, seed=1)", x, 400)
    shares = (y == 9.0).mean((1, 2, 3))
    assert shares.min() > 0.09
    assert shares.max() < 0.21
    rows = (y == 9.0).any((2, 3))
    assert all(np.ptp(np.flatnonzero(r)) == r.sum() - 1 for r in rows)  # one rectangle
    noise = many("RandomErasing((1, 1), scale=(0.5, 0.9), seed=1)", x - 1, 20)
    assert 120 < noise[noise >= 0].mean() < 135


# ---- what lies outside


@pytest.mark.parametrize(
    ("mode", "theirs"),
    [
        ("reflect", "reflect"),
        ("wrap", "grid-wrap"),
        ("nearest", "nearest"),
        ("constant", "grid-constant"),
    ],
)
@pytest.mark.parametrize("order", [0, 1])
def test_what_lies_outside_is_scipy_s(mode: str, theirs: str, order: int) -> None:
    ndimage = pytest.importorskip("scipy.ndimage")
    interpolation = ("nearest", "bilinear")[order]
    layer = layers.RandomTranslation(
        (0.9, 0.9), (-0.73, -0.73), mode, interpolation, fill_value=5.0
    )
    rows, columns = np.meshgrid(np.arange(8) - 0.9 * 8, np.arange(10) + 0.73 * 10, indexing="ij")
    want = np.stack(
        [
            ndimage.map_coordinates(
                X[0, ..., c], [rows, columns], order=order, mode=theirs, cval=5.0
            )
            for c in range(3)
        ],
        -1,
    )
    np.testing.assert_allclose(layer(X[:1], training=True)[0].numpy(), want, atol=2e-3)


@pytest.mark.parametrize(
    "make",
    [
        "RandomRotation(0.0)",
        "RandomTranslation(0.0, 0.0)",
        "RandomZoom(0.0)",
        "RandomShear(0.0, 0.0)",
        "RandomBrightness(0.0)",
        "RandomContrast(0.0)",
        "RandomHue(0.0)",
        "RandomSaturation((0.5, 0.5))",
        "RandomSharpness((0.5, 0.5))",
        "RandomColorDegeneration(0.0)",
        "RandomGrayscale(0.0)",
        "RandomInvert(0.0)",
        "RandomErasing(0.0)",
        "RandomPerspective(0.0)",
        "RandomPerspective(scale=0.0)",
        "RandomElasticTransform(0.0)",
        "RandomGaussianBlur(0.0)",
        "RandomColorJitter()",
        "CutMix(0.0)",
    ],
)
def test_factors_of_nothing_change_nothing(make: str) -> None:
    np.testing.assert_allclose(made(make)(X, training=True).numpy(), X, atol=1e-3)


# ---- mixtures


def test_mixed_labels_say_how_much_there_is_of_each_image() -> None:
    x = np.stack([np.full((16, 16, 1), v, np.float32) for v in (0.0, 1.0, 2.0, 4.0)])
    labels = np.eye(4, dtype="float32")
    for make in ("MixUp(1.0, seed=1)", "CutMix(seed=1)"):
        result = made(make)({"images": x, "labels": labels}, training=True)
        held = (result["labels"].numpy() * [0.0, 1.0, 2.0, 4.0]).sum(1)
        np.testing.assert_allclose(result["images"].numpy().mean((1, 2, 3)), held, rtol=1e-4)


def test_shares_of_mixes_have_the_beta_distribution() -> None:
    from penstock_keras_api.random import draws

    stats = pytest.importorskip("scipy.stats")
    for a, b in ((0.2, 0.2), (1.0, 1.0), (2.5, 0.7)):
        drawn = draws.beta((4000,), a, b, seed=3).numpy()
        assert stats.kstest(drawn, stats.beta(a, b).cdf).pvalue > 1e-3
    for alpha in (0.3, 1.0, 4.0):
        drawn = draws.gamma((4000,), alpha, seed=4).numpy()
        assert stats.kstest(drawn, stats.gamma(alpha).cdf).pvalue > 1e-3


def test_pipelines_call_their_layers_in_order() -> None:
    pipeline = layers.Pipeline(
        [layers.Rescaling(1 / 255), layers.RandomBrightness((0.5, 0.5), (0, 1))]
    )
    got = pipeline(X, training=True).numpy()
    np.testing.assert_allclose(got, np.clip(X / 255 + 0.5, 0, 1), atol=1e-6)
    again = layers.Pipeline.from_config(json.loads(json.dumps(pipeline.get_config())))
    np.testing.assert_array_equal(again(X, training=True).numpy(), got)
    np.testing.assert_allclose(pipeline(X, training=False).numpy(), X / 255, atol=1e-6)


def test_bytes_become_floats() -> None:
    y = layers.RandomFlip()(X.astype("uint8"), training=False)
    assert y.dtype == "float32"
    np.testing.assert_array_equal(y.numpy(), np.floor(X))
    assert layers.Resizing(4, 4, dtype="uint8")(X.astype("uint8")).dtype == "uint8"


@pytest.mark.parametrize("make", [*FIXED, *RANDOM])
def test_images_of_half_precision_and_of_unknown_size(make: str) -> None:
    half = made(make, dtype="float16")
    assert half(X, training=True).dtype == "float16"
    assert ps.function(half)(ps.asarray(X)).dtype == "float16"
    spec = half(keras.Input((None, None, 3)))
    assert spec.dtype == "float16"
    assert len(spec.shape) == 4
    assert spec.shape[3] == 3


def test_a_model_varies_images_while_it_is_trained() -> None:
    model = keras.Sequential(
        [
            keras.Input((8, 10, 3)),
            layers.RandomFlip("horizontal", seed=1),
            layers.RandomRotation(0.1, seed=2),
            layers.RandAugment(seed=3),
            layers.Rescaling(1 / 255),
            layers.Flatten(),
            layers.Dense(2),
        ]
    )
    model.compile("sgd", "mse")
    states = [v for v in model.variables if "seed_generator_state" in v.path]
    before = [v.numpy()[1] for v in states]
    model.fit(np.tile(X, (3, 1, 1, 1)), np.zeros((6, 2)), batch_size=2, epochs=2, verbose=0)
    after = [v.numpy()[1] for v in states]
    assert sorted(a - b for a, b in zip(after, before, strict=True))[-3:] == [6, 6, 6]
    first, second = model.predict(X, verbose=0), model.predict(X, verbose=0)
    np.testing.assert_array_equal(first, second)


ERRORS: dict[str, tuple[Callable[[], Any], str]] = {
    "factor": (lambda: layers.RandomBrightness(2.0), "use numbers from -1 to 1"),
    "falling": (lambda: layers.RandomRotation((0.2, 0.1)), "the smaller one first"),
    "kind": (lambda: layers.RandomHue("a"), "use a number, or a pair of numbers, from 0 to 1"),
    "range": (lambda: layers.RandomContrast(0.1, (1, 0)), r"\(0, 255\) or \(0, 1\)"),
    "fill": (lambda: layers.RandomZoom(0.1, fill_mode="edge"), "use one of 'reflect', 'wrap'"),
    "way": (lambda: layers.RandomShear(interpolation="cubic"), "use one of 'nearest', 'bilinear'"),
    "mode": (lambda: layers.RandomFlip("sideways"), "use one of 'horizontal', 'vertical'"),
    "bits": (lambda: layers.RandomPosterization((1.5, 3)), "use whole numbers of bits"),
    "even": (lambda: layers.RandomGaussianBlur(kernel_size=4), "use an odd number above 0"),
    "size": (lambda: layers.CenterCrop(0, 3), "use numbers above 0"),
    "method": (lambda: layers.Resizing(2, 2, "best"), "use one of bilinear, nearest"),
    "both": (
        lambda: layers.Resizing(2, 2, crop_to_aspect_ratio=True, pad_to_aspect_ratio=True),
        "use one of them",
    ),
    "alpha": (lambda: layers.MixUp(2.0), "use a number from 0 to 1"),
    "chains": (lambda: layers.AugMix(num_chains=0), "use numbers above 0"),
    "number": (lambda: layers.MaxNumBoundingBoxes(0), "use a number above 0"),
    "bins": (lambda: layers.Equalization(bins=1), "use 2 or more"),
    "tiles": (
        lambda: layers.ContrastLimitedAdaptiveHistogramEqualization(tile_grid_size=(0, 1)),
        "use two numbers above 0",
    ),
    "gray": (lambda: layers.RandomGrayscale(1.5), "use a probability from 0 to 1"),
    "scale": (lambda: layers.RandomPerspective(scale=2.0), "use a number from 0 to 1"),
    "format": (lambda: layers.RandomFlip(bounding_box_format="lrtb"), "use one of xyxy, yxyx"),
    "axes": (
        lambda: layers.RandomFlip()(np.ones((2, 2))),
        "expected .batch, height, width, channels",
    ),
    "labels": (
        lambda: layers.MixUp()({"images": X, "labels": np.array([0, 1])}, training=True),
        "keras.ops.one_hot",
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_name_the_remedy(name: str) -> None:
    call, remedy = ERRORS[name]
    with pytest.raises((ValueError, TypeError), match=remedy):
        call()
