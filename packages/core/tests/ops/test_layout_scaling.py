"""Padding modes, blocks as channels, clipped norms: against NumPy and plain loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock import nn

MODES = ("constant", "edge", "reflect", "symmetric", "wrap")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("traced", [False, True])
def test_padding_is_numpys(mode: str, traced: bool) -> None:
    x = np.arange(12.0, dtype="float32").reshape(3, 4)
    widths = ((2, 1), (0, 3))

    def padded(x: Any) -> Any:
        return ps.pad(x, widths, mode)

    run = ps.function(padded) if traced else padded
    np.testing.assert_array_equal(run(x), np.pad(x, widths, mode))


def test_padding_an_axis_of_unknown_size() -> None:
    @ps.function
    def padded(x: Any) -> Any:
        return ps.pad(x, ((2, 2), (0, 0)), "symmetric")

    for rows in (2, 5, 7):
        x = np.arange(rows * 3.0).reshape(rows, 3)
        np.testing.assert_array_equal(padded(x), np.pad(x, ((2, 2), (0, 0)), "symmetric"))


def test_a_size_and_a_tensor_go_together() -> None:
    @ps.function
    def counted(x: Any) -> Any:
        return x.shape[0] - ps.sum(x), x.shape[0] * x

    x = np.arange(4.0)
    left, scaled = counted(x)
    assert float(left) == 4 - 6
    np.testing.assert_array_equal(scaled, 4 * x)


def test_the_gradient_of_a_reflection_adds_up_what_was_copied() -> None:
    x = np.arange(3.0)
    weight = np.arange(1.0, 7.0)
    made = ps.grad(lambda x: ps.sum(ps.pad(x, (2, 1), "reflect") * weight))(x)
    np.testing.assert_allclose(made, [3.0, 2.0 + 4.0 + 6.0, 1.0 + 5.0])


def test_padding_refuses_more_than_there_is() -> None:
    with pytest.raises(ValueError, match=r"\[pad\] .*at most 2 on a side; pad in several steps"):
        ps.pad([1.0, 2.0, 3.0], (3, 0), "reflect")
    with pytest.raises(ValueError, match="use one of 'constant', 'edge'"):
        ps.pad([1.0], 1, "mirror")
    with pytest.raises(ValueError, match="slice x to make it smaller"):
        ps.pad([1.0, 2.0], (-1, 0), "edge")
    with pytest.raises(ValueError, match="expected 4: before and after"):
        ps.pad([[1.0, 2.0]], (1, 1, 1), "edge")


def test_blocks_become_channels_and_go_back() -> None:
    x = np.arange(2 * 4 * 6 * 3.0).reshape(2, 4, 6, 3)
    made = np.asarray(nn.space_to_depth(x, 2))
    assert made.shape == (2, 2, 3, 12)
    np.testing.assert_array_equal(made[1, 1, 2], x[1, 2:4, 4:6].reshape(-1))
    np.testing.assert_array_equal(nn.depth_to_space(made, 2), x)


def test_blocks_must_fit() -> None:
    with pytest.raises(ValueError, match=r"\[space_to_depth\] .*must divide both"):
        nn.space_to_depth(np.ones((1, 5, 4, 1)), 2)
    with pytest.raises(ValueError, match="expected a multiple of 4"):
        nn.depth_to_space(np.ones((1, 5, 4, 3)), 2)
    with pytest.raises(ValueError, match="must be 1 or more"):
        nn.depth_to_space(np.ones((1, 5, 4, 3)), 0)
    with pytest.raises(ValueError, match="expected 4 axes"):
        nn.space_to_depth(np.ones((5, 4, 3)), 2)


@pytest.mark.parametrize(("axis", "batch_axis"), [(1, 0), (0, 1), (2, 0), (-1, -2)])
def test_sequences_are_turned_round_as_far_as_they_are_long(axis: int, batch_axis: int) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3, 4, 5))
    size, batch = x.shape[axis], x.shape[batch_axis]
    lengths = rng.integers(0, size + 1, batch)
    want = np.moveaxis(x, (batch_axis, axis), (0, 1)).copy()
    for row, length in zip(want, lengths, strict=True):
        row[:length] = row[:length][::-1].copy()
    want = np.moveaxis(want, (0, 1), (batch_axis, axis))
    np.testing.assert_array_equal(ps.reverse_sequence(x, lengths, axis, batch_axis), want)


def test_reversal_refuses_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match="one length for each"):
        ps.reverse_sequence(np.ones((2, 3)), [1, 2, 3])
    with pytest.raises(ValueError, match="two different axes"):
        ps.reverse_sequence(np.ones((2, 3)), [1, 2], axis=0)


def test_a_target_is_in_the_top_k_with_its_ties() -> None:
    scores = np.array([[1.0, 3.0, 2.0, 3.0], [0.0, np.inf, 5.0, 1.0]])
    assert np.asarray(nn.in_top_k([3, 2], scores, 1)).tolist() == [True, False]
    assert np.asarray(nn.in_top_k([2, 1], scores, 2)).tolist() == [False, False]
    with pytest.raises(ValueError, match=r"expected \[batch\] and \[batch, classes\]"):
        nn.in_top_k([1], [1.0, 2.0], 1)


def test_norms_are_clipped() -> None:
    x = np.random.default_rng(1).normal(size=(4, 5))
    for clip in (0.5, 100.0):
        want = x * min(1.0, clip / np.linalg.norm(x))
        np.testing.assert_allclose(nn.clip_by_norm(x, clip), want)
    rows = np.linalg.norm(x, axis=1, keepdims=True)
    np.testing.assert_allclose(nn.clip_by_norm(x, 1.0, axis=1), x / np.maximum(rows, 1.0))
    made = ps.grad(lambda x: ps.sum(nn.clip_by_norm(x, 1.0)))(np.zeros(3))
    np.testing.assert_array_equal(made, np.ones(3))


def test_a_global_norm_is_that_of_all() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(3, 2)), rng.normal(size=4)
    norm = np.linalg.norm(np.concatenate([a.ravel(), b]))
    clipped, found = nn.clip_by_global_norm([a, b], 0.1)
    np.testing.assert_allclose(found, norm)
    np.testing.assert_allclose(clipped[1], b * 0.1 / norm)
    spoiled, _ = nn.clip_by_global_norm([a, [np.inf]], 1.0)
    assert np.isnan(np.asarray(spoiled[0])).all()
    with pytest.raises(ValueError, match="must be above 0"):
        nn.clip_by_global_norm([a], 0.0)
    with pytest.raises(ValueError, match="one or more"):
        nn.global_norm([])


def test_zero_wins_over_a_logarithm() -> None:
    x, y = np.array([0.0, 0.0, 2.0]), np.array([0.0, np.inf, 3.0])
    np.testing.assert_allclose(ps.xlogy(x, y), [0, 0, 2 * np.log(3)])
    np.testing.assert_allclose(ps.xlog1py(x, [-1.0, np.inf, 3.0]), [0, 0, 2 * np.log(4)])
    np.testing.assert_allclose(ps.divide_no_nan(y, [0.0, 2.0, 3.0]), [0, np.inf, 1])
    slope = ps.grad(lambda y: ps.sum(ps.xlogy(x, y)))(y)
    np.testing.assert_allclose(slope, [0, 0, 2 / 3])
