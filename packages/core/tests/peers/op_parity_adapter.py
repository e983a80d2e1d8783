"""Penstock's ops under the names of a suite that compares them with TensorFlow's, op by op and gradient by gradient.

A case is a function of arrays; the suite gives the inputs and the cotangents. `make(device)` is what it asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import penstock as ps
from penstock import image, linalg, nn, signal

Case = Callable[..., Any]
REDUCTIONS = ("sum", "mean", "max", "min", "prod")


def same(names: str, module: Any = ps, prefix: str = "") -> dict[str, Case]:
    """Name cases that are called as Penstock calls them."""
    return {prefix + name: getattr(module, name) for name in names.split()}


def unary() -> dict[str, Case]:
    """Give elementwise functions of one tensor, and activations."""
    names = "abs negative exp sqrt square sin cos tan sinh cosh tanh asin acos atan sign log expm1 log1p rsqrt erf"
    names += " lgamma digamma asinh acosh atanh floor ceil reciprocal"
    return {
        **same(names, ps, "unary/"),
        **same("sigmoid softplus", nn, "unary/"),
        **same("relu relu6 elu selu gelu silu softsign", nn, "act/"),
        "act/leaky_relu": lambda x: nn.leaky_relu(x, 0.2),
        "unary/round_half_even": ps.round,
        "unary/nan_inf_flags": lambda x: [ps.isnan(x), ps.isinf(x), ps.isfinite(x)],
        "unary/clip": lambda x: ps.clip(x, -0.5, 0.6),
    }


def binary() -> dict[str, Case]:
    """Give elementwise functions of several tensors, and casts."""
    return {
        **{
            f"binary/{name}_broadcast": getattr(ps, name)
            for name in ("add", "subtract", "multiply", "maximum", "minimum")
        },
        "binary/divide": ps.divide,
        "binary/pow": ps.power,
        "binary/atan2": ps.atan2,
        "binary/floordiv_int_negative": ps.floor_divide,
        "binary/floormod_int_negative": ps.remainder,
        "binary/floormod_float": ps.remainder,
        "binary/squared_difference": ps.squared_difference,
        "binary/compare": lambda x, y: [x == y, x < y, x >= y, x != y],
        "binary/logical": lambda x, y: [x & y, x | y, x ^ y, ~x],
        "binary/where_broadcast": ps.where,
        "binary/xlogy_zero": ps.xlogy,
        "binary/bitwise": lambda x, y: [x & y, x | y, x ^ y, x << (y % 5)],
        "cast/float_to_int_truncates": lambda x: ps.cast(x, "int32"),
        "cast/float_to_bfloat16_and_back": lambda x: ps.cast(ps.cast(x, "bfloat16"), "float32"),
        "cast/float_to_half_and_back": lambda x: ps.cast(ps.cast(x, "float16"), "float32"),
        "cast/int_bool": lambda x: [
            ps.cast(x, "bool"),
            ps.cast(ps.cast(x, "bool"), "uint8"),
            ps.cast(x, "int64"),
        ],
    }


def reductions() -> dict[str, Case]:
    """Give reductions and running sums."""
    cases: dict[str, Case] = {}
    for name in REDUCTIONS:
        reduce = getattr(ps, name)
        cases[f"reduce/{name}_axis"] = lambda x, f=reduce: f(x, axis=(0, 2))
        cases[f"reduce/{name}_all_keepdims"] = lambda x, f=reduce: f(x, keepdims=True)
    return cases | {
        "reduce/logsumexp": lambda x: nn.logsumexp(x, axis=-1),
        "reduce/any_all": lambda x: [ps.any(x, axis=1), ps.all(x, axis=0)],
        "reduce/std_variance": lambda x: [ps.std(x, axis=1), ps.var(x, axis=0)],
        "reduce/norm": lambda x: [
            linalg.vector_norm(x),
            linalg.vector_norm(x, axis=1, ord=1),
        ],
        "reduce/argmax_argmin": lambda x: [ps.argmax(x, axis=1), ps.argmin(x, axis=0)],
        "reduce/moments": lambda x: [ps.mean(x, axis=(0, 1)), ps.var(x, axis=(0, 1))],
        "reduce/sum_empty": lambda x: [ps.sum(x, axis=0), ps.prod(x, axis=0)],
        "scan/cumsum": lambda x: ps.cumsum(x, axis=1),
        "scan/cumsum_exclusive_reverse": lambda x: ps.cumsum(
            x, axis=0, exclusive=True, reverse=True
        ),
        "scan/cumprod": lambda x: ps.cumprod(x, axis=1),
        "scan/cumprod_with_zero": lambda x: ps.cumprod(x, axis=0),
        "scan/cumulative_logsumexp": lambda x: ps.cumlogsumexp(x, axis=1),
    }


def products() -> dict[str, Case]:
    """Give matrix products and einsum."""
    return {
        "mm/matmul_2d": ps.matmul,
        "mm/matmul_transposed": lambda x, y: x.T @ y.T,
        "mm/matmul_batch_broadcast": ps.matmul,
        "mm/matmul_float64": ps.matmul,
        "mm/matmul_int32": ps.matmul,
        "mm/einsum_bij_bjk": lambda x, y: ps.einsum("bij,bjk->bik", x, y),
        "mm/einsum_attention": lambda x, y: ps.einsum("bqhd,bkhd->bhqk", x, y),
        "mm/einsum_ellipsis_trace_sum": lambda x, y: ps.einsum("...ij,j->...i", x, y),
        "mm/einsum_diag": lambda x: ps.einsum("ii->i", x),
        "mm/tensordot": lambda x, y: ps.tensordot(x, y, axes=((1, 2), (0, 1))),
        "mm/outer_dot_scalar": lambda x, y: ps.tensordot(x, y, axes=0),
    }


def convolutions() -> dict[str, Case]:
    """Give convolutions and pooling."""
    cases: dict[str, Case] = {}
    for pad in ("SAME", "VALID"):
        for strides in (1, 2):
            cases[f"conv/2d_{pad}_stride{strides}"] = lambda x, w, s=strides, p=pad: nn.conv2d(
                x, w, strides=s, padding=p.lower()
            )
    for kind in ("max", "avg"):
        one, two, three = (getattr(nn, f"{kind}_pool{n}d") for n in (1, 2, 3))
        cases[f"pool/{kind}_2d_valid"] = lambda x, f=two: f(x, 2, 2, "valid")
        cases[f"pool/{kind}_2d_same_overlap"] = lambda x, f=two: f(x, 3, 2, "same")
        cases[f"pool/{kind}_1d"] = lambda x, f=one: f(x, 3, 2, "same")
        cases[f"pool/{kind}_3d"] = lambda x, f=three: f(x, 2, 2, "same")
    return cases | {
        "conv/2d_dilated": lambda x, w: nn.conv2d(x, w, padding="same", dilations=2),
        "conv/2d_even_kernel_same_stride2": lambda x, w: nn.conv2d(x, w, 2, "same"),
        "conv/2d_explicit_padding": lambda x, w: nn.conv2d(
            x, w, padding="explicit", explicit_padding=(2, 1, 0, 2)
        ),
        "conv/2d_groups": lambda x, w: nn.conv2d(x, w, padding="same", groups=2),
        "conv/1d": lambda x, w: nn.conv1d(x, w, 2, "same"),
        "conv/3d": lambda x, w: nn.conv3d(x, w, (2, 1, 2), "same"),
        "conv/depthwise": lambda x, w: nn.depthwise_conv2d(x, w, padding="same"),
        "conv/depthwise_stride2": lambda x, w: nn.depthwise_conv2d(x, w, 2, "valid"),
        "conv/separable": lambda x, w, p: nn.separable_conv2d(x, w, p, padding="same"),
        "conv/transpose_2d_same": lambda x, w: nn.conv2d_transpose(x, w, 2, "same"),
        "conv/transpose_2d_valid": lambda x, w: nn.conv2d_transpose(x, w, 2, "valid"),
        "conv/transpose_1d": lambda x, w: nn.conv1d_transpose(x, w, 2, "same"),
    }


def in_order_of_appearance(x: Any) -> list[Any]:
    """Take distinct values in the order in which they first appear, and where each element's value is among them."""
    unique = ps.unique_all(x)
    order = ps.argsort(unique.indices)
    return [unique.values[order], ps.argsort(order)[unique.inverse_indices]]


def indexing() -> dict[str, Case]:
    """Give gather, scatter, segments and masks."""
    cases: dict[str, Case] = {}
    for name in REDUCTIONS:
        reduce = getattr(ps, f"segment_{name}")
        cases[f"segment/{name}"] = lambda x, s, f=reduce: f(x, s, 4)
        cases[f"segment/unsorted_{name}"] = lambda x, s, f=reduce: f(x, s, 4)
    lowest = float(np.finfo(np.float32).min)
    # An empty segment is 0 in TensorFlow's segment_max, and the lowest number in its unsorted_segment_max.
    for name, empty in (("max", lowest), ("min", -lowest)):
        reduce = getattr(ps, f"segment_{name}")

        def sorted_segments(x: Any, s: Any, f: Case = reduce) -> Any:
            found = f(x, s, 4)
            return ps.where(ps.isfinite(found), found, 0.0)

        cases[f"segment/{name}"] = sorted_segments
        cases[f"segment/unsorted_{name}"] = lambda x, s, f=reduce, e=empty: ps.where(
            ps.isfinite(f(x, s, 4)), f(x, s, 4), e
        )
    return cases | {
        "index/gather_axis1": lambda x, n: ps.take(x, n, axis=1),
        "index/gather_batch_dims": lambda x, n: ps.vmap(lambda row, at: ps.take(row, at, axis=0))(
            x, n
        ),
        "index/gather_nd": ps.gather_nd,
        "index/scatter_nd_duplicates": lambda n, u: ps.scatter_nd(n, u, (6, 2)),
        "index/tensor_scatter_update": ps.scatter_nd_update,
        "index/tensor_scatter_add": ps.scatter_nd_add,
        "index/tensor_scatter_max": ps.scatter_nd_max,
        "index/one_hot": lambda n: nn.one_hot(n, 5),
        "index/boolean_mask": ps.boolean_mask,
        "index/where_indices": ps.argwhere,
        "index/slice_strided_negative": lambda x: x[::-2, 1:4, None, ..., -1],
        "index/embedding_lookup": lambda w, n: nn.embedding(w, n),
        "index/unique": in_order_of_appearance,
        "index/searchsorted": lambda s, v: [
            ps.searchsorted(s, v),
            ps.searchsorted(s, v, side="right"),
        ],
        "segment/bincount": lambda x: ps.bincount(x, minlength=6),
        "segment/confusion_matrix": lambda x, y: ps.scatter_nd_add(
            ps.zeros((4, 4), "int32"), ps.stack([x, y], axis=1), ps.ones_like(x)
        ),
    }


def shapes() -> dict[str, Case]:
    """Give what moves elements about, and sorting."""
    return {
        "shape/reshape_transpose": lambda x: ps.permute_dims(ps.reshape(x, (4, -1, 3)), (2, 0, 1)),
        "shape/concat": lambda x, y: ps.concat([x, y], axis=1),
        "shape/stack_unstack": lambda x, y: list(ps.unstack(ps.stack([x, y], axis=1), axis=0)),
        "shape/split_uneven": lambda x: ps.split(x, [1, 4], axis=1),
        "shape/tile": lambda x: ps.tile(x, (2, 1, 3)),
        "shape/repeat": lambda x: ps.repeat(x, ps.asarray([1, 0, 2]), axis=0),
        "shape/pad_constant": lambda x: ps.pad(x, ((1, 2), (0, 1)), constant_values=3.0),
        "shape/pad_reflect": lambda x: ps.pad(x, ((1, 1), (2, 1)), mode="reflect"),
        "shape/pad_symmetric": lambda x: ps.pad(x, ((1, 1), (2, 1)), mode="symmetric"),
        "shape/reverse_roll": lambda x: [ps.flip(x, axis=1), ps.roll(x, (1, -2), axis=(0, 1))],
        "shape/broadcast_to": lambda x: ps.broadcast_to(x, (4, 3, 2)),
        "shape/expand_squeeze": lambda x: ps.squeeze(ps.expand_dims(x, axis=1), axis=(1, 3)),
        "shape/space_depth": lambda x: [nn.space_to_depth(x, 2), nn.depth_to_space(x, 2)],
        "shape/reverse_sequence": lambda x, n: ps.reverse_sequence(x, n, axis=1, batch_axis=0),
        "shape/range_linspace_eye": lambda x: [
            ps.arange(3, 18, 4, dtype="int32"),
            ps.linspace(0.0, 1.0, 5),
            ps.eye(3, 4),
        ],
        "shape/meshgrid": lambda x, y: list(ps.meshgrid(x, y, indexing="ij")),
        "sort/sort_desc": lambda x: ps.sort(x, axis=1, descending=True),
        "sort/argsort_stable": lambda x: ps.argsort(x, axis=-1, stable=True),
        "sort/top_k": lambda x: list(ps.top_k(x, 3)),
        "sort/in_top_k": lambda t, p: nn.in_top_k(t, p, 2),
    }


def algebra() -> dict[str, Case]:
    """Give linear algebra and Fourier transforms."""
    return {
        **same("cholesky cholesky_solve solve inv", linalg, "linalg/"),
        "linalg/cholesky_grad_symmetric": lambda x: linalg.cholesky((x + x.T) / 2.0),
        "linalg/triangular_solve": lambda a, y: linalg.triangular_solve(a, y, lower=True),
        "linalg/det_slogdet": lambda x: [linalg.det(x), linalg.slogdet(x)[1]],
        "linalg/qr_recompose": lambda x: [
            linalg.qr(x)[0] @ linalg.qr(x)[1],
            ps.abs(linalg.qr(x)[1]),
        ],
        "linalg/svd_values": linalg.svdvals,
        "linalg/svd_recompose": recompose,
        "linalg/eigh_values": linalg.eigvalsh,
        "linalg/lstsq": lambda x, y: linalg.lstsq(x, y)[0],
        "linalg/band_part_diag": lambda x: [
            ps.triu(ps.tril(x), k=-1),
            ps.diagonal(x),
            ps.diag(x[0]),
        ],
        "linalg/trace_expm": lambda x: [ps.trace(x), linalg.matrix_exp(x)],
        "linalg/matrix_norm_l2normalize": lambda x: [nn.l2_normalize(x, axis=1)],
        "fft/rfft_irfft": lambda x: ps.fft.irfft(ps.fft.rfft(x) * 2.0),
        "fft/rfft_abs": lambda x: ps.abs(ps.fft.rfft(x)),
        "fft/fft_ifft": lambda x: [ps.fft.fft(x), ps.fft.ifft(x)],
        "fft/fft2d": lambda x: ps.fft.fftn(x, axes=(-2, -1)),
        "fft/stft_frames": lambda x: ps.abs(signal.stft(x, 8, 4, 8)),
    }


def recompose(x: Any) -> Any:
    """Take a matrix apart into its singular vectors, and put it together again."""
    u, s, vh = linalg.svd(x, full_matrices=False)
    return (u * ps.expand_dims(s, axis=-2)) @ vh


def images() -> dict[str, Case]:
    """Give image ops."""
    cases: dict[str, Case] = {}
    resizings = (
        ("bilinear_up", "bilinear", (9, 7)),
        ("bilinear_down", "bilinear", (3, 2)),
        ("nearest", "nearest", (7, 8)),
        ("bicubic", "bicubic", (8, 9)),
    )
    for name, method, size in resizings:
        cases[f"image/resize_{name}"] = lambda x, s=size, m=method: image.resize(x, s, method=m)
    return cases | {
        "image/flip_crop_gray": lambda x: [
            image.flip_left_right(x),
            image.central_crop(x, 0.5),
            image.rgb_to_grayscale(x),
        ],
        "image/hsv_roundtrip": lambda x: image.hsv_to_rgb(image.rgb_to_hsv(x)),
        "image/nms": lambda x, s: image.non_max_suppression(x, s, 3, iou_threshold=0.5),
        "image/crop_and_resize": lambda x, box, n: image.crop_and_resize(x, box, n, (3, 3)),
    }


def networks() -> dict[str, Case]:
    """Give normalisations and losses."""
    return {
        "nn/softmax_large": lambda x: nn.softmax(x, axis=-1),
        "nn/log_softmax_axis0": lambda x: nn.log_softmax(x, axis=0),
        "nn/softmax_xent": lambda y, x: (
            nn.softmax_cross_entropy_dense(x, nn.softmax(y))[0]
            if isinstance(nn.softmax_cross_entropy_dense(x, nn.softmax(y)), tuple)
            else nn.softmax_cross_entropy_dense(x, nn.softmax(y))
        ),
        "nn/sparse_softmax_xent": lambda y, x: nn.softmax_cross_entropy(x, y),
        "nn/sigmoid_xent_large": lambda y, x: nn.sigmoid_cross_entropy(x, y),
        "nn/batch_norm": lambda x, m, v, o, s: nn.batch_norm_inference(x, m, v, s, o, epsilon=1e-3),
        "nn/fused_batch_norm_train": lambda x, s, o: nn.batch_norm(x, s, o, epsilon=1e-3)[0],
        "nn/local_response_norm": lambda x: nn.local_response_normalization(x, depth_radius=2),
        "nn/bias_add_l2": lambda x, o: [nn.bias_add(x, o), ps.sum(ps.square(x)) / 2.0],
        "nn/ctc_loss": lambda y, x, ly, lx: nn.ctc_loss(y, x, ly, lx, blank_index=0),
        "nn/dropout_rate0": lambda x: nn.dropout(x, 0.0),
        "nn/attention_composite": lambda q, k, v: nn.softmax(q @ ps.matrix_transpose(k) / 2.0) @ v,
        "nn/layer_norm_composite": lambda x, g: (
            (x - ps.mean(x, axis=-1, keepdims=True))
            * ps.rsqrt(ps.var(x, axis=-1, keepdims=True) + 1e-5)
            * g
        ),
    }


def flow() -> dict[str, Case]:
    """Give control flow and second derivatives."""

    def scanned(x: Any) -> Any:
        def step(sum: Any, row: Any) -> tuple[Any, Any]:
            sum = sum * 0.5 + row
            return sum, sum

        return ps.concat([x[:1], ps.scan(step, x[0], x[1:])[1]], axis=0)

    return {
        "flow/cond": lambda x: ps.cond(ps.sum(x) > 100.0, lambda: x * 2.0, lambda: ps.sin(x)),
        "flow/while_loop": lambda x: ps.while_loop(
            lambda n, y: n < 4, lambda n, y: (n + 1, y * x + 1.0), (ps.asarray(0), x)
        )[1],
        "flow/map_fn": lambda x: ps.map(lambda row: ps.sum(row * row), x),
        "flow/scan": scanned,
        "flow/foldl": lambda x: scanned(x)[-1],
        "flow/stop_gradient": lambda x: x * ps.stop_gradient(ps.exp(x)),
        "flow/custom_gradient_clip": lambda x: nn.clip_by_norm(x, 1.0),
        "flow/clip_by_global_norm": lambda x, y: list(nn.clip_by_global_norm([x, y], 1.0)[0]),
        "grad2/hessian_diag_like": ps.grad(lambda x: ps.sum(ps.sin(x) * x**3)),
    }


class Adapter:
    """Run the suite's cases on a device."""

    def __init__(self, device: str | None) -> None:
        self.device = device or "cpu"
        self.ops: dict[str, Case] = {}
        for family in FAMILIES:
            self.ops |= family()

    def array(self, x: Any) -> ps.Tensor:
        """Make a tensor on the device."""
        return ps.to_device(ps.asarray(np.asarray(x)), self.device)

    def numpy(self, x: Any) -> Any:
        """Bring a tensor back."""
        return np.asarray(x)

    def vjp(
        self, fn: Case, inputs: Sequence[Any], wrt: Sequence[int], cotangents: Sequence[Any]
    ) -> list[Any]:
        """Take the gradient of the outputs' sum, each weighed with its cotangent."""

        def weighed(*chosen: Any) -> Any:
            given = list(inputs)
            for at, value in zip(wrt, chosen, strict=True):
                given[at] = value
            outputs = fn(*given)
            outputs = list(outputs) if isinstance(outputs, list | tuple) else [outputs]
            pairs = zip(outputs, cotangents, strict=True)
            terms = [ps.sum(y * self.array(c)) for y, c in pairs if c is not None]
            total = terms[0]
            for term in terms[1:]:
                total = total + term
            return total

        made = ps.grad(weighed, argnums=tuple(range(len(wrt))))(*[inputs[at] for at in wrt])
        return [np.asarray(g) for g in (made if isinstance(made, tuple) else (made,))]


FAMILIES = (
    unary,
    binary,
    reductions,
    products,
    convolutions,
    indexing,
    shapes,
    algebra,
    images,
    networks,
    flow,
)


def make(device: str | None) -> Adapter:
    """Make the adapter that the suite runs."""
    return Adapter(device)
