"""Every op block keeps what it promises: its samples, its rejects, its gradient, its manual."""

from __future__ import annotations

import doctest
import inspect
import itertools
import sys
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock import _native
from penstock.ops import BLOCKS

Close = Callable[..., None]
Case = tuple[str, Any]

# Ops that the runtime itself carries out: they have no kernel, so neither reference nor samples.
RUNTIME = {
    *("constant", "placeholder", "read_variable", "assign_variable"),
    *("to_device", "custom_gradient", "call", "cond", "while", "scan"),
}
EFFECTS = {
    "host_call": "io",
    "read_variable": "read",
    "assign_variable": "write",
    "assert_true": "io",
    "random_uniform": "random",
    "random_normal": "random",
    "random_integers": "random",
    "random_gamma": "random",
    "random_poisson": "random",
    "random_binomial": "random",
    "random_categorical": "random",
    "log_uniform_candidates": "random",
}
ONCE = {"ctc_loss", "lstm", "gru", "simple_rnn"}  # no second gradient; networks no forward one
BLOCKS_OF_CORE = {n: b for n, b in BLOCKS.items() if b.function.__module__.startswith("penstock.")}


def rng_of(name: str) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(name.encode()))


def _cases() -> Iterator[Any]:
    for name, block in BLOCKS_OF_CORE.items():
        for i, sample in enumerate(block.samples_fn(rng_of(name)) if block.samples_fn else ()):
            yield pytest.param((name, sample), id=f"{name}-{i}-{sample.label}")


CASES = list(_cases())
every_sample = pytest.mark.parametrize("case", CASES)
every_block = pytest.mark.parametrize("name", BLOCKS_OF_CORE)


def callable_of(name: str) -> Callable[..., Any]:
    """The function that runs an op: what the decorator returned."""
    function = BLOCKS[name].function
    return getattr(sys.modules[function.__module__], function.__name__)  # type: ignore[no-any-return]


class Call:
    """A sample, split into its arrays and the rest, so that other values can take the arrays' places."""

    def __init__(self, case: Case) -> None:
        self.name, self.sample = case
        self.op = callable_of(self.name)
        leaves, self.tree = _native.tree_flatten((self.sample.args, dict(self.sample.kwargs)))
        self.leaves = list(leaves)
        self.at = [i for i, leaf in enumerate(leaves) if isinstance(leaf, np.ndarray)]
        self.arrays = [leaves[i] for i in self.at]

    def __call__(self, *values: Any) -> tuple[Any, ...]:
        leaves = list(self.leaves)
        for i, value in zip(self.at, values, strict=True):
            leaves[i] = value
        args, kwargs = _native.tree_unflatten(self.tree, leaves)
        result = self.op(*args, **kwargs)
        return result if isinstance(result, tuple) else (result,)

    def eager(self) -> tuple[Any, ...]:
        return self(*map(ps.asarray, self.arrays))


def same_bits(actual: Any, expected: Any) -> None:
    assert len(actual) == len(expected)
    for a, b in zip(actual, expected, strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        np.testing.assert_array_equal(a.numpy(), b.numpy())


# ---- values


def reference(call: Call) -> tuple[Any, ...]:
    """Run a block's NumPy function on what a kernel would get."""
    block = BLOCKS[call.name]
    graph = ps.Graph()
    with graph.as_default():
        call(*(ps.placeholder(ps.as_dtype(a.dtype), a.shape) for a in call.arrays))
    node = graph.nodes[-1]
    bound = inspect.signature(block.function).bind(*call.sample.args, **call.sample.kwargs)
    given: list[Any] = []
    for spec in block.schema.inputs:
        value = bound.arguments[spec.name]
        given += value if spec.variadic else [value]
    inputs = [
        np.asarray(value).astype(ps.dtypes.to_numpy(t.dtype))
        for value, t in zip(given, node.inputs, strict=True)
    ]
    attrs = {
        k: ps.dtypes.to_numpy(v) if isinstance(v, _native.DType) else v
        for k, v in dict(node.attrs).items()
    }
    stream = (attrs["seed"], 0) if block.schema.effects == "random" else ()
    result = block.reference_fn(*stream, *inputs, **attrs)  # type: ignore[misc]
    results = result if isinstance(result, tuple) else (result,)
    return results[: block.schema.public] if block.schema.public > 0 else results


@every_sample
def test_eager_equals_reference(case: Case, close: Close) -> None:
    call = Call(case)
    with np.errstate(all="ignore"):
        expected = reference(call)
    for actual, wanted in zip(call.eager(), expected, strict=True):
        with np.errstate(all="ignore"):
            close(actual, np.asarray(wanted).astype(ps.dtypes.to_numpy(actual.dtype)))


@every_sample
def test_layout_in_memory_does_not_matter(case: Case) -> None:
    call = Call(case)
    backwards = [a[()] if not a.ndim else np.flip(np.flip(a).copy()) for a in call.arrays]
    column_major = [a.copy("F") for a in call.arrays]
    same_bits(call(*column_major), call.eager())
    same_bits(call(*backwards), call.eager())


@every_sample
def test_traced_and_optimised_equal_eager(case: Case, close: Close) -> None:
    call = Call(case)
    inputs = [ps.asarray(a) for a in call.arrays]
    eager = call(*inputs)
    traced = ps.function(lambda *values: call(*values))
    same_bits(traced(*inputs), eager)  # after the passes
    graph = traced.graph
    as_traced = _native.Plan(graph).run(inputs)
    if BLOCKS[call.name].compose_fn is None:
        same_bits(as_traced, eager)
    else:  # the reference, whose roundings are not those of the op's parts
        for actual, wanted in zip(as_traced, eager, strict=True):
            close(actual, wanted.numpy())
    for inferred, actual in zip(graph.outputs, eager, strict=True):
        assert inferred.dtype == actual.dtype
        assert len(inferred.shape) == len(actual.shape)
        for size, is_size in zip(inferred.shape, actual.shape, strict=True):
            assert size == is_size or not isinstance(size, int)


@every_sample
def test_known_sizes_are_inferred_exactly(case: Case) -> None:
    call = Call(case)
    with ps.Graph().as_default():
        inferred = call(*(ps.placeholder(ps.as_dtype(a.dtype), a.shape) for a in call.arrays))
    for symbol, actual in zip(inferred, call.eager(), strict=True):
        assert (symbol.dtype, symbol.shape) == (actual.dtype, actual.shape)


@every_block
def test_bfloat16_is_float32_rounded(name: str, close: Close) -> None:
    for case in (p.values[0] for p in CASES if p.values[0][0] == name):
        call = Call(case)
        names = {a.dtype.name for a in call.arrays}
        if "float32" not in names or not names <= {"float32", "int64", "int32", "bool"}:
            continue
        if (
            name == "core.tile"
        ):  # its dtype is written in the program's call, and bfloat16 is not among them
            continue
        narrow = [ps.asarray(a) for a in call.arrays]
        narrow = [ps.cast(a, "bfloat16") if a.dtype == "float32" else a for a in narrow]
        wide = [ps.cast(a, "float32") if a.dtype == "bfloat16" else a for a in narrow]
        for actual, expected in zip(call(*narrow), call(*wide), strict=True):
            if actual.dtype == "bfloat16":
                close(actual, expected.numpy())


# ---- gradients


def differentiable(case: Case, small: int = 60) -> bool:
    call = Call(case)
    block = BLOCKS[call.name]
    floats = [a for a in call.arrays if a.dtype.kind == "f"]
    return (
        block.vjp_fn is not None
        and call.sample.differentiable
        and bool(floats)
        and all(a.dtype == "float64" for a in floats)
        and sum(a.size for a in floats) <= small
        and all(t.dtype == "float64" for t in call.eager())
    )


SMOOTH = [p for p in CASES if differentiable(p.values[0], 260)]


def loss_of(call: Call) -> tuple[Callable[..., Any], tuple[int, ...]]:
    """A scalar made of all results of a call, each element with another weight."""
    weights = [rng_of(call.name).uniform(0.5, 1.5, t.shape) for t in call.eager()]

    def loss(*values: Any) -> Any:
        pairs = zip(call(*values), weights, strict=True)
        total: Any = 0.0
        for result, weight in pairs:
            total = total + ps.sum(result * weight)
        return total

    return loss, tuple(i for i, a in enumerate(call.arrays) if a.dtype.kind == "f")


@pytest.mark.parametrize("case", SMOOTH)
def test_gradient_equals_differences(case: Case, close: Close, differences: Any) -> None:
    call = Call(case)
    loss, argnums = loss_of(call)
    inputs = [ps.asarray(a) for a in call.arrays]
    actual = ps.grad(loss, argnums=argnums)(*inputs)
    traced = ps.function(ps.grad(loss, argnums=argnums))(*inputs)

    def value(*floats: Any) -> float:
        values = list(inputs)
        for i, array in zip(argnums, floats, strict=True):
            values[i] = ps.asarray(array)
        return float(loss(*values))

    expected = differences(value, [call.arrays[i] for i in argnums])
    for a, t, e, i in zip(actual, traced, expected, argnums, strict=True):
        assert a.dtype == "float64"
        assert a.shape == call.arrays[i].shape
        close(a, e, "gradient")
        close(t, a.numpy(), "float64")


def _first_of_each() -> Iterator[Any]:
    seen = set()
    for param in SMOOTH:
        name, _ = param.values[0]
        if name not in seen and differentiable(param.values[0], 60):
            seen.add(name)
            yield pytest.param(param.values[0], id=name)


@pytest.mark.parametrize("case", list(_first_of_each()))
def test_second_gradient_equals_differences(case: Case, close: Close, differences: Any) -> None:
    call = Call(case)
    loss, argnums = loss_of(call)
    inputs = [ps.asarray(a) for a in call.arrays]
    direction = [rng_of(str(i)).uniform(0.5, 1.5, call.arrays[i].shape) for i in argnums]

    def slope(*values: Any) -> Any:
        gradients = ps.grad(loss, argnums=argnums)(*values)
        total: Any = ps.asarray(0.0, "float64")
        for g, d in zip(gradients, direction, strict=True):
            total = total + ps.sum(g * d)
        return total

    def value(*floats: Any) -> float:
        values = list(inputs)
        for i, array in zip(argnums, floats, strict=True):
            values[i] = ps.asarray(array)
        return float(slope(*values))

    if call.name in ONCE:
        with pytest.raises(ps.errors.GraphError, match=r"differentiated once|no second gradient"):
            ps.grad(slope, argnums=argnums)(*inputs)
        return
    actual = ps.grad(slope, argnums=argnums)(*inputs)
    expected = differences(value, [call.arrays[i] for i in argnums])
    for a, e in zip(actual, expected, strict=True):
        close(a, e, "gradient")


# ---- what is refused


def _rejects() -> Iterator[Any]:
    for name, block in BLOCKS_OF_CORE.items():
        for i, reject in enumerate(block.rejects_fn() if block.rejects_fn else ()):
            yield pytest.param(name, reject, id=f"{name}-{i}")


@pytest.mark.parametrize(("name", "reject"), list(_rejects()))
def test_wrong_arguments_are_refused(name: str, reject: Any) -> None:
    op = callable_of(name)
    with pytest.raises(reject.error, match=reject.match) as caught:
        op(*reject.args, **reject.kwargs)
    assert f"[{name}]" in str(caught.value) or "is not a dtype" in str(caught.value)
    traced = ps.function(lambda: op(*reject.args, **reject.kwargs))
    with pytest.raises(reject.error, match=reject.match):
        traced()


@pytest.mark.parametrize("case", SMOOTH)
def test_forwards_is_backwards_turned_round(case: Case, close: Close) -> None:
    """u · (J t) = (Jᵀ u) · t for any u and t."""
    call = Call(case)
    rng = rng_of(call.name)
    floats = [i for i, a in enumerate(call.arrays) if a.dtype.kind == "f"]

    def fn(*given: Any) -> tuple[Any, ...]:
        values: list[Any] = list(map(ps.asarray, call.arrays))
        for i, x in zip(floats, given, strict=True):
            values[i] = x
        return call(*values)

    primals = tuple(ps.asarray(call.arrays[i]) for i in floats)
    tangents = tuple(ps.asarray(rng.normal(size=x.shape)) for x in primals)
    if call.name in ONCE and call.name != "ctc_loss":
        with pytest.raises(ps.errors.GraphError, match="differentiated once"):
            ps.jvp(fn, primals, tangents)
        return
    y, moved = ps.jvp(fn, primals, tangents)
    flows = tuple(ps.asarray(rng.normal(size=t.shape)) for t in y)
    back = ps.vjp(fn, *primals)[1](flows)

    def dot(a: Any, b: Any) -> float:
        return float(sum(np.sum(x.numpy() * z.numpy()) for x, z in zip(a, b, strict=True)))

    np.testing.assert_allclose(dot(flows, moved), dot(back, tangents), rtol=1e-9, atol=1e-9)


# ---- many rows

SMALL = 2000
SAMPLES = 5


def _small_cases() -> Iterator[Any]:
    """A few samples of every op: small, and each of other shapes or attributes."""
    for name, block in BLOCKS_OF_CORE.items():
        if block.samples_fn is None or block.schema.effects != "none":
            continue
        seen: set[str] = set()
        for i, sample in enumerate(block.samples_fn(rng_of(name))):
            call = Call((name, sample))
            what = repr(
                [leaf.shape if isinstance(leaf, np.ndarray) else leaf for leaf in call.leaves]
            )
            if not call.arrays or what in seen or sum(a.size for a in call.arrays) > SMALL:
                continue
            seen.add(what)
            yield pytest.param((name, sample), id=f"{name}-{i}-{sample.label}")
            if len(seen) == SAMPLES:
                break


def rows_of(a: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Three rows, the middle one another; of a symmetric matrix another symmetric one."""
    symmetric = a.ndim > 1 and a.shape[-1] == a.shape[-2]
    turned = np.flip(a, (-2, -1)) if symmetric else a[::-1] if a.ndim else a
    return np.stack([a, turned, a]).reshape(3, *a.shape)


# What another order makes invalid: a tree's nodes, the rows of a tree's node.
ORDERED = ("tree_grow", "tree_predict")


@pytest.mark.parametrize("case", list(_small_cases()))
def test_vmap_equals_a_loop(case: Any, close: Any) -> None:
    call = Call(case)
    count = len(call.arrays)
    one = [tuple(i == j for j in range(count)) for i in range(count)]
    choices = {tuple([True] * count), *one} if count < 4 else {tuple([True] * count), *one[:2]}
    for flags in choices:
        three = (lambda a: np.stack([a, a, a])) if case[0] in ORDERED else rows_of
        given = [three(a) if b else a for a, b in zip(call.arrays, flags, strict=True)]
        rows = [
            [ps.asarray(g[i] if b else g) for g, b in zip(given, flags, strict=True)]
            for i in range(3)
        ]
        try:
            expected = [call(*row) for row in rows]
        except ValueError:
            assert not all(flags)  # labels of one sample and lengths of another, for instance
            continue
        axes = tuple(0 if b else None for b in flags)
        made = ps.vmap(call, in_axes=axes)(*map(ps.asarray, given))
        for i, results in enumerate(expected):
            for actual, wanted in itertools.zip_longest(made, results):
                assert actual.dtype == wanted.dtype
                close(actual[i], wanted)


# ---- what a block must have


@every_block
def test_block_is_complete(name: str) -> None:
    block = BLOCKS[name]
    gradient = block.vjp_fn or (block.compose_fn if not block.no_gradient else None)
    assert bool(gradient) != bool(block.no_gradient)
    assert block.schema.effects == EFFECTS.get(name, "none")
    assert callable_of(name).schema is block.schema  # type: ignore[attr-defined]
    if name in RUNTIME:
        return
    assert block.reference_fn or block.compose_fn
    labels = {s.label for s in block.samples_fn(rng_of(name))}  # type: ignore[misc]
    assert len(labels) > 1


@every_block
def test_manual_is_complete(name: str) -> None:
    doc = inspect.getdoc(BLOCKS[name].function) or ""
    summary, *rest = doc.splitlines()
    assert summary.endswith(".")
    for section in ("Args:", "Returns:", "Raises:"):
        assert section in rest
    assert "Example:" in rest or name in RUNTIME
    for parameter in inspect.signature(BLOCKS[name].function).parameters:
        assert f"    {parameter}: " in doc


# What users call, and the ops that gradients and variables are made of.
FUNCTIONS = sorted({*ps.ops.__all__, *BLOCKS} - {"op"})


@pytest.mark.parametrize("name", FUNCTIONS)
def test_examples_in_the_manual_are_true(name: str) -> None:
    text = inspect.getdoc(getattr(ps, name) if name in ps.ops.__all__ else callable_of(name)) or ""
    names = {"penstock": ps, "np": np}
    example = doctest.DocTestParser().get_doctest(text, names, name, None, None)
    assert example.examples or name in RUNTIME
    failed, _ = doctest.DocTestRunner(verbose=False).run(example)
    assert not failed
