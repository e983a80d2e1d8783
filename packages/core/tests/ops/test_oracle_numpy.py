"""Values against NumPy and SciPy called directly, and against plain loops: nothing here is taken from the blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import penstock as ps

scipy_special = pytest.importorskip("scipy.special")
scipy_signal = pytest.importorskip("scipy.signal")

Array = np.ndarray[Any, Any]
Close = Callable[..., None]

quick = settings(max_examples=25, deadline=None)
seeds = st.integers(0, 2**32 - 1)
shapes = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5)
filled = hnp.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=5)


def draw(seed: int, shape: Any, dtype: str, low: float = -3.0, high: float = 3.0) -> Array:
    rng = np.random.default_rng(seed)
    if dtype == "bool":
        return np.asarray(rng.random(shape) < 0.5)
    if np.dtype(dtype).kind in "iu":
        low = max(low, 0) if np.dtype(dtype).kind == "u" else low
        return np.asarray(rng.integers(int(low), int(high) + 1, shape)).astype(dtype)
    values = np.asarray(rng.uniform(low, high, shape))
    if np.dtype(dtype).kind == "c":
        return (values + 1j * rng.uniform(low, high, shape)).astype(dtype)
    return values.astype(dtype)


def equal(actual: Any, expected: Any, close: Close) -> None:
    """Require NumPy's dtype and shape, and its values as near as the dtype allows."""
    expected = np.asarray(expected)
    assert actual.dtype == expected.dtype.name
    close(actual, expected)


# ---- one element at a time

ANY = ("float32", "float64", "float16", "int8", "int32", "int64", "uint8")
FLOATS = ("float32", "float64", "float16")
COMPLEX = ("complex64", "complex128")

UNARY: dict[str, tuple[Any, tuple[str, ...], float]] = {
    "negative": (np.negative, (*ANY, *COMPLEX), -3),
    "abs": (np.abs, ANY, -3),
    "sign": (np.sign, ANY, -3),
    "square": (np.square, (*ANY, *COMPLEX), -3),
    "sqrt": (np.sqrt, FLOATS, 0),
    "rsqrt": (lambda x: 1 / np.sqrt(x), FLOATS, 0.1),
    "exp": (np.exp, (*FLOATS, *COMPLEX), -3),
    "log": (np.log, FLOATS, 0.01),
    "log1p": (np.log1p, FLOATS, -0.9),
    "sin": (np.sin, FLOATS, -3),
    "cos": (np.cos, FLOATS, -3),
    "tanh": (np.tanh, FLOATS, -3),
    "sigmoid": (lambda x: scipy_special.expit(x).astype(x.dtype), FLOATS, -3),
    "relu": (lambda x: np.maximum(x, 0), FLOATS, -3),
    "floor": (np.floor, FLOATS, -3),
    "ceil": (np.ceil, FLOATS, -3),
    "isnan": (np.isnan, FLOATS, -3),
    "isfinite": (np.isfinite, FLOATS, -3),
    "logical_not": (np.logical_not, ("bool",), -3),
}


@pytest.mark.parametrize("name", UNARY)
@given(shape=shapes, seed=seeds)
@quick
def test_unary(close: Close, name: str, shape: Any, seed: int) -> None:
    twin, dtypes, low = UNARY[name]
    for dtype in dtypes:
        x = draw(seed, shape, dtype, low)
        equal(getattr(ps, name)(x), twin(x), close)


SPECIAL = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 88.8, -104.0, 1e-30, 1e30])


@pytest.mark.parametrize("name", [n for n, (_, dtypes, _) in UNARY.items() if "float64" in dtypes])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_unary_at_the_edges(close: Close, name: str, dtype: str) -> None:
    x = np.tile(SPECIAL, 5).astype(dtype)  # more than one vector
    if name in ("sin", "cos"):
        x = x[np.abs(x) < 1e4]
    with np.errstate(all="ignore"):
        expected = UNARY[name][0](x)
    actual = getattr(ps, name)(x).numpy()
    np.testing.assert_array_equal(np.isnan(actual), np.isnan(expected))
    np.testing.assert_array_equal(np.isposinf(actual), np.isposinf(expected))
    np.testing.assert_array_equal(np.isneginf(actual), np.isneginf(expected))
    finite = np.isfinite(expected)
    np.testing.assert_allclose(actual[finite], expected[finite], rtol=1e-5, atol=1e-37)


BINARY: dict[str, tuple[Any, tuple[str, ...], tuple[float, float]]] = {
    "add": (np.add, (*ANY, *COMPLEX), (-3, 3)),
    "subtract": (np.subtract, (*ANY, *COMPLEX), (-3, 3)),
    "multiply": (np.multiply, (*ANY, *COMPLEX), (-3, 3)),
    "divide": (np.divide, (*FLOATS, *COMPLEX), (0.5, 3)),
    "power": (np.power, ANY, (0, 3)),
    "maximum": (np.maximum, ANY, (-3, 3)),
    "minimum": (np.minimum, ANY, (-3, 3)),
    "floor_divide": (np.floor_divide, ANY, (1, 3)),
    "remainder": (np.remainder, ANY, (1, 3)),
    "equal": (np.equal, (*ANY, *COMPLEX, "bool"), (-3, 3)),
    "not_equal": (np.not_equal, (*ANY, *COMPLEX, "bool"), (-3, 3)),
    "less": (np.less, ANY, (-3, 3)),
    "less_equal": (np.less_equal, ANY, (-3, 3)),
    "greater": (np.greater, ANY, (-3, 3)),
    "greater_equal": (np.greater_equal, ANY, (-3, 3)),
    "logical_and": (np.logical_and, ("bool",), (-3, 3)),
    "logical_or": (np.logical_or, ("bool",), (-3, 3)),
}


@pytest.mark.parametrize("name", BINARY)
@given(pair=hnp.mutually_broadcastable_shapes(num_shapes=2, min_side=0, max_dims=4), seed=seeds)
@quick
def test_binary(close: Close, name: str, pair: Any, seed: int) -> None:
    twin, dtypes, limits = BINARY[name]
    first, second = pair.input_shapes
    for dtype in dtypes:
        x = draw(seed, first, dtype, 0 if name == "power" else -3)
        y = draw(seed + 1, second, dtype, *limits)
        equal(getattr(ps, name)(x, y), twin(x, y), close)


@pytest.mark.parametrize("name", ["add", "multiply", "maximum", "minimum", "less", "equal"])
def test_binary_at_the_edges(name: str) -> None:
    x, y = (a.ravel() for a in np.meshgrid(SPECIAL, SPECIAL))
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(getattr(ps, name)(x, y), getattr(np, name)(x, y))


@pytest.mark.parametrize("name", ["floor_divide", "remainder"])
def test_division_has_the_signs_of_python(name: str) -> None:
    x, y = (a.ravel() for a in np.meshgrid(np.arange(-7, 8), [-3, -2, -1, 1, 2, 3]))
    for dtype in ("int8", "int32", "int64", "float32", "float64"):
        a, b = x.astype(dtype), y.astype(dtype)
        np.testing.assert_array_equal(getattr(ps, name)(a, b), getattr(np, name)(a, b))


def test_integers_wrap_around() -> None:
    for dtype in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"):
        info = np.iinfo(dtype)
        x = np.array([info.max, info.min, 1], dtype)
        for name in ("add", "subtract", "multiply"):
            np.testing.assert_array_equal(getattr(ps, name)(x, x), getattr(np, name)(x, x))


@given(shape=shapes, seed=seeds)
@quick
def test_where(close: Close, shape: Any, seed: int) -> None:
    mask, x, y = draw(seed, shape, "bool"), draw(seed, shape, "float32"), np.float32(7)
    equal(ps.where(mask, x, y), np.where(mask, x, y), close)


# ---- reductions

REDUCTIONS = {
    "sum": np.sum,
    "prod": np.prod,
    "mean": np.mean,
    "max": np.max,
    "min": np.min,
    "any": np.any,
    "all": np.all,
    "var": np.var,
    "std": np.std,
}


@pytest.mark.parametrize("name", REDUCTIONS)
@given(shape=filled, seed=seeds, data=st.data())
@quick
def test_reductions(close: Close, name: str, shape: Any, seed: int, data: Any) -> None:
    axes = st.one_of(
        st.none(),
        st.integers(-len(shape), len(shape) - 1),
        st.lists(st.integers(0, len(shape) - 1), unique=True, max_size=len(shape)).map(tuple),
    )
    axis, keepdims = data.draw(axes), data.draw(st.booleans())
    for dtype in ("float32", "float64", "bool" if name in ("any", "all", "sum") else "int32"):
        x = draw(seed, shape, dtype)
        expected = np.asarray(REDUCTIONS[name](x, axis=axis, keepdims=keepdims))
        if name in ("mean", "var", "std") and dtype == "int32":
            expected = expected.astype("float32")  # float32 is the default dtype
        actual = getattr(ps, name)(x, axis=axis, keepdims=keepdims)
        equal(actual, expected, close)


@pytest.mark.parametrize("name", ["argmax", "argmin"])
@given(shape=filled, seed=seeds, data=st.data())
@quick
def test_positions(name: str, shape: Any, seed: int, data: Any) -> None:
    axis = data.draw(st.one_of(st.none(), st.integers(-len(shape), len(shape) - 1)))
    x = draw(seed, shape, "int32")  # with many ties
    actual = getattr(ps, name)(x, axis=axis)
    np.testing.assert_array_equal(actual, getattr(np, name)(x, axis=axis))


def test_sums_are_accurate() -> None:
    x = np.full(10**6, 0.1, "float32")
    assert float(ps.sum(x)) == pytest.approx(float(np.sum(x, dtype="float64")), rel=1e-6)
    assert float(ps.mean(x)) == pytest.approx(0.1, rel=1e-6)


# ---- movement


@given(shape=filled, seed=seeds, data=st.data())
@quick
def test_movement(close: Close, shape: Any, seed: int, data: Any) -> None:
    x = draw(seed, shape, "float32")
    axes = data.draw(st.permutations(range(len(shape))))
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    equal(ps.transpose(x, axes), np.transpose(x, axes), close)
    equal(ps.flip(x, axis=axis), np.flip(x, axis), close)
    equal(ps.moveaxis(x, axis, 0), np.moveaxis(x, axis, 0), close)
    equal(ps.expand_dims(x, axis=axis), np.expand_dims(x, axis), close)
    equal(ps.concat([x, x + 1], axis=axis), np.concatenate([x, x + 1], axis), close)
    equal(ps.stack([x, x + 1], axis=axis), np.stack([x, x + 1], axis), close)
    equal(ps.reshape(x, (-1,)), x.reshape(-1), close)
    equal(ps.broadcast_to(x, (2, *shape)), np.broadcast_to(x, (2, *shape)), close)
    widths = data.draw(st.lists(st.integers(0, 2), min_size=2 * x.ndim, max_size=2 * x.ndim))
    pairs = list(zip(widths[::2], widths[1::2], strict=True))
    for form in (widths, pairs, np.reshape(widths, (-1, 2))):
        equal(ps.pad(x, form, constant_values=1.5), np.pad(x, pairs, constant_values=1.5), close)
    for form in (2, (1, 2), ((1, 2),)):  # the same for every axis
        equal(ps.pad(x, form), np.pad(x, form), close)


@given(shape=filled, count=hnp.array_shapes(min_dims=0, max_dims=2), seed=seeds, data=st.data())
@quick
def test_take_and_scatter(close: Close, shape: Any, count: Any, seed: int, data: Any) -> None:
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    x = draw(seed, shape, "float64")
    size = shape[axis]
    indices = np.random.default_rng(seed).integers(-size, size, count)
    taken = np.take(x, indices, axis)
    equal(ps.take(x, indices, axis), taken, close)
    expected = np.moveaxis(x, axis, 0).copy()
    updates = np.moveaxis(
        taken, range(axis % x.ndim, axis % x.ndim + indices.ndim), range(indices.ndim)
    )
    for at in np.ndindex(indices.shape):
        expected[indices[at]] += updates[at]
    equal(ps.scatter_add(x, indices, taken, axis), np.moveaxis(expected, 0, axis), close)


@given(seed=seeds)
@quick
def test_one_hot_and_creation(close: Close, seed: int) -> None:
    indices = np.random.default_rng(seed).integers(0, 4, (3, 2))
    equal(ps.one_hot(indices, 4), np.eye(4, dtype="float32")[indices], close)
    equal(ps.eye(3, 5, k=1), np.eye(3, 5, k=1, dtype="float32"), close)
    equal(ps.tril(ps.ones((3, 4)), k=-1), np.tril(np.ones((3, 4), "float32"), -1), close)
    equal(ps.tril(ps.ones((3, 4)), -1), np.tril(np.ones((3, 4), "float32"), -1), close)
    equal(ps.triu(ps.ones((3, 4)), k=1), np.triu(np.ones((3, 4), "float32"), 1), close)
    equal(ps.linspace(-1, 2, 7), np.linspace(-1, 2, 7, dtype="float32"), close)
    equal(ps.arange(5, 0, -2), np.arange(5, 0, -2), close)


# ---- products


@given(
    shapes=hnp.mutually_broadcastable_shapes(signature="(m,k),(k,n)->(m,n)", max_dims=2),
    seed=seeds,
)
@settings(max_examples=60, deadline=None)
def test_matmul(close: Close, shapes: Any, seed: int) -> None:
    first, second = shapes.input_shapes
    for dtype in ("float32", "float64", "int32"):
        x, y = draw(seed, first, dtype), draw(seed + 1, second, dtype)
        equal(ps.matmul(x, y), np.matmul(x, y), close)


def test_matmul_of_vectors(close: Close) -> None:
    m, v, w = draw(0, (3, 4), "float32"), draw(1, (4,), "float32"), draw(2, (3,), "float32")
    equal(ps.matmul(m, v), m @ v, close)
    equal(ps.matmul(w, m), w @ m, close)
    equal(ps.matmul(v, v), np.asarray(v @ v), close)
    for axes in (0, 1, 2, ([1], [1]), ([0, 1], [0, 1])):
        equal(ps.tensordot(m, m if axes != 1 else m.T, axes=axes), _tensordot(m, axes), close)


def _tensordot(m: Array, axes: Any) -> Array:
    return np.tensordot(m, m if axes != 1 else m.T, axes)


# ---- neural networks


@given(shape=filled, seed=seeds, data=st.data())
@quick
def test_softmax(close: Close, shape: Any, seed: int, data: Any) -> None:
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    for scale in (1, 300):  # the second overflows without care
        x = draw(seed, shape, "float32") * np.float32(scale)
        equal(ps.nn.softmax(x, axis), scipy_special.softmax(x, axis), close)
        equal(ps.nn.log_softmax(x, axis), scipy_special.log_softmax(x, axis), close)


@given(rows=st.integers(1, 5), classes=st.integers(1, 6), seed=seeds)
@quick
def test_softmax_cross_entropy(close: Close, rows: int, classes: int, seed: int) -> None:
    logits = draw(seed, (rows, classes), "float64", -30, 30)
    labels = np.random.default_rng(seed).integers(0, classes, rows)
    expected = scipy_special.logsumexp(logits, -1) - logits[np.arange(rows), labels]
    equal(ps.nn.softmax_cross_entropy(logits, labels), expected, close)


def correlated(x: Array, filter: Array, strides: tuple[int, int], dilations: Any) -> Array:
    """conv2d without padding, by SciPy, one channel at a time."""
    height, width, _, outputs = filter.shape
    spread = np.zeros(
        ((height - 1) * dilations[0] + 1, (width - 1) * dilations[1] + 1, *filter.shape[2:])
    )
    spread[:: dilations[0], :: dilations[1]] = filter
    images = []
    for image in x:
        channels = [
            sum(
                scipy_signal.correlate(image[..., c], spread[..., c, o], "valid")
                for c in range(image.shape[-1])
            )
            for o in range(outputs)
        ]
        images.append(np.stack(channels, -1)[:: strides[0], :: strides[1]])
    return np.stack(images)


@given(
    size=st.tuples(st.integers(5, 8), st.integers(5, 8)),
    window=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    strides=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    dilations=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    groups=st.integers(1, 2),
    padding=st.tuples(*[st.integers(0, 2)] * 4),
    seed=seeds,
)
@settings(max_examples=40, deadline=None)
def test_conv2d(
    close: Close,
    size: Any,
    window: Any,
    strides: Any,
    dilations: Any,
    groups: int,
    padding: Any,
    seed: int,
) -> None:
    x = draw(seed, (2, *size, 2 * groups), "float64")
    filter = draw(seed + 1, (*window, 2, 3 * groups), "float64")
    top, bottom, left, right = padding
    padded = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))
    parts = [
        correlated(part, kernel, strides, dilations)
        for part, kernel in zip(
            np.split(padded, groups, -1), np.split(filter, groups, -1), strict=True
        )
    ]
    actual = ps.nn.conv2d(x, filter, strides, "explicit", padding, dilations, groups)
    equal(actual, np.concatenate(parts, -1), close)


@given(
    size=st.tuples(st.integers(1, 7), st.integers(1, 7)),
    window=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    strides=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    seed=seeds,
)
@settings(max_examples=40, deadline=None)
def test_same_padding_is_tensorflows(
    close: Close, size: Any, window: Any, strides: Any, seed: int
) -> None:
    x, filter = draw(seed, (1, *size, 1), "float64"), draw(seed, (*window, 1, 1), "float64")
    pads = []
    for n, k, s in zip(size, window, strides, strict=True):
        total = max((-(-n // s) - 1) * s + k - n, 0)
        pads.append((total // 2, total - total // 2))
    expected = correlated(np.pad(x, [(0, 0), *pads, (0, 0)]), filter, strides, (1, 1))
    equal(ps.nn.conv2d(x, filter, strides, "same"), expected, close)


def windows(
    x: Array, size: Any, strides: Any, padding: str
) -> Iterator[tuple[tuple[int, int], Array]]:
    """The part of the images below each window; with "same" padding the part that is inside."""
    spans: list[list[tuple[int, int]]] = []
    for n, k, s in zip(x.shape[1:3], size, strides, strict=True):
        count = -(-n // s) if padding == "same" else (n - k) // s + 1
        before = max((count - 1) * s + k - n, 0) // 2 if padding == "same" else 0
        spans.append([(max(i * s - before, 0), min(i * s - before + k, n)) for i in range(count)])
    for i, (top, bottom) in enumerate(spans[0]):
        for j, (left, right) in enumerate(spans[1]):
            yield (i, j), x[:, top:bottom, left:right]


@given(
    size=st.tuples(st.integers(3, 7), st.integers(3, 7)),
    window=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    strides=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    padding=st.sampled_from(["valid", "same"]),
    seed=seeds,
)
@settings(max_examples=40, deadline=None)
def test_pooling(
    close: Close, size: Any, window: Any, strides: Any, padding: str, seed: int
) -> None:
    x = draw(seed, (2, *size, 3), "float64")
    cells = dict(windows(x, window, strides, padding))
    rows, columns = (max(at) + 1 for at in zip(*cells, strict=True))
    largest, average = np.zeros((2, rows, columns, 3)), np.zeros((2, rows, columns, 3))
    for (i, j), part in cells.items():
        largest[:, i, j], average[:, i, j] = part.max((1, 2)), part.mean((1, 2))
    equal(ps.nn.max_pool2d(x, window, strides, padding), largest, close)
    equal(ps.nn.avg_pool2d(x, window, strides, padding), average, close)


@given(shape=hnp.array_shapes(min_dims=2, max_dims=4, min_side=1, max_side=5), seed=seeds)
@quick
def test_batch_norm(close: Close, shape: Any, seed: int) -> None:
    x = draw(seed, shape, "float64")
    scale, offset = draw(seed + 1, shape[-1:], "float64"), draw(seed + 2, shape[-1:], "float64")
    axes = tuple(range(x.ndim - 1))
    mean, variance = x.mean(axes), x.var(axes)
    y, m, v = ps.nn.batch_norm(x, scale, offset, epsilon=0.01)
    equal(m, mean, close)
    equal(v, variance, close)
    expected = (x - mean) / np.sqrt(variance + 0.01) * scale + offset
    equal(y, expected, close)
    inferred = ps.nn.batch_norm_inference(x, mean, variance, scale, offset, epsilon=0.01)
    equal(inferred, expected, close)


def test_adam_over_many_steps(close: Close) -> None:
    rng = np.random.default_rng(0)
    w, m, v = rng.normal(size=5), np.zeros(5), np.zeros(5)
    state = [ps.asarray(a) for a in (w, m, v)]
    for step in range(1, 21):
        g = rng.normal(size=5)
        state = list(ps.ops.adam_update(*state, g, np.float64(0.1), np.float64(step)))
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        rate = 0.1 * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
        w = w - rate * m / (np.sqrt(v) + 1e-7)
    for actual, expected in zip(state, (w, m, v), strict=True):
        equal(actual, expected, close)


# ---- random numbers


def philox(counter: int, key: int) -> list[int]:
    """Philox4x32-10 of one block, written from the paper: Salmon et al., 2011."""
    c = [counter & 0xFFFFFFFF, counter >> 32, 0, 0]
    k = [key & 0xFFFFFFFF, key >> 32]
    for _ in range(10):
        first, second = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [
            (second >> 32) ^ c[1] ^ k[0],
            second & 0xFFFFFFFF,
            (first >> 32) ^ c[3] ^ k[1],
            first & 0xFFFFFFFF,
        ]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


def test_random_numbers_are_philox() -> None:
    words = [w for block in range(3) for w in philox(block, 7)]
    expected = np.array([(w >> 8) * 2.0**-24 for w in words], "float32")
    np.testing.assert_array_equal(ps.random.uniform((12,), seed=7), expected)
    u1, u2 = ((words[0] >> 8) + 1) * 2.0**-24, (words[1] >> 8) * 2.0**-24
    radius = np.sqrt(-2 * np.log(u1))
    drawn = radius * np.array([np.cos(2 * np.pi * u2), np.sin(2 * np.pi * u2)])
    np.testing.assert_allclose(ps.random.normal((2,), seed=7), drawn, atol=1e-6)


def test_distributions() -> None:
    ps.random.set_seed(0)
    uniform, normal = ps.random.uniform((100_000,)), ps.random.normal((100_000,), 2.0, 3.0)
    scipy_stats = pytest.importorskip("scipy.stats")
    assert scipy_stats.kstest(uniform.numpy(), "uniform").pvalue > 1e-3
    assert scipy_stats.kstest(normal.numpy(), "norm", (2.0, 3.0)).pvalue > 1e-3
    assert float(ps.mean(ps.random.bernoulli((100_000,), 0.3, dtype="float32"))) == pytest.approx(
        0.3, abs=0.01
    )
