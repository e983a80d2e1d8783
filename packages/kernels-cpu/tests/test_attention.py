"""Attention and its gradients against PyTorch in float64, and against memory that a matrix of scores would need."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import penstock as ps
from penstock import _native

torch = pytest.importorskip("torch")
F = pytest.importorskip("torch.nn.functional")

# query, key, value
SHAPES = [
    ((1, 1), (1, 1), (1, 1)),
    ((5, 4), (7, 4), (7, 3)),
    ((2, 3, 64, 32), (2, 3, 128, 32), (2, 3, 128, 32)),
    ((2, 65, 17), (2, 129, 17), (2, 129, 33)),
    ((1, 200, 64), (1, 300, 64), (1, 300, 64)),
    ((130, 8), (40, 8), (40, 100)),
    ((2, 400, 33), (2, 700, 33), (2, 700, 32)),  # cut into blocks, not by heads
    ((40, 9, 5), (40, 7, 5), (40, 7, 6)),  # more heads than chunks
]


def attend(
    q: Any, k: Any, v: Any, mask: Any = None, causal: bool = False, scale: Any = None
) -> Any:
    return ps.nn.scaled_dot_product_attention(q, k, v, mask, causal=causal, scale=scale)


def compare(ours: Any, theirs: Any, arrays: Any, dy: Any) -> None:
    leaves = [torch.tensor(a.astype(np.float64), requires_grad=True) for a in arrays]
    want = theirs(*leaves)
    want.backward(torch.tensor(dy.astype(np.float64)))
    np.testing.assert_allclose(ours(*arrays), want.detach().numpy(), rtol=1e-5, atol=1e-5)
    which = tuple(range(len(arrays)))
    gradients = ps.grad(lambda *args: ps.sum(ours(*args) * dy), argnums=which)(*arrays)
    for gradient, leaf in zip(gradients, leaves, strict=True):
        truth = leaf.grad.numpy()
        bound = 1e-5 * (1 + float(np.abs(truth).max()))
        np.testing.assert_allclose(gradient, truth, rtol=1e-4, atol=bound)


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
@pytest.mark.parametrize("causal", [False, True])
def test_attention_and_its_gradients(shapes: Any, causal: bool, draw: Any) -> None:
    q, k, v = (draw(*s) for s in shapes)
    compare(
        lambda q, k, v: attend(q, k, v, causal=causal),
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=causal),
        (q, k, v),
        draw(*shapes[0][:-1], shapes[2][-1]),
    )


@pytest.mark.parametrize("mask", [(65, 129), (129,), (65, 1), (2, 1, 129), (1, 65, 129), (1, 1)])
def test_what_is_added_and_its_gradient(mask: Any, draw: Any) -> None:
    q, k, v = (draw(*s) for s in SHAPES[3])
    compare(
        lambda q, k, v, m: attend(q, k, v, m, scale=0.3),
        lambda q, k, v, m: F.scaled_dot_product_attention(q, k, v, m.expand(2, 65, 129), scale=0.3),
        (q, k, v, draw(*mask)),
        draw(2, 65, 33),
    )


def test_booleans_hide_keys(draw: Any) -> None:
    q, k, v = (draw(*s) for s in SHAPES[3])
    mask = np.random.default_rng(0).random((2, 65, 129)) < 0.4
    mask[..., 0] = True
    compare(
        lambda q, k, v: attend(q, k, v, mask, causal=True),
        lambda q, k, v: F.scaled_dot_product_attention(
            q, k, v, torch.tensor(mask & np.tri(65, 129, dtype=bool))
        ),
        (q, k, v),
        draw(2, 65, 33),
    )


def test_a_query_that_sees_no_key_gets_zeros_and_gives_none(draw: Any) -> None:
    q, k, v = draw(70, 8), draw(150, 8), draw(150, 8)
    mask = np.ones((70, 150), bool)
    mask[[3, 69]] = False
    y = attend(q, k, v, mask).numpy()
    assert not y[[3, 69]].any()
    assert y[[0, 68]].all()
    loss = ps.grad(lambda *args: ps.sum(attend(*args, mask) ** 2.0), argnums=(0, 1, 2))
    dq, dk, dv = (g.numpy() for g in loss(q, k, v))
    assert not dq[[3, 69]].any()
    assert np.isfinite(dk).all()
    assert np.isfinite(dv).all()


def test_large_scores(draw: Any) -> None:
    q, k, v = draw(70, 8) * 300, draw(200, 8), draw(200, 5)
    want = F.scaled_dot_product_attention(*(torch.tensor(a.astype(np.float64)) for a in (q, k, v)))
    np.testing.assert_allclose(attend(q, k, v), want.numpy(), rtol=2e-3, atol=2e-3)


def test_nan_stays_in_its_row(draw: Any) -> None:
    q, k, v = draw(70, 8), draw(200, 8), draw(200, 5)
    q[5, 2] = np.nan
    bad = np.isnan(attend(q, k, v).numpy())
    assert bad[5].all()
    assert bad.sum() == 5


def test_the_scores_are_never_written_down(python: Any) -> None:
    # The matrix would take 1 GiB; what the process may have in all is a good deal less.
    program = """
        import resource
        import numpy as np
        import penstock as ps

        q = ps.asarray(np.random.default_rng(0).standard_normal((16384, 4)).astype(np.float32))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        y = ps.nn.scaled_dot_product_attention(q, q, q, causal=True)
        dq = ps.grad(lambda q: ps.sum(ps.nn.scaled_dot_product_attention(q, q, q, causal=True)))(q)
        assert np.isfinite(dq.numpy()).all()
        print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
    """
    assert int(python(program)) < 100


@given(
    entries=st.integers(0, 2),
    heads=st.integers(1, 3),
    tokens=st.tuples(st.integers(0, 70), st.integers(0, 300)),
    sizes=st.tuples(st.integers(1, 70), st.integers(1, 40)),
    causal=st.booleans(),
    biased=st.booleans(),
)
@settings(max_examples=25, deadline=None)
def test_tokens_before_heads_give_the_same_bits(
    entries: int, heads: int, tokens: Any, sizes: Any, causal: bool, biased: bool
) -> None:
    rng = np.random.default_rng(0)
    queries, keys = tokens
    shapes = [(queries, sizes[0]), (keys, sizes[0]), (keys, sizes[1]), (queries, sizes[1])]
    q, k, v, dy = (
        ps.asarray(rng.standard_normal((entries, heads, *s)).astype("float32")) for s in shapes
    )
    bias = [ps.asarray(rng.standard_normal((heads, 1, keys)).astype("float32"))] if biased else []
    name = "attention_biased" if biased else "attention"

    def call(turn: Any, by_token: bool) -> list[Any]:
        given = [turn(q), turn(k), turn(v), *bias]
        attrs = {"causal": causal, "scale": None, "by_token": by_token}
        y, lse = _native.call_op(name, given, attrs)
        made = _native.call_op(f"{name}_grad", [*given, y, lse, turn(dy)], attrs)
        return [turn(y), lse, *map(turn, made)]

    turned = call(lambda t: ps.swapaxes(t, 1, 2), True)
    for a, b in zip(turned, call(lambda t: t, False), strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
